// Dialogs, menus, toasts, copying and dismissing.

import { $, $$, each, icon, make, on, say } from './dom.js'

on('click', (event) => {
  const pressed = event.target.closest('[data-open], [data-close], [data-dismiss], button[data-copy]')
  if (pressed && act(pressed, pressed.dataset)) event.preventDefault()
  if (event.target.matches('dialog')) event.target.close() // the backdrop: what is inside covers the dialog itself
  for (const menu of $$('[data-pop][open]')) if (!menu.contains(event.target)) menu.open = false
})

function act(pressed, { open, dismiss, copy }) {
  if (copy !== undefined) navigator.clipboard?.writeText(copy).then(() => say('Copied.'))
  else if (dismiss !== undefined) $(dismiss)?.remove()
  else if (open === undefined) pressed.closest('dialog').close()
  else return document.getElementById(open)?.showModal() ?? true
  return true
}

// Closes the menu on top; whether there was one. Dialogs close themselves.
export function closeMenu() {
  const menu = $$('[data-pop][open]').pop()
  if (!menu) return false
  menu.open = false
  $('summary', menu).focus()
  return true
}

each('[data-copy]:not(button)', (text) => {
  const copy = text.dataset.copy || text.textContent.trim()
  text.after(make('button', { class: 'btn small quiet icon', type: 'button', 'aria-label': 'Copy', 'data-copy': copy }, icon('copy')))
})

// The server sends HX-Trigger: {"toast": {"text", "tone", "undo_url"}}, or puts the toast into the page.
on('toast', ({ detail }) => toast(detail.text ?? detail.value, detail.tone, detail.undo_url))

export function toast(text, tone, undo) {
  const box = make('div', { class: tone ? `toast is-${tone}` : 'toast', 'data-toast': '' }, make('span', {}, text))
  if (undo) box.append(undoForm(undo))
  $('#toasts').append(box)
  look()
}

function undoForm(action) {
  const token = JSON.parse(document.body.getAttribute('hx-headers:inherited'))['X-CSRFToken']
  return make('form', { method: 'post', action },
    make('input', { type: 'hidden', name: 'csrf_token', value: token }),
    make('button', { class: 'btn small' }, 'Undo'))
}

const look = each('[data-toast]', (box) => {
  say($('span', box).textContent)
  const leave = () => (box.matches(':hover, :focus-within') ? setTimeout(leave, 1000) : box.remove())
  setTimeout(leave, 8000)
})
