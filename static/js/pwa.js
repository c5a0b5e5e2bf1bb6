// The installed app: its service worker, what could not be sent, the number on its icon.

import { $, $$, each, kept, make, on } from './dom.js'
import { free } from './forms.js'
import { toast } from './layers.js'

const unsent = (why) => toast(`${why} What you typed is still here.`, 'fail')

on('submit', (event) => {
  if (navigator.onLine || event.target.method !== 'post') return
  event.preventDefault()
  event.stopImmediatePropagation()
  unsent('You are offline, so nothing was sent.')
}, true)

const AWAY = 'Carillon did not answer: look whether it was done before you send it again.'
on('htmx:error', ({ detail: { ctx, error } }) => {
  if (error instanceof TypeError && ctx?.request.method === 'POST') unsent(AWAY)
})

each('[data-unread]', ({ dataset: { unread } }) => {
  if (+unread) navigator.setAppBadge?.(+unread)
  else navigator.clearAppBadge?.()
})

const worker = navigator.serviceWorker
if (worker) {
  window.addEventListener('load', () => worker.register('/sw.js').then(greet, () => {}))
  worker.addEventListener('message', () => {
    for (const form of $$('form.htmx-request')) {
      free(form)
      unsent(AWAY)
    }
  })
}

// Once a sign-in, the server hears which device this is; one that is no longer this person's is told nothing more.
async function greet(registration) {
  const token = JSON.parse(document.body.getAttribute('hx-headers:inherited'))['X-CSRFToken']
  const own = document.body.dataset.team && await registration?.pushManager?.getSubscription()
  if (!own || kept('localStorage', 'device') === token.slice(0, 12)) return
  const body = new URLSearchParams({ endpoint: own.endpoint })
  const answer = await fetch('/me/devices/seen', { method: 'POST', body, headers: { 'X-CSRFToken': token } })
  if (answer.status === 404) await own.unsubscribe()
  else if (answer.ok) kept('localStorage', 'device', token.slice(0, 12))
}

// --- the page that is shown for those that are not kept: what can be read

const readable = $('[data-kept-pages]')
if (readable) {
  caches.open('pages').then((pages) => pages.keys()).then((keys) => {
    const names = { today: 'Today', tasks: 'Tasks', calendar: 'Agenda' }
    readable.hidden = !keys.length
    for (const { url } of keys) {
      const [, , team, part] = new URL(url).pathname.split('/')
      $('ul', readable).append(make('li', {}, make('a', { class: 'link', href: url }, `${names[part]} of ${team}`)))
    }
  })
}
