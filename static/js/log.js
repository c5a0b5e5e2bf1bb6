// The log of a run: follow, find, levels, wrap. New lines may come from anywhere: the list itself is watched.

import { $, $$, each, kept, on, say } from './dom.js'

const MOST_LINES = 2000

const logs = new WeakMap()
const logOf = (element) => logs.get(element.closest?.('[data-log]'))

on('scroll', ({ target }) => logOf(target)?.scrolled(), { capture: true, passive: true })

on('input', ({ target }) => {
  if (target.matches('[data-log-find]')) logOf(target).find(target.value.trim().toLowerCase())
  if (target.matches('[data-log-level]')) logOf(target).list.dataset.level = target.value
})

on('click', (event) => {
  const log = logOf(event.target)
  const pressed = log && event.target.closest('[data-log-wrap], [data-log-follow], [data-log-down], .log a')
  if (!pressed || event.ctrlKey || event.metaKey) return
  event.preventDefault()
  if (pressed.matches('a')) log.pick(pressed)
  else if (pressed.matches('[data-log-wrap]')) log.wrap(!log.wraps)
  else log.follow(pressed.matches('[data-log-down]') || !log.follows)
})

// The stream's last word. It may come to the box or to what is around it.
on('finished', ({ target }) => {
  for (const box of $$('[data-follow]')) if (target.contains(box)) logs.get(box).end()
})

class Log {
  most = MOST_LINES
  query = ''

  constructor(box) {
    this.box = box
    this.list = $('.log', box)
    this.wrap(kept('localStorage', 'log-wrap') ?? true)
    const picked = $('.pick', this.list)
    if (picked) this.list.scrollTop = picked.offsetTop - this.list.offsetTop - this.list.clientHeight / 2
    picked?.scrollIntoView({ block: 'nearest' })
    this.follow(this.isLive && !picked)
    new MutationObserver((changes) => this.changed(changes)).observe(this.list, { childList: true })
  }

  get isLive() { return this.box.matches('[data-follow]') }

  changed(changes) {
    let added = 0
    for (const { addedNodes, nextSibling } of changes) {
      if (nextSibling) this.most += addedNodes.length // earlier lines that somebody asked for
      else added += addedNodes.length
    }
    while (this.list.childElementCount > this.most) this.list.firstElementChild.remove()
    if (this.query) this.find(this.query)
    if (this.follows) this.follow(true)
    else if (this.isLive) this.more(this.unseen + added)
  }

  scrolled() {
    const { scrollHeight, scrollTop, clientHeight } = this.list
    if (scrollTop === this.top) return // the news of our own scrolling, a frame late
    this.top = scrollTop
    const isAtEnd = scrollHeight - scrollTop - clientHeight < 24
    if (this.isLive && isAtEnd !== this.follows) this.follow(isAtEnd)
  }

  follow(follows) {
    this.follows = follows
    if (follows) this.list.scrollTop = this.list.scrollHeight
    this.top = this.list.scrollTop
    this.more(0)
    this.set('follow', follows)
    this.tell()
  }

  end() {
    this.box.removeAttribute('data-follow')
    $('[data-log-follow]', this.box)?.remove()
    this.follow(false)
  }

  more(count) {
    this.unseen = count
    const button = $('[data-log-down]', this.box)
    button.hidden = !count
    $('span', button).textContent = count === 1 ? '1 new line' : `${count} new lines`
  }

  wrap(wraps) {
    this.wraps = kept('localStorage', 'log-wrap', wraps) ?? wraps
    this.list.classList.toggle('nowrap', !wraps)
    this.set('wrap', wraps)
  }

  set(name, isOn) { $(`[data-log-${name}]`, this.box)?.setAttribute('aria-pressed', isOn) }

  tell() {
    const state = $('[data-log-state]', this.box)
    const count = $$('li:not(.miss)', this.list).length
    const text = this.query ? `${count} of ${this.list.childElementCount} lines` : this.follows ? 'Following, live' : 'Not following'
    state.hidden = !this.isLive && !this.query
    $('span', state).textContent = text
    if (this.query) say(text)
  }

  // Lines without the words go; in the others the browser paints them, so that colours of the program stay.
  find(query) {
    this.query = query
    const ranges = []
    for (const line of this.list.children) {
      const isMiss = !line.lastElementChild.textContent.toLowerCase().includes(query)
      line.classList.toggle('miss', isMiss)
      if (query && !isMiss) ranges.push(...places(line.lastElementChild, query))
    }
    CSS.highlights?.set('find', new Highlight(...ranges))
    this.tell()
  }

  pick(link) {
    $('.pick', this.list)?.classList.remove('pick')
    link.parentElement.classList.add('pick')
    const address = new URL(location)
    address.searchParams.set('line', link.textContent)
    history.replaceState(history.state, '', address)
  }
}

function places(element, query) {
  const ranges = []
  const texts = document.createTreeWalker(element, NodeFilter.SHOW_TEXT)
  while (texts.nextNode()) {
    const { currentNode: text } = texts
    for (const { index } of text.data.toLowerCase().matchAll(RegExp.escape?.(query) ?? query.replace(/\W/g, '\\$&'))) {
      const range = new Range()
      range.setStart(text, index)
      range.setEnd(text, index + query.length)
      ranges.push(range)
    }
  }
  return ranges
}

each('[data-log]', (box) => logs.set(box, new Log(box)))
