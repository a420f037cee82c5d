/** What a browser, a careless client or another site cannot make the demo do. */

import assert from 'node:assert/strict'
import { extname } from 'node:path'
import { after, before, test } from 'node:test'
import { Browser } from './testing/browser.js'
import { DemoProcess } from './testing/demo-process.js'

let demo: DemoProcess
let browser: Browser
before(async () => {
  demo = await DemoProcess.start()
})
after(() => demo.end())
test.beforeEach(() => {
  browser = new Browser(demo.url)
})

test('every answer carries the security headers, be it a page, a file or a refusal', async () => {
  const answers = [
    await browser.get('/'),
    await browser.get('/nowhere'),
    await browser.get('/api/figures'),
    await browser.get('/static/theme.css'),
    await browser.post('/login', { name: 'Ada' }),
    await browser.post('/cart', { product: 'rope', quantity: '100' }),
    await browser.post('/login', { name: 'a'.repeat(5000) }),
  ]

  assert.deepEqual(
    answers.map(({ status }) => status),
    [200, 404, 200, 200, 303, 400, 413],
  )
  for (const { headers } of answers) {
    const policy = headers.get('content-security-policy') ?? ''
    assert.match(policy, /default-src 'none'/)
    assert.match(policy, /frame-ancestors 'none'/)
    assert.doesNotMatch(policy, /unsafe/)
    assert.equal(headers.get('x-content-type-options'), 'nosniff')
    assert.equal(headers.get('referrer-policy'), 'same-origin')
  }
})

test('pages are kept by no cache, and files only if they are asked for again', async () => {
  const page = await browser.get('/')
  const file = await browser.get('/static/theme.css')
  const again = await browser.get('/static/theme.css', {
    'if-none-match': file.headers.get('etag') ?? '',
  })

  assert.equal(page.headers.get('cache-control'), 'no-store')
  assert.equal(file.headers.get('cache-control'), 'no-cache')
  assert.equal(again.status, 304)
})

test('the page works under its own policy: nothing inline, nothing from elsewhere', async () => {
  const { html } = await browser.get('/')

  assert.doesNotMatch(html, /<style|\sstyle=|\son\w+=|javascript:/)
  assert.doesNotMatch(html, /<script(?![^>]* src="\/)/)
  const addresses = Array.from(
    html.matchAll(/(?:src|href|action)="([^"]*)"/g),
    ([, to]) => to ?? '',
  )
  assert.ok(addresses.length > 5)
  for (const address of addresses) assert.match(address, /^(\/(?!\/)|#)/)
})

test('every file that the page names is there, with the type that it needs', async () => {
  const { html } = await browser.get('/')
  const files = Array.from(
    html.matchAll(/(?:src|href)="(\/\w+[\w/]*\.\w+)"/g),
    ([, to]) => to ?? '',
  )

  assert.equal(files.length, 7)
  for (const file of [...files, '/static/drawing.js']) {
    const answer = await browser.get(file)
    assert.equal(answer.status, 200)
    assert.equal(answer.headers.get('content-type')?.split(';')[0], TYPES[extname(file)])
  }
})

const TYPES: Record<string, string> = {
  '.css': 'text/css',
  '.js': 'text/javascript',
  '.svg': 'image/svg+xml',
}

test('the session cookie is out of reach for scripts and for forms of other sites', async () => {
  const [setCookie = ''] = (await browser.get('/')).headers.getSetCookie()

  assert.deepEqual(setCookie.split('; ').slice(1), [
    'Path=/',
    'Max-Age=7200',
    'SameSite=lax',
    'HttpOnly',
  ])
})

test('a form that another site sends is refused and changes nothing', async () => {
  await browser.submit('/login', { name: 'Ada' })
  const foreign = { origin: 'https://evil.example' }

  const byBrowser = await browser.post('/logout', {}, { 'sec-fetch-site': 'cross-site' })
  const bySubdomain = await browser.post('/logout', {}, { 'sec-fetch-site': 'same-site' })
  const byOrigin = await browser.post('/logout', {}, { ...foreign, 'sec-fetch-site': '' })
  const byNobody = await browser.post('/logout', {}, { origin: 'null', 'sec-fetch-site': '' })

  for (const answer of [byBrowser, bySubdomain, byOrigin, byNobody]) {
    assert.equal(answer.status, 403)
    assert.deepEqual(answer.headers.getSetCookie(), [])
  }
  assert.equal((await browser.get('/')).user, 'Ada')
})

test('a client that says nothing of its origin is no browser, and may log in', async () => {
  const answer = await fetch(`${demo.url}/login`, {
    method: 'POST',
    body: new URLSearchParams({ name: 'curl' }),
    redirect: 'manual',
  })

  assert.equal(answer.status, 303)
  assert.equal(answer.headers.getSetCookie().length, 1)
})

test('a name full of markup is shown as the text that it is', async () => {
  const page = await browser.submit('/login', { name: `<img src=x onerror="a('b')">&` })

  assert.equal(page.user, '&lt;img src=x onerror=&quot;a(&#39;b&#39;)&quot;&gt;&amp;')
  assert.ok(!page.html.includes('<img'))
})

test('a name is cut to 40 characters, and control characters are no part of it', async () => {
  const page = await browser.submit('/login', { name: `A\u0000\n\u202eda${'x'.repeat(60)}` })

  assert.equal(page.user, `A da${'x'.repeat(36)}`)
})

test('a name without anything to show does not log in', async () => {
  const page = await browser.submit('/login', { name: ' \t\u0000 ' })

  assert.equal(page.user, null)
  assert.equal(page.flash, 'Please enter a name.')
})

test('a product that is not on the shelf is refused with a page that says so', async () => {
  for (const product of ['anchor', '', '__proto__', 'toString']) {
    const answer = await browser.post('/cart', { product, quantity: '1' })

    assert.equal(answer.status, 404)
    assert.match(answer.html, /We do not carry that product/)
  }
  assert.equal((await browser.get('/')).items, 0)
})

test('a quantity that is not from 0 to 9 is refused', async () => {
  for (const quantity of ['10', '-1', '1.5', '1e0', '', 'many', '999999999999']) {
    const answer = await browser.post('/cart', { product: 'rope', quantity })

    assert.equal(answer.status, 400)
  }
  assert.equal((await browser.get('/')).items, 0)
})

test('a change is made by POST only', async () => {
  const devices = ['/devices/end', '/devices/end-others']
  for (const path of ['/login', '/logout', ...devices, '/cart', '/cart/empty', '/note']) {
    const answer = await browser.get(path)

    assert.equal(answer.status, 405)
    assert.equal(answer.headers.get('allow'), 'POST')
    assert.deepEqual(answer.headers.getSetCookie(), [])
  }
})

test('a cookie of any bytes gives a guest page, never an error', async () => {
  for (const value of ['', '.', 'a.b', `${'A'.repeat(6000)}.${'B'.repeat(43)}`, '%00%ff', '"x"']) {
    const page = await browser.get('/', { cookie: `rudder_demo=${value}` })

    assert.deepEqual([page.status, page.user], [200, null])
  }
})

test('a page that is fetched ahead is not a visit', async () => {
  await browser.get('/')
  await browser.get('/', { 'sec-purpose': 'prefetch;prerender' })

  assert.equal((await browser.get('/')).visits, 2)
})
