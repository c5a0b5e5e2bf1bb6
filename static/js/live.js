// The connection: offline, and a live view that is lost.

import { $, clock, icon, make, on } from './dom.js'

const banner = make('div', { class: 'offline', role: 'status' })

function tell(name, text, ...more) {
  banner.className = `offline ${name}`
  banner.replaceChildren(icon('plug'), make('span', {}, text), ...more)
  $('#main').prepend(banner)
}

const offline = () => tell('', `You are offline. Showing what was here at ${clock()}.`)
if (!navigator.onLine) offline()
window.addEventListener('offline', offline)
window.addEventListener('online', () => banner.remove())

let timer = 0

function worry() {
  timer ||= setTimeout(tell, 3000, 'live-lost', 'Live view lost, trying again.', refresh)
}

const refresh = make('button', { class: 'btn small', type: 'button' }, 'Refresh')
refresh.addEventListener('click', () => location.reload())

on('signed-out', () => location.reload()) // which leads to the door and back

// A stream lets go when its page becomes hidden. One that was opened in the background never became it.
on('htmx:sse:after:message', () => { if (document.hidden) document.dispatchEvent(new Event('visibilitychange')) })

on('htmx:sse:error', worry)
on('htmx:sse:before:connection', ({ detail }) => detail.connection.attempt && worry())
on('htmx:error', ({ target }) => target.hasAttribute?.('hx-sse:connect') && worry())
for (const type of ['htmx:sse:after:connection', 'htmx:sse:close']) {
  on(type, () => {
    timer = clearTimeout(timer)
    banner.remove()
  })
}
