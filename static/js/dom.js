// Small words that the other modules share.

export const $ = (selector, from = document) => from.querySelector(selector)
export const $$ = (selector, from = document) => [...from.querySelectorAll(selector)]
export const on = (type, act, options) => document.addEventListener(type, act, options)

// Calls act with every element like this once: now, as swaps bring more, and whenever the answer is called.
export function each(selector, act) {
  const known = new WeakSet()
  const look = () => $$(selector).forEach((one) => known.has(one) || (known.add(one), act(one)))
  on('htmx:after:settle', look)
  look()
  return look
}

// Lets a screen reader say it; the pause makes the same words heard twice.
export function say(text) {
  $('#say').textContent = ''
  setTimeout(() => { $('#say').textContent = text }, 50)
}

// Makes an element; strings among the children become text, never markup.
export function make(tag, attributes, ...children) {
  const element = document.createElement(tag)
  for (const name in attributes) element.setAttribute(name, attributes[name])
  element.append(...children)
  return element
}

// An icon of the sprite: a copy of any icon of the page, pointed elsewhere.
export function icon(name) {
  const svg = $('svg.i[aria-hidden]').cloneNode(true)
  const use = $('use', svg)
  svg.setAttribute('class', 'i')
  use.setAttribute('href', use.getAttribute('href').replace(/#.*/, `#${name}`))
  return svg
}

export const clock = (timeZone, at = new Date()) => at.toLocaleTimeString('en-GB', { timeStyle: 'short', timeZone })

// What a browser refuses to keep (private windows throw) is only forgotten. null takes it away.
export function kept(store, key, value) {
  try {
    if (value === null) window[store].removeItem(key)
    else if (value !== undefined) window[store].setItem(key, JSON.stringify(value))
    return JSON.parse(window[store].getItem(key))
  } catch { return null }
}
