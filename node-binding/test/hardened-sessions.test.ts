/** Sessions in the hardened format, the way there from v1, and the change of keys. */

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { SessionConfigError, sessionMiddleware } from '@rudderjs/session-native'
import { stopClock } from './support/clock.js'
import { captureConsole } from './support/console.js'
import { onEveryDriver, onEveryStore } from './support/drivers.js'
import { Browser, config, SECRET, UUID_V4, visit } from './support/pipeline.js'
import { RedisServer, RespClient } from './support/redis-server.js'

const T0 = 1_700_000_000_000
const OTHER = 'fedcba9876543210fedcba9876543210'
const ID_V2 = /^[A-Za-z0-9_-]{43}$/

onEveryDriver((driver) => {
  const isCookie = driver.name === 'cookie'
  const tag = isCookie ? 'v2p.' : 'v2i.'
  /** Sessions in memory end with their engine. */
  const outlivesEngines = driver.name !== 'memory'

  test('a session lives from request to request, regenerates and ends', async () => {
    const middleware = driver.middleware({ format: 'v2' })
    const browser = new Browser(middleware)
    const first = await browser.visit((session) => session.put('user', 1))
    assert.match(first.session.id(), ID_V2)
    assert.ok(browser.cookie?.startsWith(tag))
    const old = browser.cookie

    const login = await browser.visit((session) => session.login('u7'))
    assert.match(login.session.id(), ID_V2)
    assert.notEqual(login.session.id(), first.session.id())
    const { session } = await browser.visit()
    assert.deepEqual(session.all(), { user: 1, auth_user_id: 'u7' })
    assert.equal(session.id(), login.session.id())

    const replayed = await visit(middleware, `sid=${old}`)
    assert.deepEqual(replayed.session.all(), isCookie ? { user: 1 } : {}, 'the old cookie')
    const last = browser.cookie
    await browser.visit((session) => session.logout())
    if (!isCookie) assert.deepEqual((await visit(middleware, `sid=${last}`)).session.all(), {})
  })

  test('a cookie ends at its own instant, of a store too', async (t) => {
    const clock = stopClock(t, T0)
    const browser = new Browser(driver.middleware({ format: 'v2', lifetime: 60 }))
    await browser.visit((session) => session.put('user', 1))

    clock.set(T0 + 60 * 60_000)
    const { session } = await browser.visit()
    clock.set(T0 + 60 * 60_000 + 1)
    const late = await browser.visit()

    // The clock of memory and of a file moves along: at that instant their record is gone.
    if (isCookie || driver.name === 'redis') assert.deepEqual(session.all(), { user: 1 })
    assert.deepEqual(late.session.all(), {})
  })

  if (outlivesEngines) {
    test('a session of v1 is read until the date, leaves with v2, and is refused after it', async (t) => {
      const clock = stopClock(t, T0)
      const shared = driver.ownStore()
      const v1 = driver.middleware(shared)
      const browser = new Browser(v1)
      const before = await browser.visit((session) => session.put('user', 1))
      assert.match(before.session.id(), UUID_V4)
      const oldCookie = browser.cookie
      // One process has a file open once.
      v1.engine.close()
      const moving = { ...shared, format: 'v2', acceptV1Until: new Date(T0 + 1000) } as const
      const v2 = driver.middleware(moving)

      clock.set(T0 + 1000)
      const read = await visit(v2, `sid=${oldCookie}`, (session) => session.has('user'))
      assert.deepEqual(read.session.all(), { user: 1 })
      assert.equal(read.setCookies.length, 1, 'it is sent anew though nothing changed')
      assert.ok(read.setCookies[0]?.startsWith(`sid=${tag}`))
      if (!isCookie) assert.match(read.session.id(), ID_V2)
      const [pair = ''] = String(read.setCookies[0]).split(';')
      const again = await visit(v2, pair)
      assert.deepEqual([again.session.all(), again.setCookies], [{ user: 1 }, []])

      const replayed = await visit(v2, `sid=${oldCookie}`)
      assert.deepEqual(replayed.session.all(), isCookie ? { user: 1 } : {}, 'the old cookie')
      clock.set(T0 + 1001)
      const late = await visit(v2, `sid=${oldCookie}`)
      assert.deepEqual([late.session.all(), late.setCookies], [{}, []])
      const never = await visit(driver.middleware({ ...shared, format: 'v2' }), `sid=${oldCookie}`)
      assert.deepEqual(never.session.all(), {})
    })
  }

  test('what a retired secret made is sent anew, and refused after its end', async (t) => {
    const clock = stopClock(t, T0)
    const folder = mkdtempSync(join(tmpdir(), 'rudder-session-'))
    t.after(() => rmSync(folder, { recursive: true }))
    const file = join(folder, 'secrets')
    writeFileSync(file, `${SECRET}\n`)
    const middleware = driver.middleware({ format: 'v2', secret: { file } })
    const browser = new Browser(middleware)
    await browser.visit((session) => session.put('user', 1))
    const old = browser.cookie

    writeFileSync(file, `${OTHER}\n\n  ${SECRET}\n`)
    assert.deepEqual((await browser.visit()).setCookies, [], 'nothing is watched')
    middleware.engine.reload()
    const { session, setCookies } = await browser.visit()
    assert.deepEqual(session.all(), { user: 1 })
    assert.equal(setCookies.length, 1)
    assert.deepEqual((await browser.visit()).setCookies, [], 'once')

    clock.set(T0 + 1)
    writeFileSync(file, `${OTHER}\n`)
    middleware.engine.reload()
    assert.deepEqual((await browser.visit()).session.all(), { user: 1 })
    assert.deepEqual((await visit(middleware, `sid=${old}`)).session.all(), {})
  })

  if (outlivesEngines) {
    test('a secret with an end verifies until it, in either format', async (t) => {
      for (const format of ['v1', 'v2'] as const) {
        const clock = stopClock(t, T0)
        const store = { ...driver.ownStore(), format }
        const browser = new Browser(driver.middleware({ ...store, secret: SECRET }))
        await browser.visit((session) => session.put('user', 1))
        const until = new Date(T0 + 1000).toISOString()
        const secret = [OTHER, { secret: SECRET, until }]
        const rotated = driver.middleware({ ...store, secret })

        clock.set(T0 + 1000)
        const { session } = await visit(rotated, `sid=${browser.cookie}`)
        assert.deepEqual(session.all(), { user: 1 }, format)
        clock.set(T0 + 1001)
        const late = await visit(rotated, `sid=${browser.cookie}`)
        assert.deepEqual(late.session.all(), {}, format)
      }
    })
  }

  test('keys stay what they are if what is to be read is wrong', async () => {
    process.env.SESSION_TEST_SECRET = SECRET
    const middleware = driver.middleware({ format: 'v2', secret: { env: 'SESSION_TEST_SECRET' } })
    const browser = new Browser(middleware)
    await browser.visit((session) => session.put('user', 1))

    delete process.env.SESSION_TEST_SECRET

    assert.throws(() => middleware.engine.reload(), SessionConfigError)
    assert.deepEqual((await browser.visit()).session.all(), { user: 1 })
  })
})

