/** What a session can do beyond @rudderjs/session: login, logout, and what saves a line. */

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  _runWithSession,
  Session,
  SessionInstance,
  SessionStoreError,
  sessionMiddleware,
} from '@rudderjs/session-native'
import { captureConsole } from './support/console.js'
import { onEveryDriver, onEveryStore } from './support/drivers.js'
import { closedPort } from './support/misbehaving-server.js'
import { Browser, config, cookieValueOf, NEW_ID, visit } from './support/pipeline.js'

function open(data: Record<string, unknown> = {}): SessionInstance {
  return new SessionInstance({ id: 'x', data, flash_next: {} }, {} as never, config())
}

describe('without a driver', () => {
  test('increment counts from 0, by any step, and answers the sum', () => {
    const session = open({ n: 41 })

    assert.deepEqual(
      [session.increment('n'), session.increment('m'), session.increment('m', -3)],
      [42, 1, -2],
    )
    assert.deepEqual(session.all(), { n: 42, m: -2 })
    assert.equal(session.isDirty(), true)
  })

  test('increment of something that is no number is an error, and changes nothing', () => {
    const session = open({ n: '41', none: null })

    for (const key of ['n', 'none']) {
      assert.throws(() => session.increment(key), new RegExp(`"${key}" is no number`))
    }
    assert.deepEqual([session.all(), session.isDirty()], [{ n: '41', none: null }, false])
  })

  test('remember makes a value once, and keeps null and false, too', async () => {
    const session = open({ no: false })
    let made = 0
    const make = async () => ++made

    assert.deepEqual([await session.remember('n', make), await session.remember('n', make)], [1, 1])
    assert.equal(await session.remember<boolean>('no', () => true), false)
    assert.deepEqual(session.all(), { no: false, n: 1 })
  })

  test('now is flash for this request, and is not stored', () => {
    const session = open()

    session.now('ok', 'Saved!')

    assert.equal(session.getFlash('ok'), 'Saved!')
    assert.equal(session.isDirty(), false)
  })

  test('only and except are copies of a part of the data', () => {
    const session = open({ a: 1, b: 2, c: 3, toString: 4 })

    const some = session.only(['a', 'absent', 'toString', 'hasOwnProperty'])
    const rest = session.except(['a', 'absent'])
    some.a = 9

    assert.deepEqual([some.toString, rest], [4, { b: 2, c: 3, toString: 4 }])
    assert.equal(session.get('a'), 1)
    assert.equal(session.isDirty(), false)
  })

  test('createdAt is not known without an absolute lifetime', () => {
    assert.equal(open().createdAt, null)
  })

  test('the facade has all of it', async () => {
    const session = open({ n: 1, other: 2 })

    await _runWithSession(session, async () => {
      assert.equal(Session.increment('n'), 2)
      assert.equal(await Session.remember('made', () => 3), 3)
      Session.now('ok', 1)
      assert.equal(Session.getFlash('ok'), 1)
      assert.deepEqual(Session.only(['n']), { n: 2 })
      assert.deepEqual(Session.except(['n']), { other: 2, made: 3 })
    })
    const clean = open()
    _runWithSession(clean, () => Session.touch())
    assert.equal(clean.isDirty(), true)
  })
})

