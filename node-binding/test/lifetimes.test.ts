/** When a session ends: by its lifetime, prolonged or not, and by its absolute lifetime. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { stopClock } from './support/clock.js'
import { onEveryDriver } from './support/drivers.js'
import { Browser, cookieValueOf } from './support/pipeline.js'

const T0 = 1_700_000_000_000
const MINUTE_MS = 60_000

onEveryDriver((driver) => {
  // Redis counts by itself, and there no time passes in these tests.
  const timed = driver.name !== 'redis'

  test('without rolling a request that changes nothing does not prolong the session', async (t) => {
    const clock = stopClock(t, T0)
    const browser = new Browser(driver.middleware({ lifetime: 60 }))
    await browser.visit((session) => session.put('user', 1))

    clock.set(T0 + 40 * MINUTE_MS)
    const { setCookies } = await browser.visit()
    clock.set(T0 + 61 * MINUTE_MS)
    const { session } = await browser.visit()

    assert.deepEqual(setCookies, [])
    if (timed) assert.deepEqual(session.all(), {})
  })

  test('with rolling a session in use does not end, and an idle one does', async (t) => {
    const clock = stopClock(t, T0)
    const browser = new Browser(driver.middleware({ lifetime: 60, rolling: true }))
    await browser.visit((session) => session.put('user', 1))

    for (let minutes = 40; minutes <= 400; minutes += 40) {
      clock.set(T0 + minutes * MINUTE_MS)
      const { session, setCookies } = await browser.visit()
      assert.deepEqual(session.all(), { user: 1 }, `after ${minutes} minutes`)
      assert.equal(setCookies.length, 1)
      assert.match(String(setCookies[0]), /Max-Age=3600;/)
    }

    clock.set(T0 + 461 * MINUTE_MS)
    if (timed) assert.deepEqual((await browser.visit()).session.all(), {})
  })

  test('rolling writes once in half a lifetime, however many requests there are', async (t) => {
    const clock = stopClock(t, T0)
    const middleware = driver.middleware({ lifetime: 60, rolling: true })
    const browser = new Browser(middleware)
    await browser.visit((session) => session.put('user', 1))
    clock.set(T0 + 31 * MINUTE_MS)
    await browser.visit()
    const { calls } = middleware.engine.stats().save

    for (let second = 0; second < 29 * 60; second += 60) {
      clock.set(T0 + 31 * MINUTE_MS + second * 1000)
      await browser.visit()
    }
    assert.equal(middleware.engine.stats().save.calls, calls)

    clock.set(T0 + 62 * MINUTE_MS)
    await browser.visit()
    assert.equal(middleware.engine.stats().save.calls, calls + 1)
  })

  test('a prolonged session that was destroyed meanwhile stays gone', async (t) => {
    if (driver.name === 'cookie') return
    const clock = stopClock(t, T0)
    const middleware = driver.middleware({ lifetime: 60, rolling: true })
    const browser = new Browser(middleware)
    await browser.visit((session) => session.put('user', 1))
    const other = new Browser(middleware, browser.cookie)
    clock.set(T0 + 40 * MINUTE_MS)

    const { setCookies } = await browser.visit(() => other.visit((session) => session.logout()))

    assert.deepEqual(setCookies, [])
  })

  test('an absolute lifetime ends a session however much it is used', async (t) => {
    const clock = stopClock(t, T0)
    const browser = new Browser(driver.middleware({ lifetime: 60, absoluteLifetime: 100 }))
    const { session: first } = await browser.visit((session) => session.put('n', 0))
    assert.deepEqual(first.createdAt, new Date(T0))

    for (const minutes of [30, 60, 90, 99]) {
      clock.set(T0 + minutes * MINUTE_MS)
      const { session, setCookies } = await browser.visit((session) => session.increment('n'))
      assert.deepEqual(session.createdAt, new Date(T0))
      const seconds = Math.min(60, 100 - minutes) * 60
      assert.match(String(setCookies[0]), new RegExp(`Max-Age=${seconds};`))
    }

    clock.set(T0 + 100 * MINUTE_MS)
    const { session, setCookies } = await browser.visit()
    assert.deepEqual([session.all(), setCookies], [{}, []])
    assert.deepEqual(session.createdAt, new Date(T0 + 100 * MINUTE_MS))
  })

  test('regenerate keeps the instant of creation, and logout begins anew', async (t) => {
    const clock = stopClock(t, T0)
    const browser = new Browser(driver.middleware({ absoluteLifetime: 100 }))
    await browser.visit((session) => session.put('user', 1))

    clock.set(T0 + 10 * MINUTE_MS)
    await browser.visit((session) => session.login(7))
    assert.deepEqual((await browser.visit()).session.createdAt, new Date(T0))

    const { session } = await browser.visit((session) => session.logout())
    assert.deepEqual(session.createdAt, new Date(T0 + 10 * MINUTE_MS))
  })

  test('a session of before the option is stamped when it is first saved', async (t) => {
    const clock = stopClock(t, T0)
    const store = driver.name === 'memory' ? {} : driver.ownStore()
    const old = new Browser(driver.middleware({ ...store }))
    await old.visit((session) => session.put('user', 1))
    if (driver.name === 'memory') return

    clock.set(T0 + MINUTE_MS)
    const browser = new Browser(driver.middleware({ ...store, absoluteLifetime: 10 }), old.cookie)
    await browser.visit((session) => session.put('again', 1))
    clock.set(T0 + 2 * MINUTE_MS)

    const { session } = await browser.visit()
    assert.deepEqual(session.all(), { user: 1, again: 1 })
    assert.deepEqual(session.createdAt, new Date(T0 + MINUTE_MS))
    clock.set(T0 + 11 * MINUTE_MS)
    assert.deepEqual((await browser.visit()).session.all(), {})
  })

  test('parallel requests keep each other\u2019s writes with a stamp, too', async (t) => {
    if (driver.name === 'cookie') return
    stopClock(t, T0)
    const middleware = driver.middleware({ absoluteLifetime: 100 })
    const browser = new Browser(middleware)
    await browser.visit((session) => session.put('user', 1))
    const other = new Browser(middleware, browser.cookie)
    const merges = () => middleware.engine.stats().store?.merges
    const before = merges()

    await browser.visit((session) => session.put('alone', 1))
    assert.equal(merges(), before, 'what nobody else changed is not merged')
    await browser.visit(async (session) => {
      session.put('a', 1)
      await other.visit((session) => session.put('b', 2))
    })

    const { session } = await browser.visit()
    assert.deepEqual(session.all(), { user: 1, alone: 1, b: 2, a: 1 })
    assert.deepEqual(session.createdAt, new Date(T0))
  })

  test('the stamp stands after the three fields, and is not there without the option', async (t) => {
    if (driver.name !== 'cookie') return
    stopClock(t, T0)
    const payloadOf = async (changes: object) => {
      // In the other format the expiry is no field of it.
      const browser = new Browser(driver.middleware({ ...changes, format: 'v1' }))
      await browser.visit((session) => session.put('user', 1))
      return Buffer.from(browser.cookie?.split('.')[0] ?? '', 'base64url').toString()
    }

    const exp = T0 + 120 * MINUTE_MS
    assert.match(await payloadOf({}), new RegExp(`,"flash_next":{},"exp":${exp}}$`))
    assert.match(
      await payloadOf({ absoluteLifetime: 1000 }),
      new RegExp(`,"flash_next":{},"created_at":${T0},"exp":${exp}}$`),
    )
  })

  test('a session that comes to its end while it is in use is not saved', async (t) => {
    const clock = stopClock(t, T0)
    const middleware = driver.middleware({ absoluteLifetime: 10 })
    const browser = new Browser(middleware)
    await browser.visit((session) => session.put('user', 1))

    const { setCookies } = await browser.visit((session) => {
      clock.set(T0 + 10 * MINUTE_MS)
      session.put('late', 1)
    })

    assert.deepEqual(setCookies.map(cookieValueOf), [])
  })
})
