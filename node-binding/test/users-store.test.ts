/** What the index of a user costs its store, and what follows if that fails, on every driver. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SessionStoreError } from '@rudderjs/session-native'
import { openMemoryStore } from '@rudderjs/session-native/native'
import { indexIdOf } from '../dist/users/names.js'
import { stopClock } from './support/clock.js'
import { captureConsole } from './support/console.js'
import { CountingStore } from './support/counting-store.js'
import { onEveryDriver } from './support/drivers.js'
import { Browser } from './support/pipeline.js'
import {
  devicesOf,
  isIn,
  middlewareOf,
  signedIn,
  twoSignedIn,
  withUsersOn,
} from './support/signed-in.js'

const T0 = 1_700_000_000_000
const SECOND_MS = 1000
const MINUTE_MS = 60_000

onEveryDriver((driver) => {
  const withUsers = withUsersOn(driver)

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
})