onEveryDriver((driver) => {
  test('login gives a fresh id, and the user where @rudderjs/auth looks for it', async () => {
    const middleware = driver.middleware()
    const browser = new Browser(middleware)
    const guest = await browser.visit((session) => session.put('cart', [1]))

    const { session } = await browser.visit(() => Session.login(7))

    assert.notEqual(session.id(), guest.session.id())
    const { session: later } = await browser.visit()
    assert.deepEqual(later.all(), { cart: [1], auth_user_id: 7 })
    assert.equal(later.id(), session.id())
  })

  test('logout empties the session and takes the cookie back', async () => {
    const middleware = driver.middleware()
    const browser = new Browser(middleware)
    const before = await browser.visit((session) => {
      session.put('auth_user_id', 7)
      session.flash('ok', 1)
    })

    const { session, setCookies } = await browser.visit(() => Session.logout())

    assert.deepEqual(setCookies, ['sid=; Path=/; Max-Age=0; SameSite=lax; HttpOnly'])
    assert.deepEqual([session.all(), session.allFlash()], [{}, {}])
    assert.notEqual(session.id(), before.session.id())
    assert.match(session.id(), NEW_ID)
  })

  test('what is flashed after a logout is there in the next request, of another session', async () => {
    const middleware = driver.middleware()
    const browser = new Browser(middleware)
    const before = await browser.visit((session) => session.put('auth_user_id', 7))

    const { setCookies } = await browser.visit(async (session) => {
      await session.logout()
      session.flash('notice', 'Good bye')
    })

    assert.equal(setCookies.length, 1)
    const { session } = await browser.visit()
    assert.deepEqual([session.all(), session.allFlash()], [{}, { notice: 'Good bye' }])
    assert.notEqual(session.id(), before.session.id())
  })

  test('after a logout somebody else can log in, in the same request', async () => {
    const browser = new Browser(driver.middleware())
    await browser.visit((session) => session.put('of the first', 1))

    await browser.visit(async (session) => {
      await session.logout()
      await session.login('second')
    })

    assert.deepEqual((await browser.visit()).session.all(), { auth_user_id: 'second' })
  })

  test('touch sends the cookie again though nothing was changed', async () => {
    const browser = new Browser(driver.middleware())
    await browser.visit((session) => session.put('user', 1))

    const { setCookies } = await browser.visit((session) => session.touch())

    assert.equal(setCookies.length, 1)
    assert.deepEqual((await browser.visit()).session.all(), { user: 1 })
  })
})

onEveryStore((driver) => {
  test('logout stays logged out: no request that is under way brings the session back', async () => {
    const middleware = driver.middleware()
    const browser = new Browser(middleware)
    await browser.visit((session) => session.put('auth_user_id', 7))
    const slow = new Browser(middleware, browser.cookie)
    const thief = new Browser(middleware, browser.cookie)

    const { setCookies } = await slow.visit(async (session) => {
      session.put('late', 1)
      await browser.visit((session) => session.logout())
    })

    assert.deepEqual(setCookies, [])
    assert.deepEqual((await thief.visit()).session.all(), {})
  })

  test('the record is gone by the time logout resolves', async () => {
    const middleware = driver.middleware()
    const browser = new Browser(middleware)
    await browser.visit((session) => session.put('auth_user_id', 7))
    const thief = new Browser(middleware, browser.cookie)

    await browser.visit(async (session) => {
      await session.logout()
      assert.deepEqual((await thief.visit()).session.all(), {})
    })
  })

  test('logout ends a session that was moved and saved in the same request, too', async () => {
    const middleware = driver.middleware()
    const browser = new Browser(middleware)
    await browser.visit((session) => session.put('auth_user_id', 7))
    const thief = new Browser(middleware)

    await browser.visit(async (session) => {
      await session.regenerate()
      thief.cookie = cookieValueOf((await session.saveToCookie()) ?? '')
      assert.deepEqual((await thief.visit()).session.all(), { auth_user_id: 7 })
      await session.logout()
    })

    assert.deepEqual((await thief.visit()).session.all(), {})
  })

  test('a logout that the store does not do is an error, and is tried again when saving', async (t) => {
    const errors = captureConsole(t, 'error')
    const middleware = driver.middleware()
    const browser = new Browser(middleware)
    await browser.visit((session) => session.put('auth_user_id', 7))
    const thief = new Browser(middleware, browser.cookie)
    const { driver: own } = middleware.engine
    const { destroy } = own
    own.destroy = async () => {
      throw new SessionStoreError('ERR_SESSION_STORE_TIMEOUT', 'no answer')
    }

    const logout = browser.visit(async (session) => {
      try {
        await session.logout()
      } finally {
        own.destroy = destroy
      }
    })

    await assert.rejects(logout, SessionStoreError)
    assert.deepEqual(errors, [])
    assert.deepEqual((await thief.visit()).session.all(), {})
  })
})

test('nobody is logged in or out while the store is out of reach, and both say so', async (t) => {
  captureConsole(t, 'warn')
  const healthy = sessionMiddleware(config({ driver: 'memory' }))
  const cookie = (await visit(healthy, undefined)).setCookies[0]?.split(';')[0]
  const redis = { port: await closedPort(), deadlineMs: 300 }
  const broken = sessionMiddleware(config({ driver: 'redis', redis }))
  t.after(() => broken.engine.close())

  for (const act of ['login', 'logout'] as const) {
    const attempt = visit(broken, cookie, (session) => session[act](7 as never))
    await assert.rejects(attempt, { status: 503, code: 'ERR_SESSION_STORE_UNREACHABLE' })
  }
})