onEveryStore((driver) => {
  test('requests to one session at once lose none of their writes', async () => {
    const middleware = driver.middleware({ format: 'v2' })
    const browser = new Browser(middleware)
    await browser.visit((session) => session.put('start', 0))
    const cookie = `sid=${browser.cookie}`

    const keys = Array.from({ length: 8 }, (_, at) => `key${at}`)
    await Promise.all(
      keys.map((key) => visit(middleware, cookie, (session) => session.put(key, 1))),
    )

    const { session } = await browser.visit()
    assert.equal(Object.keys(session.all()).length, 9)
  })
})

test('a WebSocket upgrade with a cookie of v1 leaves the session where its cookie leads', async (t) => {
  const server = await RedisServer.start()
  t.after(() => server.stop())
  const redis = { url: server.url, deadlineMs: 10_000 }
  const v1 = sessionMiddleware(config({ driver: 'redis', redis }))
  const v2 = sessionMiddleware(
    config({ driver: 'redis', redis, format: 'v2', acceptV1Until: Date.now() + 60_000 }),
  )
  t.after(() => [v1, v2].map(({ engine }) => engine.close()))
  const browser = new Browser(v1)
  await browser.visit((session) => session.put('user', 1))
  const raw: Record<string, unknown> = {}
  const headers = { cookie: `sid=${browser.cookie}`, upgrade: 'websocket' }

  await v2({ headers, raw }, { raw: { header() {} } }, () => {
    ;(raw.__rjs_session as { put(key: string, value: unknown): void }).put('seen', true)
  })

  assert.deepEqual((await browser.visit()).session.all(), { user: 1, seen: true })
})

