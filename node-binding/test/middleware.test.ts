/** The RudderJS middleware: when a session is loaded, when it is saved, and on what shapes. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  nativeStatus,
  Session,
  type SessionConfig,
  type SessionInstance,
} from '@rudderjs/session-native'
import { stopClock } from './support/clock.js'
import { captureConsole } from './support/console.js'
import { onEveryDriver } from './support/drivers.js'
import { Browser, UUID_V4, visit } from './support/pipeline.js'

onEveryDriver((driver) => {
  test('it carries the name and the marks that the framework looks for', () => {
    const middleware = driver.middleware()

    assert.equal(middleware.name, 'SessionMiddleware')
    const marks = middleware as unknown as Record<symbol, unknown>
    assert.equal(marks[Symbol.for('rudderjs.requestContext')], true)
    assert.equal(marks[Symbol.for('rudderjs.sessionMiddleware')], true)
  })

  for (const header of [undefined, '', 'other=1', 'sid=']) {
    test(`without a cookie a visitor gets a session at once: ${header}`, async () => {
      const { session, setCookies } = await visit(driver.middleware(), header)

      assert.match(session.id(), UUID_V4)
      assert.match(
        setCookies.join(),
        /^sid=[^;]+\.[\w-]{43}; Path=\/; Max-Age=7200; SameSite=lax; HttpOnly$/,
      )
    })
  }

  for (const [what, header] of [
    ['garbage', 'sid=garbage'],
    ['a signature of another key', `sid=x.${'A'.repeat(43)}`],
    ['bytes that no cookie has', 'sid=\u00ff\u0000'],
    ['an empty signature', 'sid=.'],
  ]) {
    test(`a refused cookie gives a fresh session and sends nothing: ${what}`, async () => {
      const { session, setCookies } = await visit(driver.middleware(), header)

      assert.match(session.id(), UUID_V4)
      assert.deepEqual([session.isDirty(), setCookies], [false, []])
    })
  }

  test('changing any one character of a cookie refuses it', async () => {
    const browser = new Browser(driver.middleware())
    const { session: real } = await browser.visit((session) => session.put('user', 1))
    const cookie = browser.cookie ?? ''
    const middleware = driver.middleware()

    for (let at = 0; at < cookie.length; at++) {
      const other = cookie[at] === 'A' ? 'B' : 'A'
      const changed = cookie.slice(0, at) + other + cookie.slice(at + 1)
      const { session } = await visit(middleware, `sid=${changed}`)
      assert.notEqual(session.id(), real.id(), `position ${at}`)
    }
  })

  test('with storeEmpty: false a visitor without data leaves no trace', async () => {
    const middleware = driver.middleware({ storeEmpty: false })

    const idle = await visit(middleware, undefined)
    const busy = await visit(middleware, undefined, (session) => session.put('a', 1))

    assert.deepEqual([idle.setCookies.length, busy.setCookies.length], [0, 1])
  })

  test('with storeEmpty: false a session that was emptied is still saved', async () => {
    const browser = new Browser(driver.middleware({ storeEmpty: false }))
    await browser.visit((session) => session.put('user', 1))

    const { setCookies } = await browser.visit((session) => session.flush())

    assert.equal(setCookies.length, 1)
    assert.deepEqual((await browser.visit()).session.all(), {})
  })

  test('with storeEmpty: false a session that was saved and emptied is saved again', async () => {
    const browser = new Browser(driver.middleware({ storeEmpty: false }))

    const { setCookies } = await browser.visit(async (session) => {
      session.put('user', 1)
      await session.saveToCookie()
      session.flush()
    })

    assert.equal(setCookies.length, 1)
    assert.deepEqual((await browser.visit()).session.all(), {})
  })

  test('a session is saved even if the handler threw, and the error passes through', async () => {
    const middleware = driver.middleware()
    const response = new Response()
    const raw: { __rjs_session?: SessionInstance } = {}
    const failure = new Error('of the handler')

    await assert.rejects(
      middleware({ headers: {}, raw }, { raw: { res: response } }, () => {
        Session.put('before', 'the throw')
        throw failure
      }),
      failure,
    )

    const [cookie = ''] = response.headers.getSetCookie()
    const { session } = await visit(middleware, cookie.split(';')[0])
    assert.deepEqual(session.all(), { before: 'the throw' })
  })

  test('headers that cannot change cost the cookie, not the response', async (t) => {
    const errors = captureConsole(t, 'error')
    const middleware = driver.middleware()
    const response = Response.redirect('http://example.org/', 303)

    const answer = await middleware({ headers: {}, raw: {} }, { raw: { res: response } }, () => {
      Session.put('user', 1)
      return 'answer'
    })

    assert.equal(answer, 'answer')
    assert.equal(errors.length, 1)
    assert.ok(errors[0]?.[1] instanceof TypeError)
  })

  test('it answers what next answers', async () => {
    const middleware = driver.middleware()

    assert.equal(await middleware({ headers: {}, raw: {} }, {}, () => 'answer'), 'answer')
  })

  test('installed twice, the first one has the session and one warning is printed', async (t) => {
    const warnings = captureConsole(t, 'warn')
    const outer = driver.middleware()
    const inner = driver.middleware()
    const response = new Response()
    const seen: unknown[] = []
    const raw: { __rjs_session?: SessionInstance } = {}
    const run = () =>
      outer({ headers: {}, raw }, { raw: { res: response } }, () => {
        seen.push(raw.__rjs_session)
        return inner({ headers: {}, raw }, { raw: { res: response } }, () => {
          Session.put('by', 'the inner')
          seen.push(Session.maybeCurrent())
        })
      })

    await run()
    delete raw.__rjs_session
    await run()

    assert.equal(seen[0], seen[1])
    assert.equal(response.headers.getSetCookie().length, 2, 'one for each request')
    assert.equal(warnings.length, 1)
    assert.match(
      String(warnings[0]),
      /^\[Rudder\] sessionMiddleware is installed more than once on this request pipeline\. /,
    )
  })

  const shapes: [string, unknown, unknown][] = [
    ['nothing at all', undefined, undefined],
    ['null', null, null],
    ['no headers and no raw', {}, {}],
    ['raw that is not an object', { headers: {}, raw: 'x' }, { raw: 'x' }],
    ['raw that is frozen', { headers: {}, raw: Object.freeze({}) }, { raw: Object.freeze({}) }],
    ['an upgrade: a raw response that only has header()', { raw: {} }, { raw: { header() {} } }],
  ]
  for (const [name, req, res] of shapes) {
    test(`a host with another shape is not brought down: ${name}`, async (t) => {
      const errors = captureConsole(t, 'error')

      const active = await driver.middleware()(req as never, res as never, () => Session.active())

      assert.equal(active, true)
      assert.deepEqual(errors, [])
    })
  }

  test('a cookie is read from headers of every kind', async () => {
    const middleware = driver.middleware()
    const own = new Browser(middleware)
    await own.visit((session) => session.put('user', 1))
    const cookie = `sid=${own.cookie}`

    for (const req of [
      { headers: { cookie }, raw: {} },
      { headers: { cookie: ['a=1', cookie] }, raw: {} },
      { headers: new Headers({ cookie }), raw: {} },
      { raw: { req: { header: (name: string) => (name === 'cookie' ? cookie : undefined) } } },
    ]) {
      assert.equal(await middleware(req, {}, () => Session.get('user')), 1)
    }
  })

  test('a response with a session cookie tells caches so, and any other does not', async () => {
    const header = async (changes: Partial<SessionConfig>, handler: () => void) => {
      const response = new Response('body')
      const middleware = driver.middleware({ storeEmpty: false, ...changes })
      await middleware({ headers: {}, raw: {} }, { raw: { res: response } }, handler)
      return [response.headers.get('Vary'), response.headers.get('Cache-Control')]
    }
    const write = () => Session.put('user', 1)

    assert.deepEqual(await header({}, write), ['Cookie', 'private'])
    assert.deepEqual(await header({}, () => {}), [null, null])
    assert.deepEqual(await header({ cacheHeaders: false }, write), [null, null])
  })

  test('flash is not eaten by the upgrade to a WebSocket', async () => {
    const middleware = driver.middleware()
    const browser = new Browser(middleware)
    await browser.visit((session) => session.flash('ok', 'Saved!'))
    const cookie = `sid=${browser.cookie}`
    const res = { raw: { header() {} } }

    for (const req of [
      { headers: { upgrade: 'WebSocket', cookie }, raw: {} },
      { headers: new Headers({ upgrade: 'websocket', cookie }), raw: {} },
    ]) {
      const seen = await middleware(req, res, () => Session.getFlash('ok'))
      assert.equal(seen, 'Saved!')
    }

    assert.deepEqual((await browser.visit()).session.allFlash(), { ok: 'Saved!' })
    assert.deepEqual((await browser.visit()).session.allFlash(), {})
  })

  if (driver.name !== 'cookie') {
    test('what the handler of an upgrade writes is saved, and flash stays with it', async () => {
      const middleware = driver.middleware()
      const browser = new Browser(middleware)
      await browser.visit((session) => session.flash('ok', 'Saved!'))
      const headers = { upgrade: 'websocket', cookie: `sid=${browser.cookie}` }

      await middleware({ headers, raw: {} }, { raw: { header() {} } }, () => {
        Session.put('room', 7)
      })

      const { session } = await browser.visit()
      assert.deepEqual([session.all(), session.allFlash()], [{ room: 7 }, { ok: 'Saved!' }])
    })

    test('an upgrade without a cookie, which nobody could keep, stores nothing', async () => {
      const middleware = driver.middleware()

      await middleware(
        { headers: { upgrade: 'websocket' }, raw: {} },
        { raw: { header() {} } },
        () => {},
      )

      assert.equal(middleware.engine.stats().save.calls, 0)
    })
  }

  test('the clock is Date.now at the time of the call', async (t) => {
    const clock = stopClock(t, 1_700_000_000_000)
    const browser = new Browser(driver.middleware({ lifetime: 1 }))
    await browser.visit((session) => session.put('user', 1))

    clock.set(1_700_000_059_999)
    const alive = await browser.visit()
    clock.set(1_700_000_060_001)
    const late = await browser.visit()

    assert.equal(alive.session.get('user'), 1)
    // Redis counts by itself, and there a minute has not passed.
    assert.equal(late.session.get('user'), driver.name === 'redis' ? 1 : undefined)
  })

  test('a rotated secret still verifies what it once signed', async () => {
    const old = driver.middleware({ secret: 'the-old-one-0123456789abcdef' })
    const browser = new Browser(old)
    await browser.visit((session) => session.put('user', 1))

    const next = 'the-new-one-0123456789abcdef'
    const both = driver.middleware({ secret: [next, 'the-old-one-0123456789abcdef'] })
    const { session, setCookies } = await visit(both, `sid=${browser.cookie}`, (session) =>
      session.put('again', 1),
    )
    const removed = await visit(driver.middleware({ secret: next }), `sid=${browser.cookie}`)

    // The memory of another middleware is another memory.
    const expected = driver.name === 'memory' ? { again: 1 } : { user: 1, again: 1 }
    assert.deepEqual(session.all(), expected)
    const renewed = await visit(both, setCookies[0]?.split(';')[0])
    assert.deepEqual(renewed.session.all(), expected)
    assert.deepEqual(removed.session.all(), {})
  })

  // A cookie of the cookie driver names no record.
  const withRecords = driver.name === 'cookie' ? [] : [driver]
  for (const { middleware: open } of withRecords) {
    test('passport CVE-2022-25896: an id that no store knows is not taken over, whoever signed it', async () => {
      const middleware = open()
      const mallory = new Browser(middleware)
      const { session } = await mallory.visit((it) => it.put('mallory', 1))
      const planted = mallory.cookie
      await mallory.visit((it) => it.logout())

      const victim = new Browser(middleware, planted)
      const login = await victim.visit((it) => it.login('alice'))
      const spy = await new Browser(middleware, planted).visit()

      assert.notEqual(login.session.id(), session.id())
      assert.notEqual(victim.cookie, planted)
      assert.deepEqual(spy.session.all(), {})
      // Nor by a visit that gives the session no other id.
      const put = await new Browser(middleware, planted).visit((it) => it.put('a', 1))
      assert.notEqual(put.session.id(), session.id())
      assert.deepEqual((await new Browser(middleware, planted).visit()).session.all(), {})
    })
  }

  test('the engine counts what it does', async () => {
    const middleware = driver.middleware()
    const browser = new Browser(middleware)

    await browser.visit()
    await browser.visit()

    await browser.visit((session) => session.regenerate())

    const { load, save, regenerate, destroy, store, ...rest } = middleware.engine.stats()
    assert.deepEqual(rest, { driver: driver.name, addon: nativeStatus(), users: null })
    // The cookie driver has no record that could move: it destroys nothing, and saves again.
    const moves = driver.name === 'cookie' ? [3, 2, 0, 1] : [3, 1, 1, 0]
    const counts = [load.calls, save.calls, regenerate.calls, destroy.calls]
    assert.deepEqual(counts, moves)
    assert.deepEqual([load.errors, save.errors], [0, 0])
    assert.ok(load.totalMs >= load.maxMs && load.maxMs > 0)
    if (driver.name === 'cookie') assert.equal(store, null)
    else assert.ok((store?.load.calls ?? 0) >= 1)
  })
})
