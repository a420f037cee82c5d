/** What a visitor may rely on, with each driver, in a demo that runs as `make run` starts it. */

import assert from 'node:assert/strict'
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, type TestContext, test } from 'node:test'
import { Browser } from './testing/browser.js'
import { DemoProcess } from './testing/demo-process.js'
import { RedisProcess } from './testing/redis-process.js'

const DRIVERS = ['cookie', 'memory', 'file', 'redis'] as const

for (const driver of DRIVERS) {
  describe(`with the ${driver} driver`, () => {
    let redis: RedisProcess | undefined
    let demo: DemoProcess
    before(async () => {
      if (driver === 'redis') redis = await RedisProcess.start()
      const env = redis ? { REDIS_URL: redis.url } : {}
      demo = await DemoProcess.start({ ...env, SESSION_DRIVER: driver })
    })
    after(async () => {
      await demo.end()
      await redis?.end()
    })

    test('the counter rises with each visit, and each visitor has one of their own', async () => {
      const one = new Browser(demo.url)
      const other = new Browser(demo.url)

      assert.equal((await one.get('/')).visits, 1)
      assert.equal((await one.get('/')).visits, 2)
      assert.equal((await other.get('/')).visits, 1)
      assert.equal((await one.get('/')).visits, 3)
    })

    test('logging in shows the name, changes the session id and keeps the cart', async () => {
      const browser = new Browser(demo.url)
      const guest = await browser.submit('/cart', { product: 'rope', quantity: '2' })
      assert.equal(guest.user, null)

      const page = await browser.submit('/login', { name: ' Ada ' })

      assert.equal(page.user, 'Ada')
      assert.equal(page.items, 2)
      assert.match(page.id ?? '', /^[0-9a-f]{8}$/)
      assert.notEqual(page.id, guest.id)
    })

    test('a flash message is shown by the next page, and by no page after it', async () => {
      const browser = new Browser(demo.url)

      const first = await browser.submit('/login', { name: 'Ada' })
      const second = await browser.get('/')

      assert.equal(first.flash, 'Welcome aboard, Ada.')
      assert.equal(second.flash, null)
      assert.equal(second.user, 'Ada')
    })

    test('the cart takes products, counts them and lets them go', async () => {
      const browser = new Browser(demo.url)

      const one = await browser.submit('/cart', { product: 'compass', quantity: '1' })
      const three = await browser.submit('/cart', { product: 'almanac', quantity: '2' })
      const two = await browser.submit('/cart', { product: 'compass', quantity: '0' })
      const none = await browser.submit('/cart/empty')

      assert.deepEqual([one.items, three.items, two.items, none.items], [1, 3, 2, 0])
      assert.match(three.html, /93\.80/)
    })

    test('logging out leaves nothing of the visitor in the new session', async () => {
      const browser = new Browser(demo.url)
      await browser.submit('/login', { name: 'Ada' })
      const before = await browser.submit('/cart', { product: 'rope', quantity: '1' })

      const page = await browser.submit('/logout')

      assert.equal(page.flash, 'You are logged out.')
      assert.equal(page.user, null)
      assert.equal(page.items, 0)
      assert.equal(page.visits, 1)
      assert.notEqual(page.id, before.id)
    })

    test('a cookie from before the logout is worth nothing after it', async () => {
      const browser = new Browser(demo.url)
      await browser.submit('/login', { name: 'Ada' })
      const copy = browser.copy()

      await browser.submit('/logout')

      const page = await copy.get('/')
      assert.equal(page.user, null)
      assert.equal(page.visits, 1)
    })

    test('a user logs another device out, and then all others; nobody else can', async () => {
      const user = `Grace ${driver}`
      const [desk, phone, tablet] = [
        new Browser(demo.url),
        new Browser(demo.url),
        new Browser(demo.url),
      ]
      const stranger = new Browser(demo.url)
      await stranger.submit('/login', { name: 'Mallory' })
      for (const browser of [desk, phone, tablet]) await browser.submit('/login', { name: user })
      const [handle = ''] = (await desk.get('/')).handles

      const refused = await stranger.submit('/devices/end', { handle })
      const ended = await desk.submit('/devices/end', { handle })

      assert.equal(refused.flash, 'It is logged out already.')
      assert.equal(ended.flash, 'Logged out there.')
      assert.equal(ended.handles.length, 1)
      assert.equal((await tablet.get('/')).user, null)
      assert.equal((await phone.get('/')).user, user)

      const alone = await desk.submit('/devices/end-others')

      assert.equal(alone.flash, 'Logged out elsewhere: 1.')
      assert.equal((await phone.get('/')).user, null)
      assert.equal((await desk.get('/')).user, user)
      assert.equal((await stranger.get('/')).user, 'Mallory')
    })

    test('the page shows neither a whole session id nor a whole signature', async () => {
      const browser = new Browser(demo.url)

      const page = await browser.submit('/login', { name: 'Ada' })

      const [value = '', signature = ''] = browser.cookies.replace(/^rudder_demo=/, '').split('.')
      assert.equal(signature.length, 43)
      assert.ok(!page.html.includes(signature))
      // A cookie that holds the record is shown whole; an id is a key and is not.
      assert.equal(page.html.includes(value), driver === 'cookie')
    })

    test('the page shows the size of the very cookie that it carries', async () => {
      const browser = new Browser(demo.url)

      const page = await browser.submit('/login', { name: 'Ada' })

      const bytes = Buffer.byteLength(browser.cookies) - '='.length
      assert.ok(page.html.includes(`<b>${bytes}</b> of 4,096 bytes`))
    })

    test('the figures count what the engine did', async () => {
      const browser = new Browser(demo.url)
      const before = JSON.parse((await browser.get('/api/figures')).html)

      await browser.get('/')

      const figures = JSON.parse((await browser.get('/api/figures')).html)
      assert.equal(figures.driver, driver)
      assert.equal(figures.middleware.requests, before.middleware.requests + 1)
      assert.equal(figures.operations.load.calls, before.operations.load.calls + 1)
      assert.equal(figures.operations.save.calls, before.operations.save.calls + 1)
      assert.equal(figures.operations.save.errors, 0)
      assert.ok(figures.middleware.medianMicros > 0)
      assert.ok(figures.middleware.p99Micros >= figures.middleware.medianMicros)
      if (driver === 'cookie') assert.equal(figures.store, null)
      else assert.equal(figures.store.create.calls, before.store.create.calls + 1)
    })

    test('the figures say what parallel requests did, where there is a store', async () => {
      const browser = new Browser(demo.url)

      const { html } = await browser.get('/')

      const { incidents } = JSON.parse((await browser.get('/api/figures')).html)
      const none = { merges: 0, writesToGone: 0, foreignRecords: 0 }
      assert.deepEqual(incidents, driver === 'cookie' ? null : none)
      for (const name of Object.keys(none)) {
        assert.equal(html.includes(`data-figure="incidents.${name}"`), driver !== 'cookie')
      }
    })
  })
}

