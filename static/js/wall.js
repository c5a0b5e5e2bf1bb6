// The wall: shows what its stream brings, says how fresh that is, turns from team to team, and never gives up.

const wall = document.querySelector('[data-wall]')
const state = document.querySelector('#wall-live')
const { token, zone, turn } = wall.dataset
const faces = wall.dataset.faces.split(' ')
const STALE = 15000, AGAIN = 3000

let face = faces.indexOf(wall.dataset.face)
let source, heard = 0, ahead = 0

const address = (path) => `${path}?${new URLSearchParams({ token, team: faces[face] })}`
const clock = (at) => new Date(at).toLocaleTimeString('en-GB', { timeStyle: 'short', timeZone: zone })

function say(text, isStale) {
  const words = state.querySelector('span')
  if (words.textContent !== text) words.textContent = text
  state.classList.toggle('is-stale', isStale)
  wall.classList.toggle('is-stale', isStale)
}

function show({ data }) {
  for (const part of new DOMParser().parseFromString(data, 'text/html').querySelectorAll('hx-partial > [id]')) {
    document.getElementById(part.id)?.replaceWith(part)
  }
  for (const [place, link] of wall.querySelectorAll('nav a').entries()) {
    if (place === face) link.setAttribute('aria-current', 'page')
    else link.removeAttribute('aria-current')
  }
  document.title = `${document.querySelector('#wall-name').textContent} · Carillon wall`
  heard = Date.now()
  ahead = Date.parse(document.querySelector('#wall-clock').dataset.at) - heard
  say('Live', false)
}

function listen() {
  source?.close()
  const own = source = new EventSource(address('/wall/live'))
  own.onmessage = show
  for (const kind of ['finished', 'signed-out']) own.addEventListener(kind, check)
  own.onerror = () => { if (own.readyState === EventSource.CLOSED) setTimeout(() => own === source && check(), AGAIN) }
}

// The stream ended or was refused: the wall was removed, or the server is away for a while.
async function check() {
  source.close()
  const answer = await fetch(address('/wall'), { cache: 'no-store' }).catch(() => null)
  if (answer?.status === 404) return blank()
  setTimeout(listen, AGAIN)
}

function blank() {
  clearInterval(ticking)
  clearInterval(turning)
  document.title = 'Carillon'
  wall.replaceChildren()
}

function tick() {
  const now = Date.now()
  const isStale = heard && now - heard > STALE
  if (isStale) say(`Stale since ${clock(heard + ahead)}`, true)
  if (heard) document.querySelector('#wall-clock .tm').textContent = clock(now + ahead)
  // A connection may be dead without anybody having closed it.
  if (isStale && Math.round((now - heard) / 1000) % 30 === 0) listen()
}

function next() {
  if (matchMedia('(prefers-reduced-motion: reduce)').matches) return
  face = (face + 1) % faces.length
  listen()
}

listen()
const ticking = setInterval(tick, 1000)
const turning = turn && setInterval(next, turn * 1000)
