/** Requests to one session at the same time: no write is lost, and no logout is undone. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type SessionInstance, SessionStoreError } from '@rudderjs/session-native'
import { stopClock } from './support/clock.js'
import { captureConsole } from './support/console.js'
import { onEveryStore } from './support/drivers.js'
import { Browser, visit } from './support/pipeline.js'

async function logOut(session: SessionInstance): Promise<void> {
  session.flush()
  await session.regenerate()
}

onEveryStore((driver) => {
  /** Two browsers with the same cookie, of a session that holds `user`. */
  async function twins(changes?: Parameters<typeof driver.middleware>[0]) {
    const middleware = driver.middleware(changes)
    const one = new Browser(middleware)
    await one.visit((session) => session.put('user', 1))
    const stats = () => middleware.engine.stats().store
    return { middleware, one, other: new Browser(middleware, one.cookie), stats }
  }

  test('logout stays logged out, whatever a request in flight saves', async () => {
    const { middleware, one, other, stats } = await twins()
    const before = one.cookie

    const { setCookies } = await other.visit(async (session) => {
      session.put('seen', 1)
      await one.visit(logOut)
    })

    assert.deepEqual(setCookies, [])
    assert.deepEqual((await new Browser(middleware, before).visit()).session.all(), {})
    assert.deepEqual((await one.visit()).session.all(), {})
    assert.equal(stats()?.writesToGone, 1)
  })

  test('logout stays logged out, also when a request in flight regenerates', async () => {
    const { middleware, one, other } = await twins()
    const before = one.cookie

    const { session, setCookies } = await other.visit(async (session) => {
      await session.regenerate()
      await one.visit(logOut)
    })

    assert.deepEqual(setCookies, [])
    assert.deepEqual((await new Browser(middleware, before).visit()).session.all(), {})
    assert.equal(session.isDirty(), false, 'it was dealt with')
  })

  test('parallel requests keep each other\u2019s writes', async () => {
    const { one, other, stats } = await twins()

    await one.visit(async (session) => {
      session.put('mine', 1)
      session.forget('user')
      await other.visit((session) => session.put('yours', 2))
    })

    assert.deepEqual((await one.visit()).session.all(), { yours: 2, mine: 1 })
    assert.equal(stats()?.merges, 1)
  })

  test('of many requests at once no write is lost', async () => {
    const { middleware, one } = await twins()
    const keys = Array.from({ length: 8 }, (_, n) => `key-${n}`)

    await Promise.all(
      keys.map((key) =>
        new Browser(middleware, one.cookie).visit((session) => session.put(key, key)),
      ),
    )

    const all = Object.fromEntries(keys.map((key) => [key, key]))
    assert.deepEqual((await one.visit()).session.all(), { user: 1, ...all })
  })

  test('a request that saves twice keeps what came between', async () => {
    const { one, other } = await twins()

    await one.visit(async (session) => {
      session.put('first', 1)
      await other.visit((session) => session.put('between', 2))
      await session.save({})
      await other.visit((session) => session.put('later', 3))
      session.put('second', 4)
    })

    const expected = { user: 1, between: 2, first: 1, later: 3, second: 4 }
    assert.deepEqual((await one.visit()).session.all(), expected)
  })

  test('a flash that is consumed does not take along another that was set meanwhile', async () => {
    const { one, other } = await twins()
    await one.visit((session) => session.flash('shown', 'first'))

    const { session } = await one.visit(async () => {
      await other.visit((session) => session.flash('set', 'meanwhile'))
    })

    assert.deepEqual(session.allFlash(), { shown: 'first' })
    assert.deepEqual((await one.visit()).session.allFlash(), { set: 'meanwhile' })
    assert.deepEqual((await one.visit()).session.allFlash(), {})
  })

  test('what is written while a session is regenerated moves along', async () => {
    const { middleware, one, other } = await twins()
    const before = one.cookie

    await one.visit(async (session) => {
      await session.regenerate()
      await other.visit((session) => session.put('late', 2))
    })

    assert.deepEqual((await one.visit()).session.all(), { user: 1, late: 2 })
    assert.deepEqual((await new Browser(middleware, before).visit()).session.all(), {})
  })

  test('regenerate removes nothing before the session is saved', async () => {
    const { one, other } = await twins()

    await one.visit(async (session) => {
      await session.regenerate()
      assert.equal((await other.visit()).session.get('user'), 1)
    })

    assert.equal((await other.visit()).session.get('user'), undefined)
  })

  test('a regenerated session that was never stored is made under its last id', async () => {
    const browser = new Browser(driver.middleware())

    const { session } = await browser.visit(async (session) => {
      await session.regenerate()
      session.put('user', 1)
      await session.regenerate()
    })

    const next = await browser.visit()
    assert.deepEqual([next.session.id(), next.session.all()], [session.id(), { user: 1 }])
  })

  test('a session that expires during a request is not written back', async (t) => {
    const clock = stopClock(t, 1_700_000_000_000)
    const { middleware, one } = await twins({ lifetime: 1 })

    const { setCookies } = await one.visit(async (session) => {
      session.put('late', 1)
      clock.set(1_700_000_060_000)
      // Redis has a clock of its own, and cannot be told that a minute has passed.
      if (driver.name === 'redis') await middleware.engine.driver.destroy(session.id())
    })

    assert.deepEqual(setCookies, [])
    clock.set(1_700_000_000_000)
    const { session } = await one.visit()
    // The clock is back, and still the late write is not there.
    assert.equal(session.has('late'), false)
  })

  test('a failing destroy is an error', async () => {
    const { middleware, one } = await twins(driver.ownStore())
    const { session } = await one.visit()
    await logOut(session)
    middleware.engine.close()

    for (const attempt of [session.save({}), middleware.engine.driver.destroy('some-id')]) {
      await assert.rejects(attempt, (error: unknown) => {
        assert.ok(error instanceof SessionStoreError)
        assert.deepEqual([error.code, error.saved], ['ERR_SESSION_STORE_CLOSED', false])
        return true
      })
    }
    assert.equal(session.isDirty(), true, 'the logout is still to be done')
  })

  test('a save that fails at the end of a request is reported, and sends no cookie', async (t) => {
    const errors = captureConsole(t, 'error')
    const { middleware, one } = await twins(driver.ownStore())

    const { setCookies } = await one.visit(async (session) => {
      await logOut(session)
      middleware.engine.close()
    })

    assert.deepEqual(setCookies, [])
    assert.match(
      String(errors[0]?.[0]),
      /^\[Rudder\] session\.save\(\) failed; the response is pre/,
    )
  })

  test('with lastWriteWins a save writes over what others wrote and destroyed', async () => {
    const { middleware, one, other } = await twins({ lastWriteWins: true })
    const before = one.cookie

    await one.visit(async (session) => {
      session.put('mine', 1)
      await other.visit((session) => session.put('yours', 2))
    })
    assert.deepEqual((await one.visit()).session.all(), { user: 1, mine: 1 })

    await other.visit(async (session) => {
      session.put('back', 1)
      await one.visit(logOut)
    })
    const undone = await visit(middleware, `sid=${before}`)
    assert.deepEqual(undone.session.all(), { user: 1, mine: 1, back: 1 })
  })

  test('with lastWriteWins the old cookie is still worth nothing after regenerate', async () => {
    const { one, other } = await twins({ lastWriteWins: true })

    await one.visit((session) => session.regenerate())

    assert.deepEqual((await one.visit()).session.all(), { user: 1 })
    assert.deepEqual((await other.visit()).session.all(), {})
  })
})
