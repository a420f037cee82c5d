/** A regeneration that Redis stops half-way loses nothing, and is never silent about it. */

import assert from 'node:assert/strict'
import { after, before, type TestContext, test } from 'node:test'
import { SessionStoreError, sessionMiddleware } from '@rudderjs/session-native'
import { type SessionEnv, session } from '@rudderjs/session-native/hono'
import { Hono } from 'hono'
import { captureConsole } from './support/console.js'
import { Browser, config } from './support/pipeline.js'
import { Monitor, RedisServer, type RespClient } from './support/redis-server.js'

let server: RedisServer
let client: RespClient

before(async () => {
  server = await RedisServer.start()
  client = await server.client()
})
after(async () => {
  client.close()
  await server.stop()
})

async function loggedIn(t: TestContext) {
  const redis = { url: server.url, deadlineMs: 10_000 }
  const middleware = sessionMiddleware(config({ driver: 'redis', redis }))
  t.after(() => middleware.engine.close())
  const browser = new Browser(middleware)
  await browser.visit((session) => session.put('user', 1))
  return { middleware, browser, old: new Browser(middleware, browser.cookie) }
}

/** From now to the end of the test Redis refuses `command`. */
async function forbid(t: TestContext, command: string): Promise<() => Promise<unknown>> {
  const allow = () => client.call('ACL', 'SETUSER', 'default', `+${command}`)
  t.after(allow)
  await client.call('ACL', 'SETUSER', 'default', `-${command}`)
  return allow
}

test('the new record is there before the old one goes', async (t) => {
  const { browser } = await loggedIn(t)
  const monitor = await Monitor.start(server)
  t.after(() => monitor.close())

  const { session } = await browser.visit((session) => session.regenerate())

  const commands = await monitor.commands()
  const at = (test: (command: string[]) => boolean) => commands.findIndex(test)
  const made = at((command) => command[0] === 'SET' && command[1] === `session:${session.id()}`)
  const gone = at((command) => command[0] === 'DEL' || command[0] === 'UNLINK')
  assert.ok(made >= 0 && gone > made, JSON.stringify(commands))
})

test('if the new record cannot be made, the old cookie still opens the session', async (t) => {
  const errors = captureConsole(t, 'error')
  const { browser, old } = await loggedIn(t)
  const allow = await forbid(t, 'set')

  const { setCookies } = await browser.visit((session) => session.regenerate())

  await allow()
  assert.deepEqual(setCookies, [])
  assert.match(String(errors[0]?.[0]), /the response is preserved/)
  assert.equal((await old.visit()).session.get('user'), 1)
})

test('if the old record cannot be removed, the session has its new id and it is reported', async (t) => {
  const errors = captureConsole(t, 'error')
  const { browser } = await loggedIn(t)
  await forbid(t, 'del')

  const { session, setCookies } = await browser.visit((session) => session.regenerate())

  assert.equal(setCookies.length, 1)
  assert.match(String(errors[0]?.[0]), /failed to remove the record under the old id/)
  const error = errors[0]?.[1]
  assert.ok(error instanceof SessionStoreError)
  assert.deepEqual([error.code, error.saved], ['ERR_SESSION_STORE_SERVER', true])
  const next = await browser.visit()
  assert.deepEqual([next.session.id(), next.session.get('user')], [session.id(), 1])
})

test('on Hono too the cookie for the new id is sent, once', async (t) => {
  captureConsole(t, 'error')
  const handler = session({ ...config(), driver: 'redis', redis: { url: server.url } })
  t.after(() => handler.engine.close())
  const app = new Hono<SessionEnv>()
  app.use(handler)
  app.get('/', async (c) => {
    c.get('session').put('user', 1)
    await c.get('session').regenerate()
    return c.text('')
  })
  const [first = ''] = (await app.request('/')).headers.getSetCookie()
  await forbid(t, 'del')

  const response = await app.request('/', { headers: { cookie: first.split(';')[0] ?? '' } })

  const cookies = response.headers.getSetCookie()
  assert.equal(cookies.length, 1)
  assert.notEqual(cookies[0], first)
})

test('a removal that failed is tried again by the next save', async (t) => {
  const { browser, old } = await loggedIn(t)
  const allow = await forbid(t, 'del')

  const { setCookies } = await browser.visit(async (session) => {
    await session.regenerate()
    await assert.rejects(session.save({}), { saved: true })
    await allow()
  })

  assert.equal(setCookies.length, 1)
  assert.deepEqual((await old.visit()).session.all(), {})
  assert.equal((await browser.visit()).session.get('user'), 1)
})
