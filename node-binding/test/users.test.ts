/** The sessions of a user, on every driver: who is in, who is listed, and who is out for good. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  type SessionConfig,
  type SessionDevice,
  type SessionInstance,
  type SessionMiddlewareHandler,
  SessionStoreError,
  SessionUsersError,
  type UsersConfig,
} from '@rudderjs/session-native'
import { createCodec, openMemoryStore } from '@rudderjs/session-native/native'
import { indexIdOf } from '../dist/users/names.js'
import { stopClock } from './support/clock.js'
import { captureConsole } from './support/console.js'
import { onEveryDriver } from './support/drivers.js'
import { Browser, SECRET } from './support/pipeline.js'

const T0 = 1_700_000_000_000
const SECOND_MS = 1000
const MINUTE_MS = 60_000
const LIFETIME_MINUTES = 120

/** Requests without a session. STRANGERS=100000 for a flood. */
const STRANGERS = Number(process.env.STRANGERS ?? 3000)

onEveryDriver((driver) => {
  const hasRecords = driver.name !== 'cookie'

  function withUsers(users: UsersConfig = {}, changes: Partial<SessionConfig> = {}) {
    const store = hasRecords ? {} : { store: openMemoryStore().store }
    return driver.middleware({ ...changes, users: { ...store, ...users } })
  }

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

  test('what the index costs is counted: a read for each request of somebody, a write to sign in', async () => {
    const middleware = withUsers()
    const counts = () => {
      const { load, save } = middleware.engine.stats().users ?? assert.fail('there are users')
      return [load.calls, save.calls, load.errors + save.errors]
    }

    await new Browser(middleware).visit()
    const stranger = counts()
    const browser = await signedIn(middleware, 'counted')
    const [loads = 0, saves = 0] = counts()
    await browser.visit()
    await browser.visit()

    assert.deepEqual(stranger, [0, 0, 0])
    assert.ok(loads >= 1 && saves === 1, `${loads} loads, ${saves} saves`)
    assert.deepEqual(counts(), [loads + 2, saves, 0])
    const { load } = middleware.engine.stats().users ?? assert.fail('there are users')
    assert.ok(load.totalMs >= load.maxMs && load.maxMs > 0)
  })

  test('a call to the index that fails is counted as one', async (t) => {
    const failing = {
      load: async () => {
        throw new SessionStoreError('ERR_SESSION_STORE_TIMEOUT', 'out of time')
      },
      create: async () => true,
      update: async () => true,
    }
    captureConsole(t, 'warn')
    const middleware = withUsers({ store: failing })

    await assert.rejects(signedIn(middleware, 'failing'))

    const { load, save } = middleware.engine.stats().users ?? assert.fail('there are users')
    assert.deepEqual([load.calls, load.errors, save.calls], [1, 1, 0])
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

    assert.deepEqual(session.all(), hasRecords ? {} : { auth_user_id: 'replayed' })
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

  test('a lost index heals, and knows those who come back', async () => {
    const store = openMemoryStore().store
    const middleware = withUsers({ store })
    const [ours, theirs] = await twoSignedIn(middleware, 'lost')
    await store.destroy(indexIdOf('lost'))

    assert.equal(await isIn(ours), true)
    assert.equal((await devicesOf(ours)).length, 1)
    await ours.visit((session) => session.revokeOthers())

    // It was not named, and is over all the same.
    assert.equal(await isIn(theirs), false)
  })

  test('that a session is seen is noted once in seenEverySeconds', async (t) => {
    const clock = stopClock(t, T0)
    const store = new CountingStore()
    const browser = await signedIn(withUsers({ store, seenEverySeconds: 60 }), 'seen')
    const { updates } = store

    for (let seconds = 0; seconds <= 120; seconds += 5) {
      clock.set(T0 + seconds * SECOND_MS)
      await browser.visit()
    }

    assert.equal(store.updates - updates, 1)
    assert.deepEqual((await devicesOf(browser))[0]?.seen, new Date(T0 + 65 * SECOND_MS))
  })

  test("that it could not be noted is not the request's affair", async (t) => {
    const clock = stopClock(t, T0)
    const store = new CountingStore()
    const browser = await signedIn(withUsers({ store }), 'unseen')
    clock.set(T0 + 5 * MINUTE_MS)

    store.failing = 'update'

    assert.equal(await isIn(browser), true)
  })

  test('a store that cannot say makes an error: neither "no session" nor "in"', async (t) => {
    captureConsole(t, 'warn')
    const store = new CountingStore()
    const guests = withUsers({ store })
    const browser = await signedIn(guests, 'down')
    const { cookie } = browser
    store.failing = 'load'

    const { session, setCookies } = await browser.visit((session) => session.put('a', 1))

    assert.equal(session.available, false)
    assert.equal(session.get('auth_user_id'), undefined)
    assert.deepEqual(setCookies, [])
    await assert.rejects(() => session.devices(), SessionStoreError)
    await assert.rejects(() => session.signIn('down'), SessionStoreError)

    store.failing = null
    assert.equal(await isIn(new Browser(guests, cookie)), true)
    const failing = withUsers({ store }, { ...driver.ownStore(), onStoreFailure: 'fail' })
    const other = await signedIn(failing, 'down')
    store.failing = 'load'
    await assert.rejects(() => other.visit(), SessionStoreError)
  })

  test('a logout that the store does not take is an error, and is tried again', async (t) => {
    const errors = captureConsole(t, 'error')
    const store = new CountingStore()
    const browser = await signedIn(withUsers({ store }), 'stubborn')
    const kept = new Browser(middlewareOf(browser), browser.cookie)

    await browser.visit(async (session) => {
      store.failing = 'update'
      await assert.rejects(() => session.logout(), SessionStoreError)
      assert.deepEqual(session.all(), {})
      store.failing = null
      session.flash('notice', 'bye')
    })

    assert.equal(errors.length, 0)
    assert.equal(await isIn(kept), false)
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

  test('an engine keeps the verdict for checkEverySeconds, and knows its own ends at once', async (t) => {
    const clock = stopClock(t, T0)
    const store = new CountingStore()
    const users = { store, checkEverySeconds: 30 }
    const middleware = withUsers(users)
    const [ours, theirs] = await twoSignedIn(middleware, 'cached')
    await theirs.visit()
    const { loads } = store
    await theirs.visit()
    assert.equal(store.loads, loads)

    await ours.visit((session) => session.revokeOthers())
    assert.equal(await isIn(theirs), false)

    const fourth = await signedIn(middleware, 'cached')
    await fourth.visit()
    await driver.middleware({ ...driver.ownStore(), users }).engine.users?.revokeAll('cached')
    clock.set(T0 + 29 * SECOND_MS)
    assert.equal(await isIn(fourth), true)
    clock.set(T0 + 31 * SECOND_MS)
    assert.equal(await isIn(fourth), false)
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

async function signedIn(
  middleware: SessionMiddlewareHandler,
  user: string | number,
  label = 'Test',
): Promise<Browser> {
  const browser = new Browser(middleware)
  await browser.visit((session) => session.signIn(user, { label }))
  MIDDLEWARES.set(browser, middleware)
  return browser
}

async function twoSignedIn(middleware: SessionMiddlewareHandler, user: string | number) {
  return [await signedIn(middleware, user), await signedIn(middleware, user)] as const
}

/** Where a browser has signed in. */
const MIDDLEWARES = new WeakMap<Browser, SessionMiddlewareHandler>()

function middlewareOf(browser: Browser): SessionMiddlewareHandler {
  return MIDDLEWARES.get(browser) as SessionMiddlewareHandler
}

async function visited<T>(browser: Browser, handler: (session: SessionInstance) => Promise<T>) {
  let result: T | undefined
  await browser.visit(async (session) => {
    result = await handler(session)
  })
  return { result }
}

async function isIn(browser: Browser): Promise<boolean> {
  const { session } = await browser.visit()
  return session.available && session.get('auth_user_id') !== undefined
}

async function devicesOf(browser: Browser): Promise<SessionDevice[]> {
  return (await visited(browser, (session) => session.devices())).result ?? []
}

/** A store that counts, and fails on demand. */
class CountingStore {
  readonly #store = openMemoryStore().store
  loads = 0
  updates = 0
  failing: 'load' | 'update' | null = null

  async load(id: string, nowMs: number) {
    this.loads += 1
    if (this.failing === 'load') throw OUT_OF_REACH
    return this.#store.load(id, nowMs)
  }

  create(text: string, ttlSeconds: number, nowMs: number) {
    return this.#store.create(text, ttlSeconds, nowMs)
  }

  async update(base: string, text: string, ttlSeconds: number, nowMs: number) {
    this.updates += 1
    if (this.failing === 'update') throw OUT_OF_REACH
    return this.#store.update(base, text, ttlSeconds, nowMs)
  }
}

const OUT_OF_REACH = new SessionStoreError('ERR_SESSION_STORE_UNREACHABLE', 'down', {
  retryable: true,
})