test('Redis holds no id that a cookie carries', async (t) => {
  const server = await RedisServer.start()
  t.after(() => server.stop())
  const middleware = sessionMiddleware(
    config({ driver: 'redis', format: 'v2', redis: { url: server.url, deadlineMs: 10_000 } }),
  )
  t.after(() => middleware.engine.close())
  const browser = new Browser(middleware)
  const { session } = await browser.visit((session) => session.put('user', 1))
  const client = await RespClient.connect(server.socketPath)

  const names = (await client.call('KEYS', '*')) as string[]
  assert.deepEqual(names.length, 1)
  const record = String(await client.call('GET', names[0] as string))

  assert.match(String(names[0]), /^session:h[A-Za-z0-9_-]{43}$/)
  assert.equal(JSON.parse(record).id, names[0]?.slice('session:'.length))
  assert.ok(!`${names} ${record}`.includes(session.id()))
})

test('an encrypted cookie shows nothing of what is in it, and no more than a multiple of its length', async () => {
  const encrypted = (more = {}) =>
    sessionMiddleware(config({ format: 'v2', encrypt: true, padTo: 256, ...more }))
  const cookieOf = async (value: string) => {
    const browser = new Browser(encrypted())
    await browser.visit((session) => session.put('card', value))
    assert.deepEqual((await browser.visit()).session.all(), { card: value })
    return browser.cookie as string
  }

  const [one, two] = [await cookieOf('4111'), await cookieOf('4111 1111 1111 1111')]

  assert.ok(one.startsWith('v2s.'))
  assert.equal(one.length, two.length)
  const bytes = Buffer.from(one.slice(4), 'base64url').toString('latin1')
  assert.ok(!bytes.includes('card') && !bytes.includes('4111'))
  const signing = sessionMiddleware(config({ format: 'v2' }))
  assert.deepEqual((await visit(signing, `sid=${one}`)).session.all(), {})
})

test('with rolling a cookie is sent anew once half of its life is over', async (t) => {
  for (const more of [{}, { encrypt: true, padTo: 64 }]) {
    const clock = stopClock(t, T0)
    const browser = new Browser(
      sessionMiddleware(config({ format: 'v2', lifetime: 60, rolling: true, ...more })),
    )
    await browser.visit((session) => session.put('user', 1))

    clock.set(T0 + 29 * 60_000)
    assert.deepEqual((await browser.visit()).setCookies, [])
    clock.set(T0 + 31 * 60_000)
    assert.equal((await browser.visit()).setCookies.length, 1)
  }
})

