/** On a real server of every framework, what a client has seen of a response is saved. */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { get, type IncomingMessage, request } from 'node:http'
import { json } from 'node:stream/consumers'
import { describe, type TestContext, test } from 'node:test'
import { Session, type SessionOptions } from '@rudderjs/session-native'
import { createCodec } from '@rudderjs/session-native/native'
import { captureConsole } from './support/console.js'
import { onEveryDriver } from './support/drivers.js'
import { closedPort } from './support/misbehaving-server.js'
import { SECRET } from './support/pipeline.js'
import { FRAMEWORKS, type Routes, type RunningServer } from './support/servers.js'

const routes: Routes = {
  'POST /login': async (session, reply) => {
    await session.login('alice')
    session.flash('notice', 'Welcome')
    return reply.redirect('/me')
  },
  'GET /me': (session, reply) => reply.json([session.get('auth_user_id'), session.allFlash()]),
  'POST /logout': async (session, reply) => {
    await session.logout()
    return reply.empty(204)
  },
  'GET /all': (session, reply) => reply.json(session.all()),
  'GET /nothing': (_session, reply) => reply.json('nothing'),
  'GET /text': (session, reply) => {
    session.put('answer', 'text')
    return reply.json('text')
  },
  'GET /204': (session, reply) => {
    session.put('answer', 204)
    return reply.empty(204)
  },
  'GET /304': (session, reply) => {
    session.put('answer', 304)
    return reply.empty(304)
  },
  'GET /redirect': (session, reply) => {
    session.put('answer', 'redirect')
    return reply.redirect('/all')
  },
  'GET /throws': (session) => {
    session.put('answer', 'before the throw')
    throw new Error('of the handler')
  },
  'GET /cookies': (session, reply) => {
    session.put('answer', 'cookies')
    reply.cookie('a=1')
    reply.cookie('b=2')
    return reply.json('cookies')
  },
  'GET /saves': async (session, reply) => {
    session.put('answer', 'saved before')
    await session.save(reply.response)
    return reply.json('saved')
  },
  'GET /stream': (session, reply) => {
    session.put('answer', 'stream')
    // Far more than a socket takes at once.
    return reply.stream(Array.from({ length: 100 }, () => 'x'.repeat(10_000)))
  },
  'POST /facade': (_session, reply, body) => {
    Session.put('posted', JSON.stringify(body).length)
    return reply.json(Session.all())
  },
}

/** Keeps the session cookie between requests, and fails if more than one comes. */
class Client {
  cookie = ''
  constructor(readonly url: string) {}

  async send(path: string, init: RequestInit = {}): Promise<Response> {
    const headers = { cookie: this.cookie, connection: 'close', ...init.headers }
    const response = await fetch(this.url + path, { redirect: 'manual', ...init, headers })
    const sent = sessionCookies(response)
    assert.ok(sent.length <= 1, sent.join())
    this.cookie = sent[0]?.split(';')[0] ?? this.cookie
    return response
  }

  async json(path: string): Promise<unknown> {
    return (await this.send(path)).json()
  }
}

function sessionCookies(response: Response): string[] {
  return response.headers.getSetCookie().filter((text) => text.startsWith('rudderjs_session='))
}

