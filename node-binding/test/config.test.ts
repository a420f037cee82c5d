/** A wrong configuration is refused when it is made, by a message that names the field. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  SessionConfigError,
  type SessionOptions,
  sessionMiddleware,
} from '@rudderjs/session-native'
import { session } from '@rudderjs/session-native/hono'
import { config, SECRET } from './support/pipeline.js'

/** Each row: the field that the error names, and a configuration with that field wrong. */
const wrong: [field: string, changes: Record<string, unknown>][] = [
  ['driver', { driver: 'mysql' }],
  ['driver', { driver: undefined }],
  ['driver', { driver: 'Cookie' }],
  ['lifetime', { lifetime: undefined }],
  ['lifetime', { lifetime: Number.NaN }],
  ['lifetime', { lifetime: 0 }],
  ['lifetime', { lifetime: -1 }],
  ['lifetime', { lifetime: Number.POSITIVE_INFINITY }],
  ['lifetime', { lifetime: '120' }],
  ['secret', { secret: undefined }],
  ['secret', { secret: '' }],
  ['secret', { secret: ' \n' }],
  ['secret', { secret: [] }],
  ['secret', { secret: [SECRET, ''] }],
  ['secret', { secret: 'change-me-in-production' }],
  ['secret', { secret: [SECRET, 'change-me-in-production'] }],
  ['cookie.name', { cookie: { name: '' } }],
  ['cookie.name', { cookie: { name: 'a b' } }],
  ['cookie.name', { cookie: { name: 'a=b' } }],
  ['cookie.name', { cookie: { name: 'sitzung\u00e9' } }],
  ['cookie.path', { cookie: { path: '' } }],
  ['cookie.path', { cookie: { path: 'app' } }],
  ['cookie.path', { cookie: { path: '/\u0000' } }],
  ['cookie.sameSite', { cookie: { sameSite: 'None' } }],
  ['cookie.sameSite', { cookie: { sameSite: undefined } }],
  ['cookie.sameSite', { cookie: { sameSite: true } }],
  ['cookie.secure', { cookie: { secure: 'yes' } }],
  ['cookie.httpOnly', { cookie: { httpOnly: 1 } }],
  ['cookie.secure', { cookie: { name: '__Secure-sid' } }],
  ['cookie.secure', { cookie: { name: '__Host-sid' } }],
  ['cookie.path', { cookie: { name: '__Host-sid', secure: true, path: '/app' } }],
  ['cookie.domain', { cookie: { domain: 'example.org; Secure' } }],
  ['cookie.domain', { cookie: { domain: '' } }],
  ['cookie.domain', { cookie: { domain: 'https://example.org' } }],
  ['cookie.domain', { cookie: { name: '__Host-sid', secure: true, domain: 'example.org' } }],
  ['cookie.secure', { cookie: { partitioned: true } }],
  ['cookie.partitioned', { cookie: { partitioned: 'yes' } }],
  ['cookie.priority', { cookie: { priority: 'High' } }],
  ['cookie.maxBytes', { cookie: { maxBytes: 0 } }],
  ['absoluteLifetime', { absoluteLifetime: 0 }],
  ['absoluteLifetime', { absoluteLifetime: Number.NaN }],
  ['rolling', { rolling: 1 }],
  ['cacheHeaders', { cacheHeaders: 'no' }],
  ['warnOnNestedChange', { warnOnNestedChange: 'no' }],
  ['redis.url', { driver: 'redis', redis: { url: 'localhost:6379' } }],
  ['redis.url', { driver: 'redis', redis: { url: 'http://localhost' } }],
  ['redis.ca', { driver: 'redis', redis: { url: 'rediss://localhost', ca: 'no certificate' } }],
  ['redis.ca', { driver: 'redis', redis: { ca: 1 as never } }],
  ['redis.sentinels', { driver: 'redis', redis: { sentinels: 'localhost' as never } }],
  ['redis.sentinels', { driver: 'redis', redis: { url: 'redis://m', sentinels: ['a/b'] } }],
  ['redis.cluster', { driver: 'redis', redis: { cluster: 'localhost' as never } }],
  ['redis.cluster', { driver: 'redis', redis: { cluster: [6379] as never } }],
  ['redis.minReplicas', { driver: 'redis', redis: { minReplicas: -1 } }],
  ['redis.minReplicas', { driver: 'redis', redis: { minReplicas: '1' as never } }],
  ['redis.url', { driver: 'redis', redis: { url: 'redis://localhost/no-number' } }],
  ['redis.port', { driver: 'redis', redis: { port: 0 } }],
  ['redis.host', { driver: 'redis', redis: { host: 'not a host' } }],
  ['redis.prefix', { driver: 'redis', redis: { prefix: 1 } }],
  ['redis.deadlineMs', { driver: 'redis', redis: { deadlineMs: 0 } }],
  ['redis.poolSize', { driver: 'redis', redis: { poolSize: 1.5 } }],
  ['redis.poolSize', { driver: 'redis', redis: { poolSize: 5000 } }],
  ['memory.maxBytes', { driver: 'memory', memory: { maxBytes: 0 } }],
  ['memory.maxEntries', { driver: 'memory', memory: { maxEntries: 0 } }],
  ['memory.maxEntries', { driver: 'memory', memory: { maxEntries: 1.5 } }],
  ['file.path', { driver: 'file' }],
  ['file.path', { driver: 'file', file: {} }],
  ['file.path', { driver: 'file', file: { path: '' } }],
  ['file.path', { driver: 'file', file: { path: 'a\0b' } }],
  ['file.path', { file: { path: 1 } }],
  ['file.durability', { driver: 'file', file: { path: 'x', durability: 'soon' } }],
  ['file.deadlineMs', { driver: 'file', file: { path: 'x', deadlineMs: 0 } }],
  ['lastWriteWins', { lastWriteWins: 'yes' }],
  ['onStoreFailure', { onStoreFailure: 'ignore' }],
  ['rejectLegacyCookies', { rejectLegacyCookies: 'no' }],
  ['storeEmpty', { storeEmpty: 1 }],
]
for (const [field, changes] of wrong) {
  test(`${field} is named when it is wrong: ${describe(changes)}`, () => {
    assert.throws(
      () => sessionMiddleware(config(changes as never)),
      (error: unknown) => {
        assert.ok(error instanceof SessionConfigError)
        assert.deepEqual([error.code, error.field], ['ERR_SESSION_CONFIG', field])
        assert.ok(error.message.startsWith(`[Rudder][session] Invalid ${field}: `), error.message)
        return true
      },
    )
  })
}