test('a refused setting names its field, and no message shows a secret', (t) => {
  const refusal = (changes: object): string => {
    try {
      sessionMiddleware(config(changes))
    } catch (error) {
      assert.ok(error instanceof SessionConfigError)
      assert.ok(!error.message.includes(SECRET))
      return `${error.field} | ${error.message.replace(/^\[Rudder\]\[session\] Invalid /, '')}`
    }
    return 'taken'
  }
  const v2 = { format: 'v2' }
  const folder = mkdtempSync(join(tmpdir(), 'secrets-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const file = (name: string, content: string | Buffer) => {
    writeFileSync(join(folder, name), content)
    return { secret: { file: join(folder, name) } }
  }
  const saying = (name: string, why: string) =>
    `secret.file | secret.file: ${JSON.stringify(join(folder, name))} ${why}.`

  for (const [changes, expected] of [
    [file('large', 'x'.repeat(65_537)), saying('large', 'has more than 64 KiB')],
    [file('full', 'x'.repeat(65_536)), 'taken'],
    [file('binary', Buffer.from([0x61, 0xff])), saying('binary', 'is not UTF-8')],
    [file('blank', ' \r\n\n'), saying('blank', 'is empty')],
    [{ format: 'v3' }, 'format | format: expected one of v1, v2, got "v3".'],
    [{ encrypt: true }, "encrypt | encrypt: expected format 'v2' with it."],
    [{ padTo: 16 }, "padTo | padTo: expected format 'v2' with it."],
    [{ acceptV1Until: T0 }, "acceptV1Until | acceptV1Until: expected format 'v2' with it."],
    [{ ...v2, encrypt: 1 }, 'encrypt | encrypt: expected a boolean, got 1.'],
    [{ ...v2, padTo: 16 }, 'padTo | padTo: expected encrypt with it.'],
    [
      { ...v2, encrypt: true, padTo: 0 },
      'padTo | padTo: expected a whole number from 1 to 4096, got 0.',
    ],
    [
      { ...v2, encrypt: true, driver: 'memory' },
      'encrypt | encrypt: expected driver cookie with it, since no other sends data.',
    ],
    [
      { ...v2, acceptV1Until: 'soon' },
      'acceptV1Until | acceptV1Until: expected a Date, an ISO date or Unix milliseconds, got "soon".',
    ],
    [
      { secret: [OTHER, { secret: SECRET, until: new Date(Number.NaN) }] },
      'secret.until | secret.until: expected a Date, an ISO date or Unix milliseconds, got a Date that is none.',
    ],
    [
      { secret: { secret: SECRET, until: T0 } },
      'secret | secret: the first one signs, so it cannot have an end.',
    ],
    [
      { secret: { env: 'NO_SUCH_VARIABLE' } },
      'secret.env | secret.env: the environment has no "NO_SUCH_VARIABLE".',
    ],
    [
      { secret: { file: '/no/such/file' } },
      'secret.file | secret.file: "/no/such/file" cannot be read (ENOENT).',
    ],
    [
      { secret: { [SECRET]: 1 } },
      'secret | secret: expected a string, { secret }, { env } or { file }, or a list of these.',
    ],
    [{ ...v2, acceptV1Until: '2099-01-01', encrypt: true, padTo: 4096 }, 'taken'],
  ] as const) {
    assert.equal(refusal(changes), expected)
  }
})

test('a secret that is easy to guess is warned about once, and in production only', (t) => {
  const calls = captureConsole(t, 'warn')
  const before = process.env.NODE_ENV
  t.after(() => {
    if (before === undefined) delete process.env.NODE_ENV
    else process.env.NODE_ENV = before
  })
  const make = (secret: string | string[]) => sessionMiddleware(config({ secret }))

  process.env.NODE_ENV = 'test'
  make('short')
  process.env.NODE_ENV = 'production'
  make(SECRET)
  assert.deepEqual(calls, [])
  make([SECRET, 'a'.repeat(40)])
  make('short')

  assert.equal(calls.length, 1)
  assert.match(String(calls[0]?.[0]), /easy to guess/)
  assert.ok(!String(calls[0]?.[0]).includes('aaaa'))
})
