/** Under express-session itself, a session keeps what it was given and stays destroyed. */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import { promisify } from 'node:util'
import { SessionConfigError, type SessionStoreError } from '@rudderjs/session-native'
import { NativeStore, type NativeStoreOptions } from '@rudderjs/session-native/express-session'
import express from 'express'
import expressSession from 'express-session'
import { stopClock } from './support/clock.js'
import { onEveryStore } from './support/drivers.js'
import { closedPort } from './support/misbehaving-server.js'

type Session = expressSession.Session
type Handler = (session: Session) => unknown

/** A server whose one handler changes from request to request, and a visitor with a cookie. */
async function start(t: TestContext, store: NativeStore, maxAge?: number) {
  let handler: Handler = () => {}
  const app = express()
  const cookie = maxAge === undefined ? {} : { cookie: { maxAge } }
  const options = {
    secret: 'the secret of this test',
    store,
    resave: false,
    saveUninitialized: false,
  }
  app.use(expressSession({ ...options, ...cookie }))
  app.use(async (req, res) => {
    const current = req as unknown as { session: Session }
    const sent = await handler(current.session)
    res.json(sent ?? { ...current.session })
  })
  app.use((error: { code?: string }, _req: unknown, res: express.Response, _next: unknown) => {
    res.status(503).json(error.code)
  })
  const server = app.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
    store.close()
  })
  const visitor = {
    cookie: '',
    async send(next: Handler = () => {}) {
      handler = next
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
      const response = await fetch(url, { headers: { cookie: visitor.cookie } })
      visitor.cookie = response.headers.getSetCookie()[0]?.split(';')[0] ?? visitor.cookie
      return { status: response.status, body: (await response.json()) as Record<string, unknown> }
    },
  }
  return visitor
}

onEveryStore((driver) => {
  function open(more: Partial<NativeStoreOptions> = {}): NativeStore {
    const { redis, file } = driver.config()
    const name = driver.name as NativeStoreOptions['driver']
    return new NativeStore({ driver: name, redis, file, ...more })
  }

  test('what was put is there for the next request, and gone after destroy', async (t) => {
    const visitor = await start(t, open())

    await visitor.send((session) => {
      session.user = 'alice'
    })
    const stolen = visitor.cookie
    assert.equal((await visitor.send()).body.user, 'alice')
    await visitor.send((session) => promisify(session.destroy.bind(session))())
    visitor.cookie = stolen

    assert.equal((await visitor.send()).body.user, undefined)
  })

  test('regenerate ends the old id, and the new one keeps what is put after it', async (t) => {
    const visitor = await start(t, open())
    await visitor.send((session) => {
      session.planted = true
    })
    const planted = visitor.cookie

    await visitor.send(async (session) => {
      const req = (session as unknown as { req: { session: Session } }).req
      await promisify(session.regenerate.bind(session))()
      req.session.user = 'alice'
    })

    assert.notEqual(visitor.cookie, planted)
    assert.equal((await visitor.send()).body.user, 'alice')
    visitor.cookie = planted
    assert.equal((await visitor.send()).body.planted, undefined)
  })

  test("two requests at the same time keep each other's writes", async (t) => {
    const visitor = await start(t, open())
    await visitor.send((session) => {
      session.first = 1
    })

    await visitor.send(async (session) => {
      session.slow = 1
      await visitor.send((other) => {
        other.fast = 1
      })
    })

    const { first, slow, fast } = (await visitor.send()).body
    assert.deepEqual([first, slow, fast], [1, 1, 1])
  })

  test('a request that is under way does not undo a logout', async (t) => {
    const visitor = await start(t, open())
    await visitor.send((session) => {
      session.user = 'alice'
    })

    const slow = await visitor.send(async (session) => {
      await visitor.send((other) => promisify(other.destroy.bind(other))())
      session.user = 'alice again'
    })

    assert.equal(slow.status, 200)
    assert.equal((await visitor.send()).body.user, undefined)
  })

  test('save and reload in the middle of a request', async (t) => {
    const visitor = await start(t, open())
    await visitor.send((session) => {
      session.count = 1
    })

    const { body } = await visitor.send(async (session) => {
      session.count = 2
      await promisify(session.save.bind(session))()
      const req = (session as unknown as { req: { session: Session } }).req
      req.session.count = 3
      await promisify(session.reload.bind(session))()
      return { count: req.session.count }
    })

    assert.deepEqual(body, { count: 2 })
    await visitor.send((session) => {
      session.count = 4
    })
    assert.equal((await visitor.send()).body.count, 4)
  })

  test('a value that is put back after a save in the same request stays so', async (t) => {
    const visitor = await start(t, open())
    await visitor.send((session) => {
      session.count = 1
    })

    await visitor.send(async (session) => {
      session.count = 2
      await promisify(session.save.bind(session))()
      session.count = 1
    })

    assert.equal((await visitor.send()).body.count, 1)
  })

  test('what names no session is none, and destroying it succeeds', async (t) => {
    const store = open()
    t.after(() => store.close())
    const get = promisify(store.get.bind(store))
    for (const sid of ['unknown', '', '../../etc/passwd', 'x'.repeat(1000)]) {
      assert.equal(await get(sid), null)
      await promisify(store.destroy.bind(store))(sid)
    }
  })

  test('an object of somebody else is kept as it is, and one that is over or foreign is not', async (t) => {
    const store = open()
    t.after(() => store.close())
    const get = promisify(store.get.bind(store))
    const set = promisify(store.set.bind(store)) as (sid: string, it: object) => Promise<void>

    await set('own', { cookie: {}, a: 1 })
    await set('own', { cookie: {}, b: 2 })
    assert.deepEqual(await get('own'), { cookie: {}, b: 2 })
    await set('own', { cookie: { expires: new Date(Date.now() - 1) }, c: 3 })
    assert.equal(await get('own'), null)
    await set('own', { cookie: 'of another program' })
    assert.equal(await get('own'), null)
  })
})

