// What is ticked in a list: [data-picked] says how many, and what takes two ([data-pair]) is there for two.

import { $, $$, on } from './dom.js'

const PICKED = '.c-pick :checked'

on('change', ({ target }) => { if (target.closest('.c-pick, .bulk')) recount(target.form) })
on('keydown', (event) => { if (event.key === 'Enter' && event.target.matches('.c-pick input')) event.preventDefault() }) // sends nothing
window.addEventListener('pageshow', () => $$('form:has([data-picked])').forEach(recount))

function recount(form) {
  const count = $$(PICKED, form).length
  $('[data-picked]', form).textContent = $('.bulk :checked', form) ? 'All that match' : `${count} selected`
  const pair = $('[data-pair]', form)
  if (pair) pair.hidden = count !== 2
}
