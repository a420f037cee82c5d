/** On Hono: one Set-Cookie on every kind of response, saved before the first header leaves. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Session, type SessionInstance } from '@rudderjs/session-native'
import { type SessionEnv, session } from '@rudderjs/session-native/hono'
import { type Context, Hono } from 'hono'
import { captureConsole } from './support/console.js'
import { onEveryDriver } from './support/drivers.js'
import { SECRET } from './support/pipeline.js'

type Handler = (c: Context<SessionEnv>) => Response | Promise<Response>

onEveryDriver((driver) => {
  /** An application that answers `/` with `handler`, and any other path with the session. */
  function application(handler: Handler): Hono<SessionEnv> {
    const app = new Hono<SessionEnv>()
    const { redis, file } = driver.config()
    app.use(session({ driver: driver.name, secret: SECRET, file, ...(redis ? { redis } : {}) }))
    app.get('/', handler)
    app.get('/session', (c) => c.json(c.get('session').all()))
    return app
  }

  /** The session that the cookies of a response stand for. */
  async function stored(app: Hono<SessionEnv>, response: Response): Promise<unknown> {
    const cookie = sessionCookies(response)[0]?.split(';')[0] ?? ''
    return (await app.request('/session', { headers: { cookie } })).json()
  }

  const responses: [name: string, status: number, handler: Handler][] = [
    ['a text', 200, (c) => c.text('hello')],
    ['a redirect', 302, (c) => c.redirect('/session')],
    ['no content', 204, (c) => c.body(null, 204)],
    ['not modified', 304, (c) => c.body(null, 304)],
    ['not found', 404, (c) => c.notFound()],
    ['a raw Response', 201, () => new Response('raw', { status: 201 })],
    [
      'Response.redirect with its immutable headers',
      303,
      () => Response.redirect('http://a/', 303),
    ],
    ['a Response with other cookies', 200, withTwoCookies],
    [
      'headers that were set before',
      200,
      (c) => {
        c.header('Set-Cookie', 'a=1')
        c.header('Set-Cookie', 'b=2', { append: true })
        return c.text('hello')
      },
    ],
    ['an immutable Response with other cookies', 200, () => freeze(withTwoCookies())],
  ]
  for (const [name, status, handler] of responses) {
    test(`exactly one session cookie goes out with ${name}`, async () => {
      const app = application((c) => {
        c.get('session').put('user', 1)
        return handler(c)
      })

      const response = await app.request('/')

      assert.equal(response.status, status)
      assert.equal(sessionCookies(response).length, 1)
      const others = response.headers.getSetCookie().filter((text) => !text.startsWith('rudderjs'))
      assert.ok(others.length === 0 || others.join() === 'a=1,b=2', others.join())
      assert.deepEqual(await stored(app, response), { user: 1 })
    })
  }

  test('a handler that throws keeps what it put, and its error page gets the cookie', async () => {
    const app = application((c) => {
      c.get('session').put('before', 'the throw')
      throw new Error('of the handler')
    })
    app.onError((error, c) => c.text(error.message, 500))

    const response = await app.request('/')

    assert.deepEqual([response.status, await response.text()], [500, 'of the handler'])
    assert.deepEqual(await stored(app, response), { before: 'the throw' })
  })

  test('a handler that throws no Error at all still has its session saved', async () => {
    let instance: SessionInstance | undefined
    const app = application((c) => {
      instance = c.get('session')
      instance.put('a', 1)
      throw 'a string'
    })

    await assert.rejects(
      async () => app.request('/'),
      (error) => error === 'a string',
    )

    assert.equal(instance?.isDirty(), false)
  })

  test('a streamed body gets the cookie before its first byte', async () => {
    let open = () => {}
    const gate = new Promise<void>((resolve) => {
      open = resolve
    })
    const app = application((c) => {
      c.get('session').put('user', 1)
      const body = new ReadableStream({
        async pull(controller) {
          await gate
          controller.enqueue(new TextEncoder().encode('late'))
          controller.close()
        },
      })
      return c.body(body)
    })

    const response = await app.request('/')
    assert.equal(sessionCookies(response).length, 1)
    open()

    assert.equal(await response.text(), 'late')
  })

  test('a handler can save before it answers, and one cookie goes out', async () => {
    for (const answer of [
      (c: Context) => c.redirect('/session', 303),
      () => new Response(null, { status: 204 }),
    ]) {
      const app = application(async (c) => {
        await c.get('session').regenerate()
        c.get('session').put('user', 1)
        await c.get('session').save({ raw: c })
        return answer(c)
      })

      const response = await app.request('/')

      assert.equal(sessionCookies(response).length, 1)
      assert.deepEqual(await stored(app, response), { user: 1 })
    }
  })

  test('a response with a session cookie tells caches so, and no other does', async () => {
    const said = async (handler: Handler, path = '/') => {
      const app = application(handler)
      app.onError((error, c) => c.text(error.message, 500))
      const { headers } = await app.request(path)
      return [headers.get('Cache-Control'), headers.get('Vary')]
    }
    const write = (c: Context<SessionEnv>) => c.get('session').put('user', 1)

    const page = await said((c) => {
      write(c)
      return c.text('', 200, { Vary: 'Accept' })
    })
    const immutable = await said((c) => {
      write(c)
      return Response.redirect('http://a/', 303)
    })
    const failed = await said((c) => {
      write(c)
      throw new Error('of the handler')
    })

    assert.deepEqual(page, ['private', 'Accept, Cookie'])
    assert.deepEqual(immutable, ['private', 'Cookie'])
    assert.deepEqual(failed, ['private', 'Cookie'])
    assert.deepEqual(await said((c) => c.text('')), [null, null])
  })

  test('an answer that is made when the session is saved already has its cookie', async () => {
    const app = new Hono<SessionEnv>()
    app.use(async (c, next) => {
      try {
        await next()
      } catch (thrown) {
        return c.text(String(thrown), 500)
      }
    })
    app.route(
      '/',
      application((c) => {
        c.get('session').put('user', 1)
        throw 'a string'
      }),
    )

    const response = await app.request('/')

    assert.deepEqual([response.status, await response.text()], [500, 'a string'])
    assert.equal(sessionCookies(response).length, 1)
    assert.equal(response.headers.get('Cache-Control'), 'private, no-store')
  })

  test('flash is not eaten by the upgrade to a WebSocket', async () => {
    const app = application((c) => {
      c.get('session').flash('ok', 'Saved!')
      return c.text('')
    })
    app.get('/flash', (c) => c.json(c.get('session').allFlash()))
    const cookie = sessionCookies(await app.request('/'))[0]?.split(';')[0] ?? ''

    const upgrade = await app.request('/flash', { headers: { cookie, upgrade: 'websocket' } })
    const page = await app.request('/flash', { headers: { cookie } })

    assert.deepEqual(
      [await upgrade.json(), await page.json()],
      [{ ok: 'Saved!' }, { ok: 'Saved!' }],
    )
    assert.deepEqual([sessionCookies(upgrade).length, sessionCookies(page).length], [0, 1])
  })

  test('a visitor without data gets no cookie', async () => {
    const response = await application((c) => c.text('hello')).request('/')

    assert.deepEqual(response.headers.getSetCookie(), [])
  })

  test('an unchanged session sends no cookie', async () => {
    const app = application((c) => {
      c.get('session').put('user', 1)
      return c.text('')
    })
    const cookie = sessionCookies(await app.request('/'))[0]?.split(';')[0] ?? ''

    const response = await app.request('/session', { headers: { cookie } })

    assert.deepEqual(response.headers.getSetCookie(), [])
  })

  test('the facade works in handlers, and requests at once do not mix', async () => {
    const app = new Hono<SessionEnv>()
    const { redis, file } = driver.config()
    app.use(session({ driver: driver.name, secret: SECRET, file, ...(redis ? { redis } : {}) }))
    app.get('/:name', async (c) => {
      Session.put('name', c.req.param('name'))
      await new Promise((resolve) => setTimeout(resolve, 0))
      return c.text(`${Session.get('name')} ${Session.maybeCurrent() === c.var.session}`)
    })

    const names = Array.from({ length: 20 }, (_, n) => `name-${n}`)
    const texts = await Promise.all(names.map(async (it) => (await app.request(`/${it}`)).text()))

    assert.deepEqual(
      texts,
      names.map((name) => `${name} true`),
    )
  })
})

