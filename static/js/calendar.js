// The calendar's grid: runs that are to come are dragged, or moved by Alt and arrows, in steps of 15 minutes; what it
// comes to is said below. A drop, or M, opens the dialog in which it is decided. An empty place takes a new task.

const grid = document.getElementById('grid')
const box = document.getElementById('moving')
const dialog = document.getElementById('move')
const STEP = 12 // pixels of a quarter of an hour
const FROM = Number(grid.dataset.from)
const LAST = FROM + grid.querySelector('.hrs').children.length * 4 - 1

let moving = null // { link, item, ghost, day, quarter } while a run is elsewhere than it was
let asked = 0

const columns = () => [...grid.querySelectorAll('.wd')].filter((column) => column.checkVisibility())
const list = (column) => column.lastElementChild
const bounded = (quarter) => Math.min(Math.max(quarter, FROM), LAST)
const padded = (number) => String(number).padStart(2, '0')
const wall = ({ day, quarter }) => `${day}T${padded(Math.floor(quarter / 4))}:${padded((quarter % 4) * 15)}`

// --- a run that moves

function begin(link) {
  if (moving) stop()
  const item = link.closest('.b')
  const ghost = item.cloneNode(true)
  ghost.classList.add('ghost')
  ghost.querySelector('a').removeAttribute('href')
  ghost.setAttribute('aria-hidden', 'true')
  moving = { link, item, ghost, day: item.closest('.wd').dataset.day, quarter: Number(link.dataset.quarter) }
  item.classList.add('from')
}

function put(column, quarter) {
  moving.day = column.dataset.day
  moving.quarter = bounded(quarter)
  place(moving.ghost, moving.quarter)
  list(column).append(moving.ghost)
  check()
}

function place(item, quarter) {
  item.className = item.className.replace(/\b[hq]\d+\b/g, '').trim() + ` h${Math.floor(quarter / 4)} q${quarter % 4}`
}

function stop() {
  moving?.ghost.remove()
  moving?.item.classList.remove('from')
  moving = null
  box.hidden = true
}

function refuse() {
  box.hidden = false
  box.firstElementChild.textContent = grid.dataset.new ? 'Only a single run that is still to come can be moved.' : 'You can look at runs here, not move them.'
}

grid.addEventListener('focusout', () => moving || stop())

function check() {
  const path = moving.link.dataset.move.split('/')
  const query = new URLSearchParams({ task: decodeURIComponent(path[4]), at: path[6], to: wall(moving) })
  const mine = ++asked
  setTimeout(async () => {
    if (mine !== asked || !moving) return
    const answer = await fetch(`${document.body.dataset.team}/calendar/move/check?${query}`, { headers: { 'HX-Request': 'true' } })
    const said = await answer.text()
    if (mine !== asked || !moving) return
    box.hidden = false
    box.firstElementChild.innerHTML = said
  }, 120)
}

const decide = (link, to) => show(`${link.dataset.move}?view=${grid.dataset.view}${to ? `&to=${to}` : ''}`)

async function show(url) {
  const answer = await fetch(url, { headers: { 'HX-Request-Type': 'partial' } })
  if (!answer.ok) return location.assign(url)
  dialog.innerHTML = await answer.text()
  if (!dialog.open) dialog.showModal()
  dialog.querySelector('[autofocus], a, button')?.focus()
}

// What runs often: the dialog lists its times, and a time leads to what can be done to that run.
for (const place of [grid, dialog]) place.addEventListener('click', (event) => {
  const link = event.target.closest('[data-dialog]')
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return
  event.preventDefault()
  show(link.href)
})