describe('with a Redis that falls silent', () => {
  let redis: RedisProcess
  let demo: DemoProcess
  before(async () => {
    redis = await RedisProcess.start()
    demo = await DemoProcess.start({ SESSION_DRIVER: 'redis', REDIS_URL: redis.url })
  })
  after(async () => {
    await demo.end()
    await redis.end()
  })

  test('the page is a guest page that says so, and the login is back when Redis is', async () => {
    const browser = new Browser(demo.url)
    await browser.submit('/login', { name: 'Ada' })
    const cookies = browser.cookies

    redis.fallSilent()
    const guest = await browser.get('/')
    const refused = await browser.post('/cart', { product: 'rope', quantity: '1' })
    redis.speakAgain()
    const page = await browser.get('/')

    assert.deepEqual([guest.status, guest.outage, guest.user], [200, true, null])
    assert.deepEqual(guest.headers.getSetCookie(), [])
    assert.equal(refused.status, 503)
    assert.deepEqual([page.outage, page.user, page.items], [false, 'Ada', 0])
    assert.equal(browser.cookies, cookies)
  })

  test('a first visit says that it is not kept, and the next one is the first again', async () => {
    const browser = new Browser(demo.url)

    redis.fallSilent()
    const lost = await browser.get('/')
    redis.speakAgain()
    const page = await browser.get('/')

    assert.deepEqual([lost.status, lost.outage], [200, true])
    assert.deepEqual(lost.headers.getSetCookie(), [])
    assert.deepEqual([page.outage, page.visits], [false, 1])
  })
})

