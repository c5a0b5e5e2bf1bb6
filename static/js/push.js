// Turns notifications on in this browser, and marks it in the list of devices.

const box = document.getElementById('this-device')
const form = box.querySelector('form')
const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, '+').replace(/_/g, '/')), (one) => one.charCodeAt(0))
const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '')

function show(state) {
  for (const part of box.querySelectorAll('[data-if]')) part.hidden = part.dataset.if !== state
}

async function state() {
  if (!window.isSecureContext) return 'insecure'
  if (!window.PushManager || !navigator.serviceWorker) return /iPhone|iPad/.test(navigator.userAgent) ? 'home' : 'none'
  if (Notification.permission === 'denied') return 'blocked'
  const own = await (await navigator.serviceWorker.getRegistration())?.pushManager.getSubscription()
  const tag = own && [...document.querySelectorAll('[data-endpoint]')].find(({ dataset }) => dataset.endpoint === own.endpoint)
  if (tag) tag.hidden = false
  return tag ? 'on' : 'off'
}

form.addEventListener('submit', async (event) => {
  event.preventDefault()
  try {
    if (await Notification.requestPermission() === 'denied') return show('blocked')
    const { pushManager } = await navigator.serviceWorker.ready
    await (await pushManager.getSubscription())?.unsubscribe() // it may be of another key
    const own = await pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: bytes(box.dataset.push) })
    form.elements.endpoint.value = own.endpoint
    form.elements.public_key.value = text(own.getKey('p256dh'))
    form.elements.auth.value = text(own.getKey('auth'))
    form.submit()
  } catch { show('failed') }
})

state().then(show)
