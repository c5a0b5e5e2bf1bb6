// Times go on: what runs counts up, what is far away comes nearer; title and favicon follow a run.

import { $, $$, on, say } from './dom.js'

const every = (seconds, act) => setInterval(() => { if (!document.hidden) act() }, seconds * 1000)

every(1, () => $$('[data-since]').forEach(count))
every(30, nearer)
on('visibilitychange', nearer)

// data-since: when it began. A <progress> moves, anything else says the time so far.
function count(element) {
  const seconds = Math.max(0, (Date.now() - Date.parse(element.dataset.since)) / 1000)
  if (element.matches('progress')) element.value = seconds
  else element.textContent = duration(Math.floor(seconds))
}

const UNITS = [[86400, 'd'], [3600, 'h'], [60, 'min'], [1, 's']]

// As the server says it (app/web/render.py), without tenths: 12 s, 3 min 4 s.
function duration(seconds) {
  const first = UNITS.findIndex(([size]) => seconds >= size)
  if (first < 0) return '0 s'
  const words = UNITS.map(([size, unit], nth) => [Math.floor((nth ? seconds % UNITS[nth - 1][0] : seconds) / size), unit])
  return words.slice(first, first + 2).filter(([number]) => number).map((word) => word.join(' ')).join(' ')
}

// Only times that are said as a distance are said anew.
function nearer() {
  for (const { firstChild: text, dateTime } of $$('time[datetime]')) {
    if (text?.data) text.data = text.data.replace(/now|in \d+ \w+|\d+ \w+ ago/, relative((Date.parse(dateTime) - Date.now()) / 1000))
  }
}

function relative(seconds) {
  const [size, unit] = UNITS.find((one) => Math.abs(seconds) >= one[0]) ?? []
  if (!size) return 'now'
  const number = Math.round(Math.abs(seconds) / size)
  const text = `${number} ${unit === 'd' ? (number === 1 ? 'day' : 'days') : unit}`
  return seconds > 0 ? `in ${text}` : `${text} ago`
}

// An element with data-title (and data-favicon: running, ok, fail, paused) gives them to the page.
on('htmx:after:settle', () => {
  const { title, favicon } = $('[data-title]')?.dataset ?? {}
  if (title) document.title = `${title} · Carillon`
  if (favicon) $('#favicon').href = $('#favicon').dataset[favicon]
})

// The parts that come live are the same for everybody: which step somebody looks at stands in the address.
on('htmx:after:settle', () => {
  const step = new URLSearchParams(location.search).get('step')
  if (step) $(`#step-${CSS.escape(step)} > a`)?.setAttribute('aria-current', 'true')
})

// What changes by itself is said at most every ten seconds: the text of [data-polite].
const polite = () => $('[data-polite]')?.textContent.trim()
let said = polite()

every(10, () => {
  if (polite() && polite() !== said) say(polite())
  said = polite()
})
