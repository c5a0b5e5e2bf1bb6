// The palette: a dialog with a combobox over a listbox. The page brings the first list, the server the rest.

import { $, $$, icon, kept, make, on } from './dom.js'

const dialog = $('#palette')
const field = $('#palette input')
const list = $('#palette-list')
const own = JSON.parse($('#palette-items')?.textContent ?? '[]')
const { team } = document.body.dataset
const memory = `recent:${team}`

let shown = []
let at = 0
let soon = 0
let asking = new AbortController()

export function openPalette() {
  if (!dialog || dialog.open) return
  $('dialog[open]')?.close()
  field.value = ''
  dialog.showModal()
  show(found(''))
}

on('click', (event) => {
  const option = event.target.closest('#palette-list [role=option]')
  if (option) choose(shown[$$('[role=option]', list).indexOf(option)])
  if (!event.target.closest('[data-palette]') || event.ctrlKey || event.metaKey) return
  event.preventDefault()
  openPalette()
})

field?.addEventListener('input', () => {
  const query = field.value.trim()
  show(found(query))
  clearTimeout(soon)
  asking.abort()
  if (query) soon = setTimeout(ask, 150, query)
})

field?.addEventListener('keydown', (event) => {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key]
  if (step) mark((at + step + shown.length) % shown.length)
  else if (event.key === 'Enter') choose(shown[at])
  else return
  event.preventDefault()
})

// What is known without asking: recent first, then places and actions that hold every word.
function found(query) {
  const words = query.toLowerCase().split(/\s+/)
  return [...(kept('localStorage', memory) ?? []), ...own].filter(({ text }) => words.every((word) => text.toLowerCase().includes(word)))
}

async function ask(query) {
  asking = new AbortController()
  try {
    const answer = await fetch(`${team}/palette?q=${encodeURIComponent(query)}`, asking)
    if (answer.ok) show([...found(query), ...await answer.json()])
  } catch { /* away or overtaken: what the page knows stays */ }
}

function show(items) {
  shown = items.filter((item, place) => items.findIndex(({ url }) => url === item.url) === place)
  list.replaceChildren(...shown.flatMap((item, place) => {
    const isNew = item.group !== shown[place - 1]?.group
    return [...isNew ? [make('p', { class: 'group', 'aria-hidden': 'true' }, item.group)] : [], row(item, place)]
  }))
  $('[role=status]', dialog).textContent = field.value && `${shown.length} found`
  mark(0)
}

function row({ icon: name, text, sub, keys }, place) {
  const option = make('div', { role: 'option', id: `option-${place}` }, icon(name), make('span', {}, text))
  if (sub) option.append(make('span', { class: 'sub' }, sub))
  if (keys) option.append(...keys.split(' ').map((key) => make('kbd', {}, key)))
  return option
}

function mark(place) {
  at = place
  $$('[role=option]', list).forEach((option, nth) => option.setAttribute('aria-selected', nth === at))
  const option = $(`#option-${at}`)
  option?.scrollIntoView({ block: 'nearest' })
  field.setAttribute('aria-activedescendant', option?.id ?? '')
  field.setAttribute('aria-expanded', Boolean(option))
}

function choose(item) {
  if (!item) return
  const others = (kept('localStorage', memory) ?? []).filter(({ url }) => url !== item.url)
  if (!item.url.includes('?')) kept('localStorage', memory, [{ ...item, group: 'Recent' }, ...others].slice(0, 5))
  dialog.close()
  location.assign(item.url)
}

// Names of a team's tasks don't stay behind in the browser of somebody who left.
on('submit', ({ target }) => { if (target.matches('[action="/logout"]')) localStorage.clear() })
