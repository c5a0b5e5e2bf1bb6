// Files dropped on a page with form[data-drop], or chosen there, are sent one by one as they are, with their progress.

import { $, each, make, on } from './dom.js'
import { toast } from './layers.js'

const zone = () => $('[data-drop]')
const holdsFiles = (event) => zone() && event.dataTransfer?.types.includes('Files')

for (const type of ['dragover', 'dragleave', 'drop']) {
  on(type, (event) => {
    if (!holdsFiles(event)) return
    event.preventDefault()
    zone().classList.toggle('is-over', type === 'dragover')
    if (type === 'drop') sendAll(zone(), [...event.dataTransfer.files])
  })
}

on('change', ({ target }) => { if (target.matches('[data-drop] [type=file]')) sendAll(target.form, [...target.files]) })

async function sendAll(form, files) {
  if (!files.length || $('.sending', form)) return
  const bar = make('progress', { 'aria-label': 'Sent so far' })
  const box = make('div', { class: 'sending', role: 'status' }, make('span', {}), bar)
  form.append(box)
  try {
    let url
    for (const file of files) {
      $('span', box).textContent = `Sending ${file.name}`
      url = await send(form, file, bar)
    }
    location.assign(files.length > 1 ? location.href.split('?')[0].replace(/\/import$/, '') : url)
  } catch (error) {
    box.remove()
    toast(error.message, 'fail')
  }
}

const send = (form, file, bar) => new Promise((done, fail) => {
  const request = new XMLHttpRequest()
  request.open('POST', `${form.dataset.drop}?name=${encodeURIComponent(file.name)}`)
  request.responseType = 'json'
  request.setRequestHeader('Accept', 'application/json')
  request.setRequestHeader('Content-Type', 'application/octet-stream')
  request.setRequestHeader('X-CSRFToken', form.elements.csrf_token.value)
  request.upload.onprogress = ({ loaded, total }) => { bar.max = total; bar.value = loaded }
  request.onload = () => (request.status < 300 ? done(request.response.url) : fail(Error(request.response?.error ?? `${file.name} was not taken.`)))
  request.onerror = () => fail(Error(`The connection broke while ${file.name} was sent. Try it again.`))
  request.send(file)
})

// A page that leads on by itself once its work is done; Back does not come here again.
each('[data-lead]', (link) => location.replace(link.href))