test('installed twice, one cookie goes out and one warning is printed', async (t) => {
  const warnings = captureConsole(t, 'warn')
  const app = new Hono<SessionEnv>()
  app.use(session({ secret: SECRET }))
  app.use(session({ secret: SECRET }))
  app.get('/', (c) => {
    c.get('session').put('a', 1)
    return c.text('')
  })

  const responses = [await app.request('/'), await app.request('/')]

  assert.deepEqual(
    responses.map((response) => sessionCookies(response).length),
    [1, 1],
  )
  assert.equal(warnings.length, 1)
  assert.match(String(warnings[0]), /installed more than once on this Hono pipeline/)
})

test('a response that cannot be copied is left as it is, and that is said', async (t) => {
  const errors = captureConsole(t, 'error')
  const app = new Hono<SessionEnv>()
  app.use(session({ secret: SECRET }))
  app.get('/', (c) => {
    c.get('session').put('a', 1)
    return Response.error()
  })

  const response = await app.request('/')

  assert.equal(response.type, 'error')
  assert.match(String(errors[0]?.[0]), /^\[Rudder\] session\.save\(\) failed/)
})

function sessionCookies(response: Response): string[] {
  return response.headers.getSetCookie().filter((text) => text.startsWith('rudderjs_session='))
}

function withTwoCookies(): Response {
  const response = new Response('raw')
  response.headers.append('Set-Cookie', 'a=1')
  response.headers.append('Set-Cookie', 'b=2')
  return response
}

/** A Response whose headers refuse to change, as those of `fetch` do. */
function freeze(response: Response): Response {
  const refuse = () => {
    throw new TypeError('immutable')
  }
  Object.defineProperty(response.headers, 'append', { value: refuse })
  return response
}
