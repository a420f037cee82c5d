/** Booting: what is bound, when, to what, and what the operator is told. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Application, forgetApplication } from '@rudderjs/core'
import type { SessionConfig } from '@rudderjs/session-native'
import * as rudderjs from '@rudderjs/session-native/rudderjs'
import {
  _runWithSession,
  type RudderMiddleware,
  resolveSessionSecret,
  Session,
  SessionInstance,
  SessionMiddleware,
  SessionProvider,
} from '@rudderjs/session-native/rudderjs'
import { renderedPageContext } from '@rudderjs/vite/page-context-enhancers'
import { captureConsole } from '../support/console.js'
import { onEveryDriver } from '../support/drivers.js'
import { Browser, config, SECRET } from '../support/pipeline.js'
import { RedisServer } from '../support/redis-server.js'
import { boot, setEnvironment } from './support.js'

const NO_SECRETS = { SESSION_SECRET: undefined, APP_KEY: undefined, NODE_ENV: undefined }

test('the exports are those of @rudderjs/session', () => {
  assert.deepEqual(Object.keys(rudderjs).sort(), [
    'RedisDriver',
    'Session',
    'SessionInstance',
    'SessionMiddleware',
    'SessionProvider',
    '_runWithSession',
    'resolveSessionSecret',
    'sessionMiddleware',
  ])
})

onEveryDriver((driver) => {
  test('boot binds the configuration, the middleware and the facade', async () => {
    const application = await boot(driver.config())

    assert.deepEqual(application.make('session.config'), driver.config())
    assert.equal(application.make('session.facade'), Session)
    const middleware = application.make<RudderMiddleware>('session.middleware')
    assert.deepEqual(application.groups, { web: [middleware], api: [] })
    assert.equal(SessionMiddleware(), middleware)
    assert.equal(middleware.name, 'SessionMiddleware')
    const marks = middleware as unknown as Record<symbol, unknown>
    assert.equal(marks[Symbol.for('rudderjs.requestContext')], true)
    assert.equal(marks[Symbol.for('rudderjs.sessionMiddleware')], true)
  })

  test('a development server that boots again keeps the sessions', async () => {
    const browser = new Browser((await booted(driver.config())) as never)
    await browser.visit((session) => session.put('user', 1))

    const after = new Browser((await booted(driver.config())) as never, browser.cookie)

    assert.deepEqual((await after.visit()).session.all(), { user: 1 })
  })
})

test('the configuration is bound before anything is awaited', () => {
  const application = new Application({ session: config() })

  void new SessionProvider(application).boot()

  assert.equal(application.make<SessionConfig>('session.config').secret, SECRET)
})

test('a secret of APP_KEY signs what has none of its own', async (t) => {
  setEnvironment(t, { ...NO_SECRETS, APP_KEY: 'base64:c29tZSBrZXk=' })

  const application = await boot(config({ secret: '' }))

  assert.equal(application.make<SessionConfig>('session.config').secret, 'c29tZSBrZXk=')
  assert.deepEqual(application.notices, [])
})

test('without any secret an application runs on the public one, and its operator is told', async (t) => {
  setEnvironment(t, NO_SECRETS)

  const application = await boot(config({ secret: 'change-me-in-production' }))

  assert.deepEqual(application.notices, [
    {
      scope: 'session',
      message:
        'no SESSION_SECRET or APP_KEY set \u2014 session cookies are signed with a PUBLIC default ' +
        'and are forgeable by anyone. Run `rudder key:generate` (sets APP_KEY) or set ' +
        'SESSION_SECRET before deploying.',
    },
  ])
  const bound = application.make<SessionConfig>('session.config')
  assert.equal(bound.secret, 'change-me-in-production')
  const browser = new Browser(SessionMiddleware() as never)
  const { session } = await browser.visit((session) => session.put('user', 1))
  assert.deepEqual((await browser.visit()).session.all(), { user: 1 })
  // By node:crypto: the signature is that of the placeholder itself.
  const { createHmac } = await import('node:crypto')
  const [payload = '', signature] = browser.cookie?.split('.') ?? []
  const expected = createHmac('sha256', 'change-me-in-production').update(payload)
  assert.equal(signature, expected.digest('base64url'))
  assert.ok(Buffer.from(payload, 'base64url').includes(session.id()))
})

for (const name of ['NODE_ENV', 'APP_ENV']) {
  test(`in production (${name}) the public secret is refused`, async (t) => {
    setEnvironment(t, { ...NO_SECRETS, [name]: 'production' })

    await assert.rejects(boot(config({ secret: '' })), { field: 'secret' })
  })
}

test('an older framework without boot notices has the notice printed', (t) => {
  const warnings = captureConsole(t, 'warn')

  assert.equal(resolveSessionSecret('', ''), 'change-me-in-production')

  assert.match(String(warnings[0]?.[0]), /^\[session\] no SESSION_SECRET or APP_KEY set/)
})

test('without config/session.ts the error says so', async () => {
  await assert.rejects(boot(undefined as never), {
    field: 'config',
    message: /config\/session\.ts/,
  })
})

test('a mistake in the configuration ends the boot with the name of the field', async () => {
  await assert.rejects(boot(config({ lifetime: Number.NaN })), { field: 'lifetime' })
  await assert.rejects(boot(config({ driver: 'mysql' as never })), { field: 'driver' })
})

test('settings of Redis that are empty or not in use keep nobody from booting', async () => {
  const redis = { url: '', host: '', port: Number.NaN }

  await boot(config({ redis }))
  const application = await boot(config({ driver: 'redis', redis: { url: '', host: '' } }))

  const { engine } = application.make<RudderMiddleware>('session.middleware')
  assert.equal(engine.config.redis?.url, 'redis://127.0.0.1:6379')
})

test('SessionMiddleware() without the provider says what to register, and where', (t) => {
  const refused =
    /^\[Rudder Session\] SessionMiddleware\(\) requires SessionProvider to be registered\. .*bootstrap\/providers\.ts/
  t.after(() => new Application())

  new Application()
  assert.throws(SessionMiddleware, { message: refused })
  forgetApplication()
  assert.throws(SessionMiddleware, { message: refused })
})

test('many boots share one set of connections, and a new address ends the old ones', async (t) => {
  const servers = [await RedisServer.start(), await RedisServer.start()] as const
  t.after(() => Promise.all(servers.map((server) => server.stop())))
  const clients = await Promise.all(servers.map((server) => server.client()))
  t.after(() => clients.map((client) => client.close()))
  const connections = async (which: 0 | 1) => {
    const list = String(await clients[which]?.call('CLIENT', 'LIST'))
    return list.trim().split('\n').length - 1
  }
  const redis = (which: 0 | 1) =>
    config({ driver: 'redis', redis: { url: servers[which].url, deadlineMs: 10_000 } })
  const visit = async (which: 0 | 1) => {
    const browser = new Browser((await booted(redis(which))) as never)
    await browser.visit((session) => session.put('user', 1))
    await browser.visit()
  }

  await visit(0)
  const first = await connections(0)
  for (let boots = 0; boots < 10; boots++) await visit(0)
  assert.equal(await connections(0), first)
  assert.ok(first >= 1)

  await visit(1)
  assert.ok((await connections(1)) >= 1)
  // The server may see the end of a connection a moment later.
  while ((await connections(0)) > 0) await new Promise((resolve) => setImmediate(resolve))
})

test('an engine that was closed is not handed out again', async () => {
  const first = (await booted(config())) as RudderMiddleware
  first.engine.close()

  const second = (await booted(config())) as RudderMiddleware

  assert.notEqual(second.engine, first.engine)
  assert.equal(second.engine.closed, false)
})

test('every page of Vike gets what was flashed, and none at all outside of a request', async () => {
  await boot(config())
  const payload = { id: 'x', data: {}, flash_next: { ok: 'Saved!' } }
  const session = new SessionInstance(payload, {} as never, config())

  const inside = await _runWithSession(session, renderedPageContext)

  assert.deepEqual(inside, { flash: { ok: 'Saved!' } })
  assert.deepEqual(await renderedPageContext(), { flash: {} })
})

async function booted(session: SessionConfig): Promise<RudderMiddleware> {
  return (await boot(session)).make<RudderMiddleware>('session.middleware')
}
