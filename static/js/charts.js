// Charts of Insights: figures come as JSON whose colours are names of tokens, and follow the theme of the page.

const probe = document.createElement('i')
probe.hidden = true
document.body.append(probe)

function colour(name) {
  probe.style.color = `var(--${name})`
  return getComputedStyle(probe).color
}

const painted = (value, key = '') => {
  if (typeof value === 'string') return /color$/.test(key) && value[0] === '$' ? colour(value.slice(1)) : value
  if (Array.isArray(value)) return value.map((one) => painted(one))
  if (value && typeof value === 'object') return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, painted(one, name)]))
  return value
}

function draw(box) {
  const [text, place] = box.children
  const { data, layout } = painted(JSON.parse(text.textContent))
  if (box.clientWidth < 480 && layout.showlegend) layout.height += 20 * data.length // its names stand below each other
  layout.font.family = getComputedStyle(document.body).fontFamily
  return Plotly.react(place, data, layout, { displayModeBar: false, responsive: true }).catch(() => tell(place))
}

const tell = (place) => { place.textContent = 'This chart could not be drawn. The table says the same.' }

const all = () => [...document.querySelectorAll('[data-chart]')].filter((box) => box.children.length)

// Each is drawn once it has come, and all of them anew once the page turns light or dark.
const known = new WeakSet()
function look() {
  for (const box of all()) {
    if (known.has(box)) continue
    known.add(box)
    try { draw(box) } catch { tell(box.lastElementChild) }
  }
}

document.addEventListener('htmx:after:settle', look)
look()

const again = () => all().forEach(draw)
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', again)
new MutationObserver(again).observe(document.documentElement, { attributeFilter: ['data-theme'] })
