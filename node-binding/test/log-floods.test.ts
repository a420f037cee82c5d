/** However many requests come, a log gets a few lines, and a store nothing. */

import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { type SessionConfig, sessionMiddleware } from '@rudderjs/session-native'
import { Seldom } from '../dist/seldom.js'
import { captureConsole } from './support/console.js'
import { closedPort } from './support/misbehaving-server.js'
import { config, visit } from './support/pipeline.js'

const MINUTE_MS = 60_000

/** A process whose clock is turned by hand. */
function stopMonotonicClock(t: TestContext) {
  let nowMs = performance.now()
  t.mock.method(performance, 'now', () => nowMs)
  return {
    pass(ms: number): void {
      nowMs += ms
    },
  }
}

function quiet(t: TestContext) {
  return [captureConsole(t, 'warn'), captureConsole(t, 'error')] as const
}

test('of each minute the first lines are printed, and the next minute says how many were not', () => {
  const seldom = new Seldom(2)
  const lines: string[] = []
  const tell = (nowMs: number) => seldom.tell((note) => lines.push(`${nowMs}${note}`), nowMs)

  for (const nowMs of [0, 1, 2, 59_999, 60_000, 60_001, 60_002, 600_000]) tell(nowMs)

  assert.deepEqual(lines, [
    '0',
    '1',
    '60000 (2 more of these were left out)',
    '60001',
    '600000 (1 more of these were left out)',
  ])
})

const engines: [name: string, strangers: number, changes: Partial<SessionConfig>][] = [
  ['memory', 100_000, { driver: 'memory' }],
  ['cookie', 5_000, { driver: 'cookie' }],
  ['memory, v2', 5_000, { driver: 'memory', format: 'v2' }],
  ['cookie, encrypted', 5_000, { driver: 'cookie', format: 'v2', encrypt: true }],
]
for (const [name, strangers, changes] of engines) {
  test(`${strangers} cookies that nobody signed print nothing, store nothing and get no cookie: ${name}`, async (t) => {
    const [warnings, errors] = quiet(t)
    const middleware = sessionMiddleware(config({ storeEmpty: false, ...changes }))
    t.after(() => middleware.engine.close())
    const { store } = middleware.engine.stats()
    let sent = 0

    for (let n = 0; n < strangers; n++) {
      const value = n % 2 === 0 ? `${n}.${String(n).padStart(43, 'A')}` : `v2i.${n}`
      sent += (await visit(middleware, `sid=${value}`)).setCookies.length
    }

    assert.deepEqual([warnings, errors], [[], []])
    assert.equal(sent, 0)
    assert.equal(middleware.engine.stats().save.calls, 0)
    assert.deepEqual(middleware.engine.stats().store, store)
  })
}

test('sessions that cannot be saved are ten lines a minute, and then their number', async (t) => {
  const clock = stopMonotonicClock(t)
  const [, errors] = quiet(t)
  const middleware = sessionMiddleware(config({ limits: { maxBytes: 100 } }))
  const grow = () => visit(middleware, undefined, (session) => session.put('a', 'x'.repeat(100)))

  for (let n = 0; n < 1000; n++) await grow()
  const inTheMinute = errors.length
  clock.pass(MINUTE_MS)
  await grow()

  assert.equal(inTheMinute, 10)
  assert.equal(errors.length, 11)
  const texts = errors.map(([text]) => String(text))
  assert.match(texts[9] ?? '', /^\[Rudder\] session\.save\(\) failed;.*cookie\.$/)
  assert.match(texts[10] ?? '', /cookie\. \(990 more of these were left out\)$/)
})

test('a store that is down is one line a minute for each engine', async (t) => {
  const clock = stopMonotonicClock(t)
  const [warnings] = quiet(t)
  const redis = { host: '127.0.0.1', port: await closedPort(), deadlineMs: 200 }
  const middlewares = [0, 1].map(() => sessionMiddleware(config({ driver: 'redis', redis })))
  const [first, second] = middlewares
  assert.ok(first && second)
  t.after(() => {
    for (const { engine } of middlewares) engine.close()
  })
  const value = await sessionCookie()

  for (let n = 0; n < 30; n++) await visit(first, value)
  await visit(second, value)
  clock.pass(MINUTE_MS)
  await visit(first, value)

  assert.equal(warnings.length, 3)
  assert.match(String(warnings[2]?.[0]), /out of reach.*\(29 more of these were left out\)$/)
})

async function sessionCookie(): Promise<string> {
  const memory = sessionMiddleware(config({ driver: 'memory' }))
  const { setCookies } = await visit(memory, undefined, (session) => session.put('a', 1))
  return setCookies[0]?.split(';')[0] ?? ''
}

test('values that are changed in place are a hundred lines in the life of a process', async (t) => {
  const [warnings] = quiet(t)
  const middleware = sessionMiddleware(config({ warnOnNestedChange: true, storeEmpty: false }))
  const fill = await visit(middleware, undefined, (session) => {
    for (let key = 0; key < 150; key++) session.put(`k${key}`, [])
  })
  const cookie = fill.setCookies[0]?.split(';')[0] ?? ''

  for (const _ of [0, 1]) {
    await visit(middleware, cookie, (session) => {
      for (let key = 0; key < 150; key++) session.get<number[]>(`k${key}`)?.push(1)
    })
  }

  assert.equal(warnings.length, 100)
})