// What is chosen in the dialog is looked at anew.
dialog.addEventListener('change', async ({ target }) => {
  const query = new URLSearchParams(new FormData(target.form))
  query.delete('csrf_token')
  const answer = await fetch(`${target.form.action.replace(/move$/, '')}?${query}`.replace('/?', '?'), { headers: { 'HX-Request-Type': 'partial' } })
  if (!answer.ok) return
  const part = new DOMParser().parseFromString(await answer.text(), 'text/html')
  const [from, to] = [part, document].map((one) => one.getElementById('move-looked'))
  to.replaceChildren(...(part.querySelector('.err') ?? from).cloneNode(true).childNodes)
})

dialog.addEventListener('close', () => {
  const { link } = moving ?? {}
  stop()
  link?.focus()
})

// --- by mouse or pen

grid.addEventListener('dragstart', (event) => event.preventDefault())

grid.addEventListener('pointerdown', (event) => {
  if (event.button || event.pointerType === 'touch') return
  const link = event.target.closest('[data-move]')
  const empty = !event.target.closest('.b') && grid.dataset.new && event.target.closest('.wd')
  if (link) follow(event, link)
  else if (event.target.closest('.b a')) until(event, refuse, stop)
  else if (empty) draw(event, empty)
})

function follow(down, link) {
  const grabbed = Math.floor((down.clientY - link.getBoundingClientRect().top) / STEP)
  until(down, (event, column) => {
    if (!moving) begin(link)
    put(column, quarterAt(event, column) - grabbed)
  }, () => moving && decide(link, wall(moving)))
}

function draw(down, column) {
  const first = quarterAt(down, column)
  const ghost = document.createElement('li')
  ghost.innerHTML = '<a><span class="n">New task</span></a>'
  ghost.className = 'b ghost lq2'
  until(down, () => {
    place(ghost, first)
    list(column).append(ghost)
  }, () => {
    if (ghost.isConnected) location.assign(`${grid.dataset.new}${encodeURIComponent(wall({ day: column.dataset.day, quarter: first }).replace('T', ' '))}`)
  }, () => ghost.remove())
}

// Calls act while the pointer moves over a day, and end when it is let go there; Escape gives up.
function until(down, act, end, drop = stop) {
  let isOn = false
  const listening = new AbortController()
  const on = (type, what) => document.addEventListener(type, what, { signal: listening.signal, capture: true })
  on('pointermove', (event) => {
    if (!isOn && Math.hypot(event.clientX - down.clientX, event.clientY - down.clientY) < 6) return
    isOn = true
    const column = columns().find((one) => isWithin(event, one.getBoundingClientRect()))
    if (column) act(event, column)
  })
  on('pointerup', () => {
    listening.abort()
    if (!isOn) return
    grid.addEventListener('click', (event) => event.preventDefault(), { once: true, capture: true })
    setTimeout(end)
  })
  on('keydown', (event) => {
    if (event.key !== 'Escape') return
    event.preventDefault()
    listening.abort()
    drop()
  })
}

const isWithin = ({ clientX }, { left, right }) => left <= clientX && clientX < right
const quarterAt = ({ clientY }, column) => bounded(FROM + Math.floor((clientY - list(column).getBoundingClientRect().top) / STEP))

// --- by keys

const KEYS = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] }

grid.addEventListener('keydown', (event) => {
  const link = event.target.closest('[data-move]')
  if (!link && event.altKey && KEYS[event.key] && event.target.closest('.b a')) {
    event.preventDefault()
    return refuse()
  }
  if (!link) return
  const way = event.altKey && KEYS[event.key]
  if (way) step(link, ...way)
  else if (event.key === 'Enter' && moving) decide(link, wall(moving))
  else if (event.key === 'Escape' && moving) stop()
  else if (event.key === 'm' && !event.ctrlKey && !event.metaKey && document.body.dataset.keys !== 'off') decide(link)
  else return
  event.preventDefault()
  event.stopPropagation()
})

function step(link, days, quarters) {
  if (moving?.link !== link) begin(link)
  const all = columns()
  const at = all.findIndex((column) => column.dataset.day === moving.day)
  put(all[Math.min(Math.max(at + days, 0), all.length - 1)], moving.quarter + quarters)
}