test('a request that changes nothing prolongs the session, as its cookie says', async (t) => {
  const clock = stopClock(t, 1_000_000_000_000)
  const visitor = await start(t, new NativeStore({ driver: 'memory' }), 60_000)
  await visitor.send((session) => {
    session.user = 'alice'
  })

  clock.set(1_000_000_040_000)
  assert.equal((await visitor.send()).body.user, 'alice')
  clock.set(1_000_000_080_000)
  assert.equal((await visitor.send()).body.user, 'alice')
  clock.set(1_000_000_141_000)

  assert.equal((await visitor.send()).body.user, undefined)
})

test('without maxAge a session lives for the lifetime of the store', async (t) => {
  const clock = stopClock(t, 1_000_000_000_000)
  const visitor = await start(t, new NativeStore({ driver: 'memory', lifetime: 1 }))
  await visitor.send((session) => {
    session.user = 'alice'
  })

  clock.set(1_000_000_059_000)
  assert.equal((await visitor.send()).body.user, 'alice')
  clock.set(1_000_000_120_000)

  assert.equal((await visitor.send()).body.user, undefined)
})

test('an outage is an error for the application, never another session', async (t) => {
  const redis = { port: await closedPort(), deadlineMs: 300 }
  const store = new NativeStore({ driver: 'redis', redis })
  t.after(() => store.close())
  const unreachable = (error: SessionStoreError) => {
    return error.code === 'ERR_SESSION_STORE_UNREACHABLE' && error.status === 503
  }

  await assert.rejects(promisify(store.get.bind(store))('some'), unreachable)
  await assert.rejects(promisify(store.destroy.bind(store))('some'), unreachable)
})

test('wrong options are refused by name', () => {
  const wrong: [options: object, field: string][] = [
    [{ driver: 'cookie' }, 'driver'],
    [{ driver: 'memory', lifetime: 0 }, 'lifetime'],
    [{ driver: 'file' }, 'file.path'],
    [{ driver: 'redis', redis: { url: 'http://a' } }, 'redis.url'],
  ]
  for (const [options, field] of wrong) {
    assert.throws(
      () => new NativeStore(options as NativeStoreOptions),
      (error) => error instanceof SessionConfigError && error.field === field,
    )
  }
})