test('without a file a session outlives a restart exactly if SESSION_SECRET is set', async (t) => {
  const driver = { SESSION_DRIVER: 'cookie' }
  const secret = { ...driver, SESSION_SECRET: 'a secret for this test only' }
  const first = await DemoProcess.start(secret)
  t.after(() => first.end())
  const browser = new Browser(first.url)
  await browser.submit('/login', { name: 'Ada' })
  await first.end()

  const withIt = await DemoProcess.start(secret)
  t.after(() => withIt.end())
  const withoutIt = await DemoProcess.start(driver)
  t.after(() => withoutIt.end())
  const kept = await browser.copy(withIt.url).get('/')
  const lost = await browser.copy(withoutIt.url).get('/')

  assert.equal(kept.user, 'Ada')
  assert.deepEqual([lost.status, lost.user, lost.visits], [200, null, 1])
})

/** A place for a session file that no demo of another test has. */
async function sessionFile(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'rudder-demo-'))
  t.after(() => rm(folder, { recursive: true }))
  return join(folder, 'sessions.redb')
}

test('by default a session outlives a restart, with no variable set', async (t) => {
  const env = { SESSION_FILE: await sessionFile(t) }
  const first = await DemoProcess.start(env)
  t.after(() => first.end())
  const browser = new Browser(first.url)
  await browser.submit('/login', { name: 'Ada' })
  await browser.submit('/cart', { product: 'rope', quantity: '2' })
  await first.end()

  const second = await DemoProcess.start(env)
  t.after(() => second.end())
  const page = await browser.copy(second.url).get('/')

  assert.deepEqual([page.user, page.items, page.visits], ['Ada', 2, 3])
})

test('a session outlives even a demo that was killed', async (t) => {
  const env = { SESSION_FILE: await sessionFile(t) }
  const first = await DemoProcess.start(env)
  t.after(() => first.end())
  const browser = new Browser(first.url)
  await browser.submit('/login', { name: 'Ada' })
  await first.end('SIGKILL')

  const second = await DemoProcess.start(env)
  t.after(() => second.end())

  assert.equal((await browser.copy(second.url).get('/')).user, 'Ada')
})

test('the secret beside the file is for its owner only, and the demo says where it is', async (t) => {
  const file = await sessionFile(t)
  const demo = await DemoProcess.start({ SESSION_FILE: file })
  t.after(() => demo.end())

  const { mode } = await stat(`${file}.secret`)

  assert.equal(mode & 0o777, 0o600)
  assert.ok(demo.lines.some((line) => line.startsWith(`secret: random, kept in ${file}.secret `)))
})

test('with SESSION_SECRET no secret is kept', async (t) => {
  const file = await sessionFile(t)
  const demo = await DemoProcess.start({
    SESSION_FILE: file,
    SESSION_SECRET: 'the secret of this test',
  })
  t.after(() => demo.end())

  await assert.rejects(stat(`${file}.secret`), { code: 'ENOENT' })
  assert.ok(!demo.lines.some((line) => line.startsWith('secret:')))
})
