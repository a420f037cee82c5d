/** The sessions of a user, on every driver: who is in, who is listed, and who is out for good. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type SessionDevice, SessionUsersError } from '@rudderjs/session-native'
import { createCodec } from '@rudderjs/session-native/native'
import { indexIdOf } from '../dist/users/names.js'
import { stopClock } from './support/clock.js'
import { onEveryDriver } from './support/drivers.js'
import { Browser, SECRET } from './support/pipeline.js'
import {
  devicesOf,
  isIn,
  middlewareOf,
  signedIn,
  twoSignedIn,
  visited,
  withUsersOn,
} from './support/signed-in.js'

const T0 = 1_700_000_000_000
const SECOND_MS = 1000
const MINUTE_MS = 60_000
const LIFETIME_MINUTES = 120

/** Requests without a session. STRANGERS=100000 for a flood. */
const STRANGERS = Number(process.env.STRANGERS ?? 3000)

onEveryDriver((driver) => {
  const withUsers = withUsersOn(driver)

  test('a session that is signed in is listed, newest first, with label and times', async (t) => {
    const clock = stopClock(t, T0)
    const middleware = withUsers()
    const [first, second] = [await signedIn(middleware, 'listed', 'First'), T0 + 5 * SECOND_MS]
    clock.set(second)
    await signedIn(middleware, 'listed', 'Second')

    const devices = await devicesOf(first)

    const facts = devices.map(({ handle: _, ...rest }) => rest)
    assert.deepEqual(facts, [
      { label: 'Second', created: new Date(second), seen: new Date(second), current: false },
      { label: 'First', created: new Date(T0), seen: new Date(T0), current: true },
    ])
    for (const { handle } of devices) assert.match(handle, /^[A-Za-z0-9_-]{22}$/)
  })

  test('what is listed does not tell the id or the cookie of a session', async () => {
    const middleware = withUsers()
    const browser = await signedIn(middleware, 'secretive')

    const { session } = await browser.visit()

    const listed = JSON.stringify(await middleware.engine.users?.list('secretive'))
    assert.ok(!listed.includes(session.id()))
    assert.ok(!listed.includes(String(browser.cookie)))
  })

  test('revoke ends one session, and no other', async () => {
    const middleware = withUsers()
    const [ours, theirs] = await twoSignedIn(middleware, 'revoking')
    const other = (await devicesOf(ours)).find(({ current }) => !current) as SessionDevice

    const { result } = await visited(ours, (session) => session.revoke(other.handle))

    assert.equal(result, true)
    const { calls } = middleware.engine.stats().destroy
    assert.equal(await isIn(theirs), false)
    assert.equal(middleware.engine.stats().destroy.calls, calls + 1)
    assert.equal(await isIn(ours), true)
    assert.equal((await devicesOf(ours)).length, 1)
    const again = await visited(ours, (session) => session.revoke(other.handle))
    assert.equal(again.result, false)
  })

  test('to revoke its own handle logs a session out', async () => {
    const browser = await signedIn(withUsers(), 'own handle')
    const [own] = await devicesOf(browser)

    await browser.visit((session) => session.revoke(own?.handle ?? ''))

    assert.equal(browser.cookie, '')
  })

  test('the handle of a session of another user revokes nothing', async () => {
    const middleware = withUsers()
    const [mallory, alice] = [await signedIn(middleware, 'mal'), await signedIn(middleware, 'ali')]
    const [device] = await devicesOf(alice)

    const { result } = await visited(mallory, (session) => session.revoke(device?.handle ?? ''))

    assert.equal(result, false)
    assert.equal(await isIn(alice), true)
    assert.equal(await middleware.engine.users?.revoke('mal', device?.handle ?? ''), false)
  })

  test('revokeOthers ends all but this session, at whatever epoch', async () => {
    const middleware = withUsers()
    const [ours, theirs] = await twoSignedIn(middleware, 'others')

    const { result } = await visited(ours, (session) => session.revokeOthers())
    const third = await signedIn(middleware, 'others')
    const again = await visited(third, (session) => session.revokeOthers())

    assert.deepEqual([result, again.result], [1, 1])
    assert.deepEqual(
      [await isIn(ours), await isIn(theirs), await isIn(third)],
      [false, false, true],
    )
  })

  test('revokeAll ends every session, its own too; who signs in later is in', async () => {
    const middleware = withUsers()
    const [ours, theirs] = await twoSignedIn(middleware, 'all')
    const kept = new Browser(middleware, ours.cookie)

    const { result } = await visited(ours, (session) => session.revokeAll())
    const later = await signedIn(middleware, 'all')

    assert.equal(result, 2)
    assert.deepEqual(
      [await isIn(kept), await isIn(theirs), await isIn(later)],
      [false, false, true],
    )
    assert.equal((await devicesOf(later)).length, 1)
  })

  test('an administrator ends all sessions of a user, who has no request', async () => {
    const middleware = withUsers()
    const browsers = await twoSignedIn(middleware, 4711)

    assert.equal((await middleware.engine.users?.list(4711))?.length, 2)
    assert.equal(await middleware.engine.users?.revokeAll('4711'), 2)

    for (const browser of browsers) assert.equal(await isIn(browser), false)
  })

  test('devise#4272: a cookie that is sent again after the logout is refused', async () => {
    const browser = await signedIn(withUsers(), 'replayed')
    const kept = new Browser(middlewareOf(browser), browser.cookie)

    await browser.visit((session) => session.logout())
    const { session, setCookies } = await kept.visit()

    assert.deepEqual(session.all(), {})
    // As after a cookie that has expired: a scanner gets nothing.
    assert.deepEqual(setCookies, [])
  })

  test('devise#4272: without users the cookie driver knows no logout', async () => {
    const middleware = driver.middleware()
    const browser = new Browser(middleware)
    await browser.visit((session) => session.login('replayed'))
    const kept = new Browser(middleware, browser.cookie)

    await browser.visit((session) => session.logout())
    const { session } = await kept.visit()

    assert.deepEqual(session.all(), driver.name === 'cookie' ? { auth_user_id: 'replayed' } : {})
  })

  test('a session that is revoked in the middle of a request is over after it', async () => {
    const middleware = withUsers()
    const [ours, theirs] = await twoSignedIn(middleware, 'in the middle')

    await theirs.visit(async (session) => {
      await ours.visit((other) => other.revokeOthers())
      session.put('written', 'later')
    })

    assert.equal(await isIn(theirs), false)
    assert.equal(await isIn(ours), true)
  })

  test('a session that is revoked in the middle of a request ends no other any more', async () => {
    const middleware = withUsers()
    const [ours, theirs] = await twoSignedIn(middleware, 'too late')
    const own = (await devicesOf(ours)).find(({ current }) => current) as SessionDevice
    const answers: unknown[] = []

    await theirs.visit(async (session) => {
      await ours.visit((other) => other.revokeOthers())
      answers.push(await session.revoke(own.handle))
      answers.push(await session.revokeOthers())
      answers.push(await session.revokeAll())
    })

    assert.deepEqual(answers, [false, 0, 0])
    assert.equal(await isIn(ours), true)
  })

  test('a request that outlasts the end of its session by long does not save it', async (t) => {
    const clock = stopClock(t, T0)
    const middleware = withUsers()
    const [ours, theirs] = await twoSignedIn(middleware, 'slow')

    const { setCookies } = await theirs.visit(async (session) => {
      await ours.visit((other) => other.revokeOthers())
      clock.set(T0 + 90 * MINUTE_MS)
      session.put('upload', 'done')
    })
    // By then the end is forgotten, so nothing may be left that it would have to stop.
    clock.set(T0 + (LIFETIME_MINUTES + 3) * MINUTE_MS)

    assert.deepEqual(setCookies, [])
    assert.equal(await isIn(theirs), false)
  })

  test('of parallel requests no one brings a revoked session back', async () => {
    const middleware = withUsers()
    const [ours, theirs] = await twoSignedIn(middleware, 'parallel')
    const writers = Array.from({ length: 10 }, () => new Browser(middleware, theirs.cookie))
    const revoked = visited(ours, (session) => session.revokeOthers())

    const written = writers.map((writer, n) => writer.visit((session) => session.put(`k${n}`, n)))
    await Promise.all([revoked, ...written])

    for (const writer of writers) assert.equal(await isIn(writer), false)
    assert.equal(await isIn(ours), true)
  })

  test('Django CVE-2015-5143: strangers leave no session and no index', async () => {
    const middleware = withUsers({}, { ...driver.ownStore(), storeEmpty: false })
    const { store } = middleware.engine.stats()

    for (let n = 0; n < STRANGERS; n++) {
      // Every second one has a cookie that it has made up.
      const stranger = new Browser(middleware, n % 2 === 0 ? undefined : `${n}.${n}`)
      const { setCookies } = await stranger.visit((session) => session.get('auth_user_id'))
      assert.deepEqual(setCookies, [])
    }

    assert.deepEqual(middleware.engine.stats().store, store)
    assert.equal(middleware.engine.stats().save.calls, 0)
  })

  test('a cookie that names an index is refused, whatever its signature', async () => {
    const middleware = withUsers({}, { ...driver.ownStore(), format: 'v1' })
    await signedIn(middleware, 'named')
    const index = indexIdOf('named')
    const planted = new Browser(middleware, createCodec([SECRET]).sign(index))

    const { session, setCookies } = await planted.visit()

    assert.deepEqual(session.all(), {})
    assert.notEqual(session.id(), index)
    assert.deepEqual(setCookies, [])
  })

  test('an absolute lifetime and users go together', async (t) => {
    const clock = stopClock(t, T0)
    const middleware = withUsers({}, { absoluteLifetime: 90 })
    const browser = await signedIn(middleware, 'absolute')
    await browser.visit((session) => session.put('a', 1))
    assert.equal(await isIn(browser), true)

    clock.set(T0 + 91 * MINUTE_MS)

    const { session } = await browser.visit()
    assert.deepEqual(session.all(), {})
    assert.deepEqual(await session.devices(), [])
  })

  test('without users there is nobody to ask about', async () => {
    const { session } = await new Browser(driver.middleware()).visit()

    const off = { name: 'SessionUsersError', code: 'ERR_SESSION_USERS_OFF' }
    await assert.rejects(() => session.signIn('x'), off)
    await assert.rejects(() => session.devices(), off)
    await assert.rejects(() => session.revokeOthers(), off)
  })

  test('who is not signed in has no devices, and revokes nothing', async () => {
    const { session } = await new Browser(withUsers()).visit()

    assert.deepEqual(await session.devices(), [])
    assert.equal(await session.revoke('AAAAAAAAAAAAAAAAAAAAAA'), false)
    assert.equal(await session.revokeOthers(), 0)
    assert.equal(await session.revokeAll(), 0)
    await assert.rejects(() => session.signIn(''), SessionUsersError)
  })
})
