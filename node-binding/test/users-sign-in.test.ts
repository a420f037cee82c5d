/** Who is signed in, by a call or by a key of the data, and how many may be, on every driver. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { SessionInstance, SessionUsersError } from '@rudderjs/session-native'
import { stopClock } from './support/clock.js'
import { captureConsole } from './support/console.js'
import { onEveryDriver } from './support/drivers.js'
import { Browser } from './support/pipeline.js'
import { devicesOf, isIn, signedIn, twoSignedIn, withUsersOn } from './support/signed-in.js'

const T0 = 1_700_000_000_000
const MINUTE_MS = 60_000

onEveryDriver((driver) => {
  const withUsers = withUsersOn(driver)

  test('of parallel sign-ins as many stay in as there may be sessions', async () => {
    const middleware = withUsers({ maxSessions: 3 })
    const browsers = Array.from({ length: 12 }, () => new Browser(middleware))

    await Promise.all(browsers.map((it) => it.visit((session) => session.login('crowd'))))

    const inside = await Promise.all(browsers.map(isIn))
    assert.equal(inside.filter(Boolean).length, 3)
    assert.equal((await middleware.engine.users?.list('crowd'))?.length, 3)
  })

  test('the sessions that make room are those that were not seen for longest', async (t) => {
    const clock = stopClock(t, T0)
    const middleware = withUsers({ maxSessions: 2 })
    const [first, second] = await twoSignedIn(middleware, 'room')
    clock.set(T0 + 2 * MINUTE_MS)
    await first.visit()

    const third = await signedIn(middleware, 'room')

    assert.deepEqual(
      [await isIn(first), await isIn(second), await isIn(third)],
      [true, false, true],
    )
  })

  test('with "refuse" a sign-in too many changes nothing', async () => {
    const middleware = withUsers({ maxSessions: 3, whenFull: 'refuse' })
    const browsers = Array.from({ length: 12 }, () => new Browser(middleware))
    const codes: string[] = []
    const signIn = async (session: SessionInstance) => {
      session.put('cart', 1)
      await session.signIn('full').catch((error: SessionUsersError) => codes.push(error.code))
    }

    await Promise.all(browsers.map((it) => it.visit(signIn)))

    assert.deepEqual(codes, Array(9).fill('ERR_SESSION_USERS_FULL'))
    assert.equal((await middleware.engine.users?.list('full'))?.length, 3)
    for (const browser of browsers) {
      assert.equal((await browser.visit()).session.get('cart'), 1)
    }
  })

  test('to sign in again takes no second place, and ends what was before', async () => {
    const middleware = withUsers({ maxSessions: 1, whenFull: 'refuse' })
    const browser = await signedIn(middleware, 'again')
    const old = new Browser(middleware, browser.cookie)

    await browser.visit((session) => session.signIn('again', { label: 'New' }))

    assert.deepEqual(
      (await devicesOf(browser)).map(({ label }) => label),
      ['New'],
    )
    assert.equal(await isIn(old), false)
  })

  test('a session goes from one user to another', async () => {
    const middleware = withUsers()
    const browser = await signedIn(middleware, 'before')

    await browser.visit((session) => session.login('after'))

    assert.deepEqual(await middleware.engine.users?.list('before'), [])
    assert.equal((await middleware.engine.users?.list('after'))?.length, 1)
  })

  test('a key of the data signs in and out by itself', async () => {
    const middleware = withUsers({ key: 'member' })
    const browser = new Browser(middleware)
    await browser.visit((session) => session.put('cart', 1))
    const visitor = (await browser.visit()).session.id()

    await browser.visit((session) => session.put('member', 'ann'))
    const member = (await browser.visit()).session.id()
    const kept = new Browser(middleware, browser.cookie)
    assert.equal((await middleware.engine.users?.list('ann'))?.length, 1)
    await browser.visit((session) => session.forget('member'))

    assert.notEqual(member, visitor)
    assert.deepEqual(await middleware.engine.users?.list('ann'), [])
    assert.deepEqual((await browser.visit()).session.all(), { cart: 1 })
    assert.deepEqual((await kept.visit()).session.all(), {})
  })

  test('logging in and out as @rudderjs/auth does leads into the list, and out of it', async () => {
    const middleware = withUsers()
    const browser = new Browser(middleware)

    await browser.visit(async (session) => {
      await session.regenerate()
      session.put('auth_user_id', '42')
    })
    const kept = new Browser(middleware, browser.cookie)
    assert.equal((await middleware.engine.users?.list(42))?.length, 1)
    assert.equal(await isIn(kept), true)
    await browser.visit(async (session) => {
      session.forget('auth_user_id')
      await session.regenerate()
    })

    assert.deepEqual(await middleware.engine.users?.list(42), [])
    assert.deepEqual([await isIn(browser), await isIn(kept)], [false, false])
  })

  test('what is no key of a user is not saved under the key', async (t) => {
    const errors = captureConsole(t, 'error')
    const { setCookies } = await new Browser(withUsers()).visit((session) => {
      session.put('auth_user_id', { id: 1 })
    })

    assert.deepEqual(setCookies, [])
    assert.equal(errors.length, 1)
  })

  test('flush takes the mark from nobody', async () => {
    const middleware = withUsers({ key: false })
    const [ours, theirs] = await twoSignedIn(middleware, 'flushed')

    await theirs.visit((session) => session.flush())
    await theirs.visit((session) => session.put('user', { index: 'u', handle: '', epoch: 9 }))
    assert.equal((await devicesOf(theirs)).length, 2)
    await ours.visit((session) => session.revokeOthers())

    assert.deepEqual((await theirs.visit()).session.all(), {})
  })

  test('a new id changes nothing in the index', async () => {
    const middleware = withUsers()
    const browser = await signedIn(middleware, 'moving')
    const before = await devicesOf(browser)

    await browser.visit((session) => session.regenerate())

    assert.deepEqual(await devicesOf(browser), before)
  })

  test('a session of before there were users is taken up, and can be ended', async () => {
    // Not shared between middlewares.
    if (driver.name === 'memory') return
    const own = driver.ownStore()
    const [before, after] = [driver.middleware(own), withUsers({}, own)]
    const [ours, theirs] = [new Browser(before), new Browser(before)]
    for (const browser of [ours, theirs]) {
      await browser.visit((session) => session.put('auth_user_id', 'old hand'))
    }
    const [old, other] = [ours.cookie, theirs.cookie].map((it) => new Browser(after, it))
    assert.ok(old && other)

    const parallel = Array.from({ length: 5 }, () => new Browser(after, other.cookie))
    await Promise.all(parallel.map((browser) => browser.visit((it) => it.put('a', 1))))
    assert.equal(await isIn(old), true)
    assert.equal((await devicesOf(old)).length, 2)

    await old.visit((session) => session.revokeOthers())
    assert.deepEqual([await isIn(old), await isIn(other)], [true, false])
    await old.visit((session) => session.logout())
    assert.equal(await isIn(new Browser(after, ours.cookie)), false)
  })
})
