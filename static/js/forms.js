// Forms: sent once, kept while typing, code with Tab, the zone guessed.

import { $, $$, clock, each, kept, on } from './dom.js'
import { toast } from './layers.js'

// --- sent once: a second press does nothing until the answer is there, or until Back

on('submit', (event) => {
  const form = event.target
  if (event.defaultPrevented || form.method === 'dialog') return // htmx sends it, or nobody does
  if (form.matches('.htmx-request')) return event.preventDefault()
  form.classList.add('htmx-request') // the thin bar on top
  setTimeout(() => buttons(form, true)) // later, because a disabled button is not sent
  setTimeout(free, 15000, form) // a download never leaves the page
})

const buttons = (form, areOff) => [...form.elements].filter(({ type }) => type === 'submit').forEach((one) => { one.disabled = areOff })

export function free(form) {
  if (form.matches('.htmx-request')) buttons(form, false)
  form.classList.remove('htmx-request')
}

window.addEventListener('pageshow', () => $$('form').forEach(free))

// --- kept while typing: a form[data-draft] comes back after a lost connection or a wrong turn

const DRAFT = 'draft:'
const nameOf = (form) => DRAFT + location.pathname + form.id

const fieldsOf = (form) => [...new FormData(form)].filter(([name, value]) => name !== 'csrf_token' && typeof value === 'string')

function draft({ target, type }) {
  const form = target.closest('form[data-draft]')
  if (form) kept('sessionStorage', nameOf(form), { fields: fieldsOf(form), isSent: type === 'submit' })
}

on('change', draft)
on('submit', draft)

each('form[data-draft]', (form) => {
  const fields = kept('sessionStorage', nameOf(form))?.fields
  if (!fields || $('.error-summary') || JSON.stringify(fields) === JSON.stringify(fieldsOf(form))) return
  for (const field of form.elements) {
    const values = fields.filter(([name]) => name === field.name).map(([, value]) => value)
    if (field.matches('[type=checkbox], [type=radio]')) field.checked = values.includes(field.value)
    else if (values.length && field.type !== 'file') [field.value] = values
  }
  form.dispatchEvent(new Event('change', { bubbles: true }))
  drawAsLeft(form, fields)
  toast('What you typed here is back.')
})

// The server draws schedule boxes as they were left: as many, and written in the same way.
function drawAsLeft(form, fields) {
  const boxes = $('[data-asks]', form)
  if (!boxes) return
  kept('sessionStorage', nameOf(form), { fields })
  const asked = new URLSearchParams(fields.filter(([name]) => name.startsWith('when-')))
  htmx.ajax('GET', `${boxes.dataset.asks}&${asked}`, { target: boxes, swap: 'outerHTML' })
}

// A page of ours after a sent form is its answer: the draft has done its work.
for (const key of Object.keys(sessionStorage)) {
  if (key.startsWith(DRAFT) && kept('sessionStorage', key)?.isSent) kept('sessionStorage', key, null)
}

// --- a button of planning sets another field of its form, then asks: [data-sets], its value is name=value

on('click', ({ target }) => {
  const button = target.closest('[data-sets]')
  if (!button) return
  const [, name, value] = button.value.match(/(.*?)=(.*)/)
  for (const field of button.form.elements) if (field.name === name && (field.matches('input') || $$('option', field).some((one) => one.value === value))) field.value = value
}, true) // before htmx reads the form

// --- code: Tab indents, Esc then Tab leaves; Ctrl Enter sends any form

let leaves = false

on('keydown', (event) => {
  const { target, key } = event
  if (key === 'Enter' && (event.ctrlKey || event.metaKey)) target.form?.querySelector('.primary[type=submit]')?.click()
  // Within a fold that changes one thing, Enter sets that thing.
  const fold = key === 'Enter' && target.matches('input') && target.closest('details.change')
  if (fold) {
    event.preventDefault()
    fold.querySelector('[type=submit]').click()
  }
  if (!target.matches('[data-code]')) return
  if (key === 'Tab' && !event.shiftKey && !leaves) {
    event.preventDefault()
    indent(target)
  }
  leaves = key === 'Escape'
})

// execCommand is the one way that keeps the field's own undo.
function indent(field) {
  const { selectionStart: start, selectionEnd: end, value } = field
  if (!value.slice(start, end).includes('\n')) return document.execCommand('insertText', false, '    ')
  field.setSelectionRange(value.lastIndexOf('\n', start - 1) + 1, end)
  document.execCommand('insertText', false, value.slice(field.selectionStart, end).replace(/^(?=.)/gm, '    '))
}

// --- zones: a select[data-zone] starts with the browser's zone instead of UTC, and says what time it is there

each('select[data-zone]', (select) => {
  const here = Intl.DateTimeFormat().resolvedOptions().timeZone
  if (select.value === 'UTC' && $$('option', select).some(({ value }) => value === here)) select.value = here
  const tell = () => { $(`#${select.id}-hint`).textContent = `It is ${clock(select.value)} there now.` }
  select.addEventListener('change', tell)
  tell()
})

// --- a field with suggestions: all of it is chosen, so that the first letter begins a new search

on('focusin', ({ target }) => target.matches('[data-select]') && target.select())
