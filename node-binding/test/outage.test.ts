/** A store that is out of reach is an error inside its deadline, and never "no session". */

import assert from 'node:assert/strict'
import { after, before, type TestContext, test } from 'node:test'
import { type SessionConfig, SessionStoreError, sessionMiddleware } from '@rudderjs/session-native'
import { session } from '@rudderjs/session-native/hono'
import { Hono } from 'hono'
import { captureConsole } from './support/console.js'
import { closedPort, listen } from './support/misbehaving-server.js'
import { Browser, config, visit } from './support/pipeline.js'
import { RedisServer } from './support/redis-server.js'

/** No call may take longer than this. Far above any deadline used here, far below a hang. */
const GUARD = { timeout: 20_000 }
const DEADLINE_MS = 300

let server: RedisServer
let cookie: string

before(async () => {
  server = await RedisServer.start()
  const healthy = sessionMiddleware(config({ driver: 'redis', redis: { url: server.url } }))
  const browser = new Browser(healthy)
  await browser.visit((session) => session.put('user', 1))
  healthy.engine.close()
  cookie = `sid=${browser.cookie}`
})
after(() => server.stop())

function brokenMiddleware(t: TestContext, port: number, changes: Partial<SessionConfig> = {}) {
  const redis = { host: '127.0.0.1', port, deadlineMs: DEADLINE_MS }
  const middleware = sessionMiddleware(config({ driver: 'redis', redis, ...changes }))
  t.after(() => middleware.engine.close())
  return middleware
}

const outages: [name: string, code: string, port: (t: TestContext) => Promise<number>][] = [
  ['is down', 'ERR_SESSION_STORE_UNREACHABLE', closedPort],
  ['is silent', 'ERR_SESSION_STORE_TIMEOUT', async (t) => (await listen(t)).port],
  [
    'hangs up',
    'ERR_SESSION_STORE_UNREACHABLE',
    async (t) => (await listen(t, (socket) => socket.destroy())).port,
  ],
  [
    'answers with an error',
    'ERR_SESSION_STORE_SERVER',
    async (t) => (await listen(t, (socket) => socket.write('-NOPERM secret details\r\n'))).port,
  ],
]
for (const [name, code, portOf] of outages) {
  test(`Redis ${name}, onStoreFailure fail: a typed error`, GUARD, async (t) => {
    const middleware = brokenMiddleware(t, await portOf(t), { onStoreFailure: 'fail' })

    await assert.rejects(visit(middleware, cookie), (error: unknown) => {
      assert.ok(error instanceof SessionStoreError)
      assert.deepEqual([error.code, error.status], [code, 503])
      assert.equal(error.retryable, code !== 'ERR_SESSION_STORE_SERVER')
      assert.ok(!error.message.includes('secret details'))
      return true
    })
  })

  test(`Redis ${name}, default: the request runs as a guest`, GUARD, async (t) => {
    const warnings = captureConsole(t, 'warn')
    const errors = captureConsole(t, 'error')
    const middleware = brokenMiddleware(t, await portOf(t))

    for (let request = 0; request < 3; request++) {
      const { session, setCookies } = await visit(middleware, cookie, async (session) => {
        session.put('user', 'stranger')
        session.flash('never', 'seen')
        await session.regenerate()
      })
      assert.equal(session.available, false)
      assert.deepEqual(setCookies, [], 'the good cookie of the user stays')
    }

    assert.equal(warnings.length, 1, 'one warning a minute')
    assert.match(String(warnings[0]), new RegExp(code))
    assert.ok(!String(warnings[0]).includes(cookie.slice(4, 40)), 'no id in the warning')
    assert.deepEqual(errors, [])
  })
}

test('a visitor without a cookie meets the outage only when saving', GUARD, async (t) => {
  const errors = captureConsole(t, 'error')
  const middleware = brokenMiddleware(t, await closedPort())

  const { session, setCookies } = await visit(middleware, undefined)

  assert.equal(session.available, true)
  assert.deepEqual(setCookies, [])
  assert.match(String(errors[0]?.[0]), /^\[Rudder\] session\.save\(\) failed/)
  assert.ok(errors[0]?.[1] instanceof SessionStoreError)
})

test('logging out while Redis is gone is an error, not a silent nothing', GUARD, async (t) => {
  captureConsole(t, 'error')
  const own = await RedisServer.start()
  t.after(() => own.stop())
  const redis = { url: own.url, deadlineMs: DEADLINE_MS }
  const middleware = sessionMiddleware(config({ driver: 'redis', redis }))
  t.after(() => middleware.engine.close())
  const browser = new Browser(middleware)
  await browser.visit((session) => session.put('user', 1))

  const logout = browser.visit(async (session) => {
    await own.stop()
    session.flush()
    await session.regenerate()
    await session.save({})
  })

  await assert.rejects(logout, SessionStoreError)
})

test('when Redis comes back, the session is there as before', GUARD, async (t) => {
  captureConsole(t, 'warn')
  let up = false
  const { port } = await listen(t, (socket, chunk) => {
    if (!up) return socket.destroy()
    const id = /session:([\w-]+)/.exec(chunk)?.[1]
    const record = `{"id":"${id}","data":{"user":1},"flash_next":{}}`
    if (chunk.includes('GET')) socket.write(`$${record.length}\r\n${record}\r\n`)
    else socket.write('+OK\r\n')
  })
  const middleware = brokenMiddleware(t, port)

  const guest = await visit(middleware, cookie)
  up = true
  const user = await visit(middleware, cookie)

  assert.deepEqual([guest.session.available, user.session.available], [false, true])
  assert.equal(user.session.get('user'), 1)
})

test('through Hono an outage is a 503 if it is to fail, and a guest if not', GUARD, async (t) => {
  captureConsole(t, 'warn')
  const redis = { host: '127.0.0.1', port: await closedPort(), deadlineMs: DEADLINE_MS }
  const answer = async (onStoreFailure: 'fail' | 'guest') => {
    const app = new Hono<import('@rudderjs/session-native/hono').SessionEnv>()
    const handler = session({ driver: 'redis', secret: SECRETS, redis, onStoreFailure })
    t.after(() => handler.engine.close())
    app.use(handler)
    app.onError((error, c) => c.text(error.name, (error as SessionStoreError).status))
    app.get('/', (c) => c.text(`available: ${c.get('session').available}`))
    const headers = { cookie: cookie.replace('sid', 'rudderjs_session') }
    const response = await app.request('/', { headers })
    return [response.status, await response.text(), response.headers.getSetCookie()]
  }

  assert.deepEqual(await answer('fail'), [503, 'SessionStoreError', []])
  assert.deepEqual(await answer('guest'), [200, 'available: false', []])
})

const SECRETS = [config().secret].flat()
