/** Through a server: which routes have a session, and what goes out with every kind of answer. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AppRequest, RouteHandler } from '@rudderjs/contracts'
import { Application } from '@rudderjs/core'
import { Server } from '@rudderjs/server-hono'
import {
  Session,
  SessionMiddleware,
  SessionProvider,
  sessionMiddleware,
} from '@rudderjs/session-native/rudderjs'
import { captureConsole } from '../support/console.js'
import { onEveryDriver } from '../support/drivers.js'
import { boot, serve, sessionCookies, Visitor } from './support.js'

onEveryDriver((driver) => {
  /** A server whose `/` answers by `handler`, and whose `/session` shows what is in the session. */
  async function serverOf(handler: RouteHandler): Promise<Server> {
    const server = await serve(driver.config())
    const show = () => ({ data: Session.all(), flash: Session.allFlash() })
    return server
      .route('GET', '/session', show, { group: 'web' })
      .route(['GET', 'POST'], '/', handler, { group: 'web' })
  }

  test('a route of the "web" group has a session without a word of its own', async () => {
    const visitor = new Visitor(
      await serverOf((req: AppRequest) => {
        assert.equal(req.session, Session.maybeCurrent())
        req.session.put('user', 1)
        Session.flash('ok', 'Saved!')
        return { user: Session.get('user') }
      }),
    )

    assert.deepEqual(await visitor.json('/'), { user: 1 })

    assert.deepEqual(await visitor.json('/session'), { data: { user: 1 }, flash: { ok: 'Saved!' } })
    assert.deepEqual(await visitor.json('/session'), { data: { user: 1 }, flash: {} })
  })

  test('a route of the "api" group is stateless, and one that asks for it has a session', async () => {
    const server = await serve(driver.config())
    const seen = () => ({ active: Session.active(), none: Session.maybeCurrent() === null })
    server
      .route('GET', '/stateless', seen, { group: 'api' })
      .route('GET', '/stateful', seen, { group: 'api', middleware: [SessionMiddleware()] })

    const stateless = await server.request('/stateless')
    const stateful = await server.request('/stateful')

    assert.deepEqual(await stateless.json(), { active: false, none: true })
    assert.deepEqual(sessionCookies(stateless), [])
    assert.deepEqual(await stateful.json(), { active: true, none: false })
    assert.equal(sessionCookies(stateful).length, 1)
  })

  test('the facade on a stateless route says how to get a session', async () => {
    const server = await serve(driver.config())
    let message = ''
    const handler = () => {
      try {
        Session.get('user')
      } catch (error) {
        message = (error as Error).message
      }
    }

    await server.route('GET', '/', handler, { group: 'api' }).request('/')

    assert.match(message, /^\[Rudder Session\] Session\.current\(\) called with no session in con/)
  })

  const answers: [name: string, status: number, handler: RouteHandler][] = [
    ['a value', 200, () => ({ ok: true })],
    ['res.json', 201, (_req, res) => res.status(201).json({ ok: true })],
    ['res.send', 200, (_req, res) => res.send('text')],
    ['a redirect', 302, (_req, res) => res.redirect('/session')],
    ['no content', 204, () => new Response(null, { status: 204 })],
    ['not modified', 304, () => new Response(null, { status: 304 })],
    ['a raw Response', 418, () => new Response('raw', { status: 418 })],
    ['a raw Response with other cookies', 200, withTwoCookies],
  ]
  for (const [name, status, handler] of answers) {
    for (const method of ['GET', 'POST', 'HEAD']) {
      test(`${method}: exactly one session cookie goes out with ${name}`, async () => {
        const server = await serverOf((req, res) => {
          req.session.put('user', 1)
          return handler(req, res)
        })
        const visitor = new Visitor(server)

        const response = await visitor.request('/', { method })

        assert.equal(response.status, status)
        assert.equal(sessionCookies(response).length, 1)
        const others = response.headers.getSetCookie().filter((text) => !text.startsWith('sid='))
        assert.deepEqual(others, handler === withTwoCookies ? ['a=1', 'b=2'] : [])
        assert.deepEqual(await visitor.json('/session'), { data: { user: 1 }, flash: {} })
      })
    }
  }

  test('a streamed body gets the cookie before its first byte', async () => {
    let open = () => {}
    const gate = new Promise<void>((resolve) => {
      open = resolve
    })
    const server = await serverOf((req) => {
      req.session.put('user', 1)
      const body = new ReadableStream({
        async pull(controller) {
          await gate
          controller.enqueue(new TextEncoder().encode('late'))
          controller.close()
        },
      })
      return new Response(body)
    })

    const response = await server.request('/')
    assert.equal(sessionCookies(response).length, 1)
    open()

    assert.equal(await response.text(), 'late')
  })

  test('a handler that throws keeps what it put, and its error page gets the cookie', async () => {
    const server = await serverOf((req) => {
      req.session.put('before', 'the throw')
      throw new Error('of the handler')
    })
    server.hono.onError((error, c) => c.text(error.message, 500))
    const visitor = new Visitor(server)

    const response = await visitor.request('/')

    assert.deepEqual([response.status, await response.text()], [500, 'of the handler'])
    assert.equal(sessionCookies(response).length, 1)
    assert.deepEqual(await visitor.json('/session'), { data: { before: 'the throw' }, flash: {} })
  })

  test('installed on the group and on the route, there is one session and one warning', async (t) => {
    const warnings = captureConsole(t, 'warn')
    const server = await serve(driver.config())
    const second = sessionMiddleware(driver.config(driver.ownStore()))
    t.after(() => second.engine.close())
    const handler = (req: AppRequest) => {
      req.session.put('same', Session.maybeCurrent() === req.session)
      return Session.all()
    }
    server.route('GET', '/', handler, { group: 'web', middleware: [second] })
    const visitor = new Visitor(server)

    const responses = [await visitor.request('/'), await visitor.request('/')]

    for (const response of responses) {
      assert.equal(sessionCookies(response).length, 1)
      assert.deepEqual(await response.json(), { same: true })
    }
    assert.equal(warnings.length, 1)
    assert.match(
      String(warnings[0]),
      /^\[Rudder\] sessionMiddleware is installed more than once on this request pipeline\. /,
    )
  })

  test('an upgrade to a WebSocket has the session of its cookie', async () => {
    const server = await serverOf((req) => req.session.put('user', 1))
    const visitor = new Visitor(server)
    await visitor.request('/')

    const headers = { upgrade: 'websocket', cookie: `sid=${visitor.cookie}` }
    const seen = await server.upgrade(headers, async () => {
      await new Promise((resolve) => setImmediate(resolve))
      return Session.get('user')
    })

    assert.equal(seen, 1)
  })

  test('flash is not eaten by the upgrade to a WebSocket', async () => {
    const server = await serverOf(() => Session.flash('ok', 'Saved!'))
    const visitor = new Visitor(server)
    await visitor.request('/')

    const headers = { upgrade: 'websocket', cookie: `sid=${visitor.cookie}` }
    const seen = await server.upgrade(headers, () => Session.getFlash('ok'))

    assert.equal(seen, 'Saved!')
    assert.deepEqual(await visitor.json('/session'), { data: {}, flash: { ok: 'Saved!' } })
  })

  test('an answer with a session cookie keeps its own word to caches, and says private', async () => {
    const own = { 'Cache-Control': 'max-age=60', Vary: 'Accept' }
    const server = await serverOf((req) => {
      req.session.put('user', 1)
      return new Response('', { headers: own })
    })

    const { headers } = await server.request('/')

    const said = [headers.get('Cache-Control'), headers.get('Vary')]
    assert.deepEqual(said, ['private, max-age=60', 'Accept, Cookie'])
  })

  test('telescope and the test channel read the session after it was saved', async () => {
    const server = await serve(driver.config())
    let bag: { __rjs_session?: typeof Session.prototype } | undefined
    server.hono.use(async (c, next) => {
      await next()
      bag = c as never
    })
    server.route('GET', '/', () => void Session.put('user', 1), { group: 'web' })

    await server.request('/')

    const session = bag?.__rjs_session as { all(): unknown; allFlash(): unknown } | undefined
    assert.deepEqual([session?.all(), session?.allFlash()], [{ user: 1 }, {}])
  })
})

test('in a boot with several providers the middleware of the group runs in their order', async () => {
  const application = new Application({ session: {} })
  const { config } = await import('../support/pipeline.js')
  application.config = { session: config() }
  await application.boot(SessionProvider)
  const order: unknown[] = []
  application.groups.web.push(async (_req, _res, next) => {
    order.push(Session.active())
    await next()
  })

  const server = new Server().route('GET', '/', () => void order.push('handler'), { group: 'web' })
  await server.request('/')

  assert.deepEqual(order, [true, 'handler'])
  assert.equal((await boot(config())).groups.web.length, 1)
})

function withTwoCookies(): Response {
  const response = new Response('raw')
  response.headers.append('Set-Cookie', 'a=1')
  response.headers.append('Set-Cookie', 'b=2')
  return response
}
