// Reads offline what was shown last, and shows what is pushed. Before it stand MARK and FILES: what it keeps of ours.

const STATIC = `static-${MARK}`
const PAGES = 'pages'
const LONGEST = 12 * 3600e3 // a sign-in that was not used for so long is over, too
const image = (name) => FILES.find((file) => file.includes(`/${name}.`))

const keyOf = (path) => path.replace(/\/calendar\b.*/, '/calendar')
const made = (answer) => Date.parse(answer.headers.get('Date'))

addEventListener('install', (event) => {
  event.waitUntil(caches.open(STATIC).then((files) => files.addAll(FILES)).then(() => skipWaiting()))
})

addEventListener('activate', (event) => event.waitUntil(renew()))

// Pages of before are fetched anew: they ask for files of before.
async function renew() {
  for (const name of await caches.keys()) if (name !== STATIC && name !== PAGES) await caches.delete(name)
  await clients.claim()
  const pages = await caches.open(PAGES)
  for (const { url } of await pages.keys()) {
    const fresh = await fetch(url.replace(/\/calendar$/, '/calendar?view=agenda')).catch(() => null)
    if (fresh?.headers.has('Carillon-Keep')) await keep(fresh)
    else await pages.delete(url)
  }
}

addEventListener('fetch', (event) => {
  const { request } = event
  const { origin, pathname } = new URL(request.url)
  if (origin !== location.origin) return
  if (request.mode === 'navigate') event.respondWith(visit(event, request, pathname))
  else if (pathname.startsWith('/static/')) event.respondWith(caches.match(request, { cacheName: STATIC }).then((file) => file ?? fetch(request)))
})

async function visit(event, request, path) {
  if (path === '/login' || path === '/logout') await caches.delete(PAGES)
  if (path === '/logout') event.waitUntil(leave())
  try {
    const answer = await fetch(request)
    if (answer.headers.has('Carillon-Keep')) event.waitUntil(keep(answer.clone()))
    return answer
  } catch {
    if (request.method === 'GET' || path === '/share') return await kept(path) ?? caches.match('/offline')
    for (const page of await clients.matchAll()) page.postMessage('unsent')
    return new Response(null, { status: 204 }) // the page stays, with all that was typed
  }
}

// The server says by a header which pages are kept, and for which sign-in.
async function keep(answer) {
  const who = answer.headers.get('Carillon-Keep')
  const pages = await caches.open(PAGES)
  for (const key of await pages.keys()) {
    if ((await pages.match(key)).headers.get('Carillon-Keep') !== who) await pages.delete(key)
  }
  await pages.put(keyOf(new URL(answer.url).pathname), answer)
}

async function kept(path) {
  const pages = await caches.open(PAGES)
  const keys = (await pages.keys()).map(({ url }) => new URL(url).pathname)
  const found = await pages.match(path === '/' ? keys.find((key) => key.endsWith('/today')) ?? path : keyOf(path))
  if (!found || Date.now() - made(found) > LONGEST) return null
  const html = (await found.text()).replace('<body ', `<body data-kept="${made(found)}" `)
  return new Response(html, { headers: found.headers })
}

async function leave() {
  await (await registration.pushManager?.getSubscription())?.unsubscribe()
  for (const one of await registration.getNotifications()) one.close()
  await navigator.clearAppBadge?.()
}

addEventListener('push', (event) => {
  const { title, body, url, tag, badge, asks } = event.data.json()
  const actions = [{ action: 'open', title: 'Open' }]
  if (asks) actions.push({ action: 'approve', title: 'Approve' }) // on the page: nothing is decided from a lock screen
  const shown = registration.showNotification(title, {
    body, tag, data: url, actions, renotify: true, icon: image('icon-192'), badge: image('badge-96'),
  })
  event.waitUntil(Promise.all([shown, badge ? navigator.setAppBadge?.(badge) : navigator.clearAppBadge?.()]))
})

addEventListener('notificationclick', (event) => {
  event.notification.close()
  event.waitUntil(open(event.notification.data))
})

async function open(path) {
  const { href, origin } = new URL(path, location.origin)
  if (origin !== location.origin) return
  const shown = (await clients.matchAll()).find(({ url }) => url === href)
  await (shown ? shown.focus() : clients.openWindow(href)) // another page may hold what somebody types
}