const injected: [label: string, cookie: Record<string, unknown>][] = [
  ['cookie name', { name: 'a;b' }],
  ['cookie path', { path: '/\n' }],
  ['sameSite', { sameSite: 'lax\r' }],
]
for (const [label, cookie] of injected) {
  test(`header injection through the ${label} is refused with the well-known text`, () => {
    assert.throws(() => sessionMiddleware(config({ cookie } as never)), {
      name: 'SessionConfigError',
      message:
        `[Rudder][session] Invalid ${label} — cookie header injection characters detected ` +
        '(semicolon, CR, or LF).',
    })
  })
}

test('no refusal repeats a secret or a password', () => {
  const passwords = { url: 'redis://:hunter2@localhost/x', password: 'hunter2' }
  for (const redis of [passwords, { port: -1, password: 'hunter2' }]) {
    assert.throws(
      () => sessionMiddleware(config({ driver: 'redis', secret: 'hunter2', redis })),
      (error: Error) => !`${error.stack}`.includes('hunter2'),
    )
  }
})

test('a cookie named __Host- is fine when it keeps the rules', () => {
  sessionMiddleware(config({ cookie: { name: '__Host-sid', secure: true } as never }))
})

for (const domain of ['example.org', '.example.org', 'localhost', 'a-b.Example.org', '127.0.0.1']) {
  test(`a cookie may have the domain ${domain}`, () => {
    const { engine } = session({ secret: SECRET, cookie: { domain } })

    assert.equal(engine.config.cookie.domain, domain)
  })
}

test('an adapter fills in everything but the secret', () => {
  const { engine } = session({ secret: SECRET })

  assert.deepEqual(
    [engine.config.driver, engine.config.lifetime, engine.config.storeEmpty],
    ['cookie', 120, false],
  )
  assert.deepEqual(engine.config.cookie, {
    name: 'rudderjs_session',
    secure: false,
    httpOnly: true,
    sameSite: 'lax',
    path: '/',
  })
})

test('an adapter takes an option that is undefined for one that was left out', () => {
  const options = { secret: SECRET, driver: undefined, lifetime: undefined } as never

  assert.equal(session(options as SessionOptions).engine.config.lifetime, 120)
})

test('in production the cookie is secure unless it is told otherwise', (t) => {
  const before = process.env.NODE_ENV
  t.after(() => {
    if (before === undefined) delete process.env.NODE_ENV
    else process.env.NODE_ENV = before
  })
  process.env.NODE_ENV = 'production'

  assert.equal(session({ secret: SECRET }).engine.config.cookie.secure, true)
  assert.equal(
    session({ secret: SECRET, cookie: { secure: false } }).engine.config.cookie.secure,
    false,
  )
})

function describe(changes: Record<string, unknown>): string {
  const text = JSON.stringify(changes, (_, value) =>
    value === undefined || typeof value === 'number' ? String(value) : value,
  )
  return text.replaceAll(SECRET, '***')
}
