// Single keys, G sequences and moving through lists. data-key is the event.key that presses an element;
// one in the chosen row of a [data-list] goes first. The chosen row is the one that holds the focus.

import { $, $$, on } from './dom.js'
import { closeMenu } from './layers.js'
import { openPalette } from './palette.js'

const TYPED = 'input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]'

let wentAt = 0 // when G was pressed

on('keydown', (event) => {
  const { key, target } = event
  if ((event.ctrlKey || event.metaKey) && key === 'k') openPalette()
  else if (key === 'Escape' && !$('dialog[open]')) return closeMenu() || (target.matches('[data-find]') && target.blur())
  else if (!isFree(event) || !press(key)) return
  event.preventDefault()
})

function isFree(event) {
  const isTaken = event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.defaultPrevented
  return !isTaken && document.body.dataset.keys !== 'off' && !event.target.closest(TYPED) && !$('dialog[open]')
}

// Does what the key stands for; whether it stands for anything here.
function press(key) {
  const goes = Date.now() - wentAt < 1200
  wentAt = key === 'g' && !goes ? Date.now() : 0
  if (goes) return click($(`[data-go="g ${CSS.escape(key)}"]`))
  return Boolean(wentAt) || (OWN[key] ?? pressNamed)(key)
}

const OWN = {
  '/': () => focus(seen('[data-find]')) || openPalette() || true,
  '?': () => click($('[data-open=shortcuts]')),
  '[': narrow,
  j: () => move(1),
  k: () => move(-1),
  l: () => click(seen('[data-key=l]')) || focus($('#log-lines')),
}

function pressNamed(key) {
  const named = `[data-key="${CSS.escape(key)}"]`
  const row = chosen()
  const inRow = row && ($(named, row) ?? (key === 'x' && $('[type=checkbox]', row)))
  return click(inRow || seen(`${named}:not([data-list] *)`) || (/^[1-6]$/.test(key) && $$('main .tabs > *')[key - 1]))
}

const seen = (selector) => $$(selector).find((one) => one.checkVisibility())
const click = (element) => Boolean(element) && (element.click(), true)
const focus = (element) => Boolean(element) && (element.focus(), true)
const chosen = () => document.activeElement.closest('[data-list] > *')

function move(step) {
  const rows = $$('[data-list] > *').filter((row) => $('a[href]', row) && row.checkVisibility())
  const row = rows[Math.max(0, rows.indexOf(chosen()) + step)] ?? rows.at(-1)
  return focus(row && ($('a.t', row) ?? $('a[href]', row)))
}

// Where a grid of hours has no room, the calendar begins with its agenda.
const handheld = matchMedia('(max-width: 860px)')
const keep = () => { document.cookie = `narrow=${handheld.matches ? 1 : ''}; path=/; max-age=31536000; samesite=lax` }
handheld.addEventListener('change', keep)
keep()

function narrow() {
  const { dataset } = document.documentElement
  dataset.side = dataset.side === 'slim' ? '' : 'slim'
  document.cookie = `side=${dataset.side}; path=/; max-age=31536000; samesite=lax`
  return true
}
