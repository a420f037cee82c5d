/** However many requests come, a log gets a few lines, and a store nothing. */

import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import {
  type SessionConfig,
  type SessionMiddlewareHandler,
  sessionMiddleware,
} from '@rudderjs/session-native'
import { Seldom } from '../dist/seldom.js'
import { captureConsole } from './support/console.js'
import { onEveryDriver } from './support/drivers.js'
import { collectGarbage, MIB } from './support/garbage.js'
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

/** Requests to each driver, of which some have no cookie and the others one of their own making. */
const STRANGERS = Number(process.env.STRANGERS ?? 25_000)

/** What may stay of 90 of 100 strangers: compiled code, and not 50 bytes each. */
const GROWTH = MIB

async function flood(middleware: SessionMiddlewareHandler, from: number, to: number) {
  for (let n = from; n < to; n++) {
    const forged = n % 2 === 0 ? `${n}.${String(n).padStart(43, 'A')}` : `v2i.${n}`
    const { setCookies } = await visit(middleware, n % 5 === 0 ? undefined : `sid=${forged}`)
    assert.deepEqual(setCookies, [])
  }
}

async function heapWithoutGarbage(): Promise<number> {
  await collectGarbage()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

const formats: Partial<SessionConfig>[] = [{}, { format: 'v2' }]

onEveryDriver((driver) => {
  for (const format of formats) {
    test(`a flood of strangers prints nothing, stores nothing, gets no cookie and takes no memory: ${format.format ?? 'v1'}`, async (t) => {
      const middleware = driver.middleware({ ...driver.ownStore(), ...format, storeEmpty: false })
      await visit(middleware, undefined)
      const [warnings, errors] = quiet(t)
      const { store } = middleware.engine.stats()

      await flood(middleware, 0, STRANGERS / 10)
      const before = await heapWithoutGarbage()
      await flood(middleware, STRANGERS / 10, STRANGERS)
      const grown = (await heapWithoutGarbage()) - before

      assert.deepEqual([warnings, errors], [[], []])
      assert.equal(middleware.engine.stats().save.calls, 0)
      assert.deepEqual(middleware.engine.stats().store, store)
      assert.ok(grown < GROWTH, `${grown} bytes more`)
    })
  }
})

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
