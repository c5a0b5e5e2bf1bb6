// The connection: offline, and a live view that is lost.

import { $, clock, icon, make, on } from './dom.js'

const banner = make('div', { class: 'offline', role: 'status' })

function tell(name, text, ...more) {
  banner.className = `offline ${name}`
  banner.replaceChildren(icon('plug'), make('span', {}, text), ...more)
  $('#main').prepend(banner)
}

const refresh = make('button', { class: 'btn small', type: 'button' }, 'Refresh')
refresh.addEventListener('click', () => location.reload())

// A page that the service worker kept says from when it is, and stays under that sentence until it is fetched anew.
const { clock: timeZone, kept: since } = document.body.dataset

function offline() {
  if (!timeZone) return // a page of nobody shows nothing that was here
  const at = since ? new Date(+since) : new Date()
  const day = at.toDateString() === new Date().toDateString() ? '' : 'yesterday '
  const why = navigator.onLine ? 'Carillon does not answer' : 'You are offline'
  tell('', `${why}. Showing what was here ${day}at ${clock(timeZone, at)}.`, ...(since ? [refresh] : []))
}

if (since || !navigator.onLine) offline()
window.addEventListener('offline', offline)
window.addEventListener('online', () => {
  if (!since) banner.remove()
  else setTimeout(() => navigator.onLine && location.reload(), 500) // the network needs a moment
})

let timer = 0

function worry() {
  if (!since) timer ||= setTimeout(tell, 3000, 'live-lost', 'Live view lost, trying again.', refresh)
}

on('signed-out', () => location.reload()) // which leads to the door and back

// A stream lets go when its page becomes hidden. One that was opened in the background never became it.
on('htmx:sse:after:message', () => { if (document.hidden) document.dispatchEvent(new Event('visibilitychange')) })

on('htmx:sse:error', worry)
on('htmx:sse:before:connection', ({ detail }) => detail.connection.attempt && worry())
on('htmx:error', ({ target }) => target.hasAttribute?.('hx-sse:connect') && worry())
for (const type of ['htmx:sse:after:connection', 'htmx:sse:close']) {
  on(type, () => {
    timer = clearTimeout(timer)
    if (!since) banner.remove()
  })
}

// The stream is of many people and says only that somebody was told of something; how much is new is asked for.
const rope = $('#bell-look')
if (rope) {
  let { mark } = rope.dataset
  const ring = () => {
    if (mark !== (mark = rope.dataset.mark)) htmx.ajax('GET', `${document.body.dataset.team}/notifications/bell`, { target: '#bell', swap: 'outerHTML' })
  }
  new MutationObserver(ring).observe(rope, { attributes: true })
}
