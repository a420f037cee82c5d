/** What a person with a browser may rely on, in a demo that runs as `make run` starts it. */

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Browser, BrowserContext } from 'playwright-core'
import { DemoProcess } from '../../demo/testing/demo-process.js'
import { RedisProcess } from '../../demo/testing/redis-process.js'
import { chromium } from './chromium.js'
import { Tab } from './tab.js'

let browser: Browser
before(async () => {
  browser = await chromium()
})
after(() => browser.close())

for (const driver of ['cookie', 'file', 'redis'] as const) {
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

    /** For each test a browser of its own, without a cookie. */
    async function person(run: (context: BrowserContext) => Promise<void>): Promise<void> {
      const context = await browser.newContext()
      try {
        await run(context)
      } finally {
        await context.close()
      }
    }

    test('a login shows the name in every tab, and changes the cookie', () =>
      person(async (context) => {
        const tab = await Tab.open(context, demo.url)
        const other = await Tab.open(context, demo.url)
        const guest = await tab.cookie()

        await tab.login('Ada')
        await other.visit()

        assert.equal((await tab.shown()).user, 'Ada')
        assert.equal((await other.shown()).user, 'Ada')
        assert.notEqual((await tab.cookie()).value, guest.value)
      }))

    test('a flash message crosses the redirect, and is shown exactly once', () =>
      person(async (context) => {
        const tab = await Tab.open(context, demo.url)

        const answer = await tab.login('Ada')

        assert.equal(answer.status(), 303)
        assert.equal(await tab.flash(), 'Welcome aboard, Ada.')
        await tab.page.reload()
        assert.equal(await tab.flash(), null)
        assert.equal((await tab.shown()).user, 'Ada')
        await tab.page.goBack()
        assert.equal(await tab.flash(), null)
      }))

    test('the browser stores the cookie with the attributes that it was sent with', () =>
      person(async (context) => {
        const nowUnixSeconds = Date.now() / 1000
        const tab = await Tab.open(context, demo.url)

        const { domain, path, httpOnly, sameSite, secure, expires } = await tab.cookie()

        assert.deepEqual(
          { domain, path, httpOnly, sameSite, secure },
          { domain: '127.0.0.1', path: '/', httpOnly: true, sameSite: 'Lax', secure: false },
        )
        const lifetimeSeconds = 120 * 60
        // The browser counts whole seconds from when the answer came.
        assert.ok(expires >= nowUnixSeconds + lifetimeSeconds - 1)
        assert.ok(expires <= Date.now() / 1000 + lifetimeSeconds + 1)
      }))

    test('no script of the page can read the cookie', () =>
      person(async (context) => {
        const tab = await Tab.open(context, demo.url)
        await tab.login('Ada')

        const { value } = await tab.cookie()

        assert.ok(value.length > 43)
        assert.equal(await tab.page.evaluate(() => document.cookie), '')
      }))

    test('a cookie that was changed is refused, and a fresh session takes its place', () =>
      person(async (context) => {
        const tab = await Tab.open(context, demo.url)
        await tab.login('Ada')
        const cookie = await tab.cookie()
        const changed = { ...cookie, value: withAnotherSignature(cookie.value) }

        await context.addCookies([changed])
        await tab.visit()

        assert.deepEqual(await tab.shown(), { user: null, items: 0, note: '', visits: 1 })
        assert.notEqual((await tab.cookie()).value, changed.value)
        await tab.visit()
        assert.equal((await tab.shown()).visits, 2)
      }))

    test('a cookie from before the login is not logged in by it', () =>
      person(async (context) => {
        const tab = await Tab.open(context, demo.url)
        const guest = await tab.cookie()

        await tab.login('Ada')

        await person(async (planter) => {
          await planter.addCookies([guest])
          const { user } = await (await Tab.open(planter, demo.url)).shown()
          assert.equal(user, null)
        })
      }))

    test('each browser has a session of its own', () =>
      person(async (context) => {
        const tab = await Tab.open(context, demo.url)
        await tab.login('Ada')

        await person(async (stranger) => {
          const { user, visits } = await (await Tab.open(stranger, demo.url)).shown()
          assert.deepEqual([user, visits], [null, 1])
        })
      }))

    const bothWrites = { note: 'Full speed', items: 1 }
    const [whatTwoTabsLeave, kept] =
      driver === 'cookie'
        ? (['the later answer wins, as nothing is kept here', { ...bothWrites, items: 0 }] as const)
        : (['both writes are kept', bothWrites] as const)

    test(`of two tabs that write at the same time, ${whatTwoTabsLeave}`, () =>
      person(async (context) => {
        const tab = await Tab.open(context, demo.url)
        const slow = await Tab.open(context, demo.url)

        const order: string[] = []
        const { answered } = await slow.keepNoteSlowly(bothWrites.note)
        const slowEnd = answered.then(() => order.push('slow'))
        await tab.press('more-rope')
        order.push('fast')
        await slowEnd

        assert.deepEqual(order, ['fast', 'slow'], 'the writes were under way at the same time')
        await tab.visit()
        const { note, items } = await tab.shown()
        assert.deepEqual({ note, items }, kept)
      }))

    test('a logout holds, though a slow request of another tab ends after it', () =>
      person(async (context) => {
        const tab = await Tab.open(context, demo.url)
        await tab.login('Ada')
        const slow = await Tab.open(context, demo.url)

        const order: string[] = []
        const { answered } = await slow.keepNoteSlowly('Full speed')
        const slowEnd = answered.then(() => order.push('slow'))
        await tab.press('logout')
        order.push('logout')
        const guest = await tab.cookie()
        await slowEnd

        assert.deepEqual(order, ['logout', 'slow'], 'the logout came while the note was slow')
        const { user, note } = await slow.shown()
        assert.deepEqual([user, note], [null, ''])
        await tab.visit()
        assert.equal((await tab.shown()).user, null)
        if (driver !== 'cookie') assert.equal((await tab.cookie()).value, guest.value)
      }))

    test('a user sees all devices, and logs out on one of them, or everywhere else', () =>
      person((desk) => person((phone) => person((tablet) => devices(desk, phone, tablet)))))

    async function devices(...contexts: BrowserContext[]): Promise<void> {
      const user = `Ada ${driver}`
      const tabs = await Promise.all(contexts.map((it) => Tab.open(it, demo.url)))
      for (const tab of tabs) await tab.login(user)
      const [desk, phone, tablet] = tabs as [Tab, Tab, Tab]
      await desk.visit()
      const listed = await desk.devices()
      assert.equal(listed.length, 3)
      assert.equal(listed.filter((it) => it.includes('This device')).length, 1)
      for (const it of listed) assert.match(it, /Chrome on \w+ Logged in \d\d:\d\d UTC, seen/)

      // The newest is the first.
      await desk.press('end-0')
      assert.equal(await desk.flash(), 'Logged out there.')
      assert.equal((await desk.devices()).length, 2)
      await tablet.visit()
      assert.equal((await tablet.shown()).user, null)

      await desk.press('end-others')
      assert.equal(await desk.flash(), 'Logged out elsewhere: 1.')
      await phone.visit()
      assert.equal((await phone.shown()).user, null)
      assert.equal((await desk.shown()).user, user)
      assert.equal((await desk.devices()).length, 1)
    }
  })
}

/** The same value, signed by somebody else. */
function withAnotherSignature(cookieValue: string): string {
  const dot = cookieValue.lastIndexOf('.')
  const first = cookieValue[dot + 1] === 'A' ? 'B' : 'A'
  return `${cookieValue.slice(0, dot + 1)}${first}${cookieValue.slice(dot + 2)}`
}