for (const [framework, start] of FRAMEWORKS) {
  describe(framework, () => {
    onEveryDriver((driver) => {
      async function client(t: TestContext, more: Partial<SessionOptions> = {}) {
        const { redis, file } = driver.config()
        const options = { driver: driver.name, secret: SECRET, redis, file, ...more }
        const running: RunningServer = await start(options, routes)
        t.after(() => running.close())
        return new Client(running.url)
      }

      test('log in, read a flash once over the redirect, log out', async (t) => {
        const visitor = await client(t)

        const login = await visitor.send('/login', { method: 'POST' })
        assert.deepEqual([login.status, login.headers.get('location')], [303, '/me'])
        const stolen = visitor.cookie
        assert.deepEqual(await visitor.json('/me'), ['alice', { notice: 'Welcome' }])
        assert.deepEqual(await visitor.json('/me'), ['alice', {}])
        assert.equal((await visitor.send('/logout', { method: 'POST' })).status, 204)
        assert.deepEqual(await visitor.json('/me'), [null, {}])

        // A cookie that holds the session itself stays good until it expires.
        visitor.cookie = stolen
        const [user] = (await visitor.json('/me')) as unknown[]
        assert.equal(user, driver.name === 'cookie' ? 'alice' : null)
      })

      const answers: [path: string, status: number, answer: unknown][] = [
        ['/text', 200, 'text'],
        ['/204', 204, 204],
        ['/304', 304, 304],
        ['/redirect', 303, 'redirect'],
        ['/throws', 500, 'before the throw'],
        ['/cookies', 200, 'cookies'],
        ['/saves', 200, 'saved before'],
        ['/stream', 200, 'stream'],
      ]
      for (const [path, status, answer] of answers) {
        test(`${path} sends one session cookie, tells caches, and is saved`, async (t) => {
          if (path === '/throws') captureConsole(t, 'error')
          const visitor = await client(t)

          const response = await visitor.send(path)

          assert.equal(response.status, status)
          assert.equal(sessionCookies(response).length, 1)
          assert.match(response.headers.get('cache-control') ?? '', /private/)
          const all = response.headers.getSetCookie()
          const others = all.filter((text) => !text.startsWith('rudderjs_session='))
          assert.deepEqual(others, path === '/cookies' ? ['a=1', 'b=2'] : [])
          if (path === '/stream') assert.equal((await response.text()).length, 1_000_000)
          assert.deepEqual(await visitor.json('/all'), { answer })
        })
      }

      test('HEAD saves and sends what GET does, but for the body', async (t) => {
        const visitor = await client(t)

        const response = await visitor.send('/text', { method: 'HEAD' })

        assert.deepEqual([response.status, await response.text()], [200, ''])
        assert.deepEqual(await visitor.json('/all'), { answer: 'text' })
      })

      test('a visitor without data gets no cookie', async (t) => {
        const visitor = await client(t)

        const response = await visitor.send('/nothing')

        assert.deepEqual(response.headers.getSetCookie(), [])
        assert.equal(response.headers.get('cache-control'), null)
      })

      test('a redirect never overtakes the save', async (t) => {
        const { url } = await client(t)

        const logins = Array.from({ length: 50 }, async () => {
          const visitor = new Client(url)
          await visitor.send('/login', { method: 'POST' })
          return visitor.json('/me')
        })

        for (const answer of await Promise.all(logins)) {
          assert.deepEqual(answer, ['alice', { notice: 'Welcome' }])
        }
      })
    })

    test('the facade finds the session after a body came in two pieces', async (t) => {
      const running = await start({ driver: 'memory', secret: SECRET }, routes)
      t.after(() => running.close())
      const body = JSON.stringify({ name: 'x'.repeat(1000) })
      const headers = { 'content-type': 'application/json', 'content-length': body.length }

      const upload = request(`${running.url}/facade`, { method: 'POST', headers })
      upload.write(body.slice(0, 100))
      // By then the framework has begun to read.
      await once(running.server, 'request')
      upload.end(body.slice(100))
      const [response] = (await once(upload, 'response')) as [IncomingMessage]

      assert.deepEqual(await json(response), { posted: body.length })
    })

    test('the head of a stream leaves before its last byte', async (t) => {
      let finish = () => {}
      const gate = new Promise<void>((resolve) => {
        finish = resolve
      })
      async function* chunks() {
        yield 'first'
        await gate
        yield 'last'
      }
      const stream: Routes = { 'GET /': (_session, reply) => reply.stream(chunks()) }
      const running = await start({ driver: 'memory', secret: SECRET }, stream)
      t.after(() => running.close())

      const request = get(running.url)
      const [response] = await once(request, 'response')
      const [first] = await once(response.setEncoding('utf8'), 'data')
      finish()
      const rest = await response.toArray()

      assert.equal(first + rest.join(''), 'firstlast')
    })

    test('in an outage the handler runs as a guest and the cookie stays', async (t) => {
      const warnings = captureConsole(t, 'warn')
      const codec = {
        driver: 'redis',
        secret: SECRET,
        redis: { port: await closedPort() },
      } as const
      const running = await start(codec, routes)
      t.after(() => running.close())
      const visitor = new Client(running.url)
      visitor.cookie = signedCookie()

      const response = await visitor.send('/text')

      assert.deepEqual([response.status, await response.json()], [200, 'text'])
      assert.deepEqual(response.headers.getSetCookie(), [])
      assert.equal(warnings.length, 1)
    })

    test('in an outage with onStoreFailure fail the answer is an error', async (t) => {
      captureConsole(t, 'error')
      const redis = { port: await closedPort() }
      const onStoreFailure = 'fail'
      const running = await start(
        { driver: 'redis', secret: SECRET, redis, onStoreFailure },
        routes,
      )
      t.after(() => running.close())
      const visitor = new Client(running.url)
      visitor.cookie = signedCookie()

      const response = await visitor.send('/text')

      assert.ok(response.status >= 500, String(response.status))
      assert.deepEqual(response.headers.getSetCookie(), [])
    })
  })
}

/** A cookie that is good, so that the store is asked. */
function signedCookie(): string {
  return `rudderjs_session=${createCodec([SECRET]).sign('3f2b8c1e-9d4a-4c6b-8e2f-0a1b2c3d4e5f')}`
}
