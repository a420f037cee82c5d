/** Redis dies with calls under way: each is answered exactly once, and the store lives on. */

import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { setImmediate as tick } from 'node:timers/promises'
import { SessionStoreError } from '@rudderjs/session-native'
import { load } from '../dist/load.js'
import { NativeStore } from '../dist/native-store.js'
import { listen } from './support/misbehaving-server.js'
import { RedisServer } from './support/redis-server.js'

const GUARD = { timeout: 30_000 }
const CALLS = 1000
const NOW = Date.now()

const record = (id: string, n: number) => `{"id":"${id}","data":{"n":${n}},"flash_next":{}}`

/** Each kind of call, to a record that is there; with what it comes to if nothing is in its way. */
const KINDS: [call: (store: NativeStore, n: number) => Promise<unknown>, answer: unknown][] = [
  [(store, n) => store.load(`id-${n}`, NOW), 'the record'],
  [(store, n) => store.save(record(`id-${n}`, n), 60, NOW), undefined],
  [(store, n) => store.touch(`id-${n}`, 60, NOW), true],
  [(store, n) => store.create(record(`new-${n}`, n), 60, NOW), true],
  [(store, n) => store.update(record(`id-${n}`, n), record(`id-${n}`, -1), 60, NOW), true],
  [(store, n) => store.regenerate(record(`id-${n}`, n), record(`next-${n}`, n), 60, NOW), true],
  [(store, n) => store.destroy(`id-${n}`), undefined],
]
const kindOf = (n: number) => KINDS[n % KINDS.length] as (typeof KINDS)[number]

/** A store, and how often the addon has answered each ticket, which promises would not show. */
function openStore(t: TestContext, url: string) {
  const answers: number[] = []
  const options = { url, prefix: '', poolSize: 2, deadlineMs: 1500 }
  const store = new NativeStore((drain) =>
    load().binary.createRedisCalls(options, (...given) => {
      const settled = given.length === 1 ? (given[0] as unknown[]) : given
      for (let at = 0; at < settled.length; at += 2) {
        const ticket = settled[at] as number
        answers[ticket] = (answers[ticket] ?? 0) + 1
      }
      drain(...given)
    }),
  )
  t.after(() => store.close())
  return { store, answers }
}

/** @returns Whether the call has failed, as it may. */
function checkOutcome(outcome: PromiseSettledResult<unknown>, n: number): boolean {
  if (outcome.status === 'rejected') {
    assert.ok(outcome.reason instanceof SessionStoreError, String(outcome.reason))
    assert.equal(outcome.reason.retryable, true, outcome.reason.code)
    return true
  }
  const [, answer] = kindOf(n)
  assert.equal(outcome.value, answer === 'the record' ? record(`id-${n}`, n) : answer)
  return false
}

/** Asks until there is an answer; each failure until then must be one to try again after. */
async function onceItIsBack<T>(call: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await call()
    } catch (error) {
      assert.ok(error instanceof SessionStoreError && error.retryable, String(error))
      await tick()
    }
  }
}

for (const moment of ['before it answers any', 'when it has answered one'] as const) {
  test(`Redis dies with ${CALLS} calls under way, ${moment}`, GUARD, async (t) => {
    const server = await RedisServer.start()
    t.after(() => server.stop())
    const client = await server.client()
    for (let n = 0; n < CALLS; n++) await client.call('SET', `id-${n}`, record(`id-${n}`, n))
    client.close()
    const { store, answers } = openStore(t, server.url)

    if (moment === 'before it answers any') server.freeze()
    const calls = Array.from({ length: CALLS }, (_, n) => kindOf(n)[0](store, n))
    const outcomes = Promise.allSettled(calls)
    if (moment === 'when it has answered one') await Promise.race(calls)
    await server.kill()
    const failed = (await outcomes).filter(checkOutcome).length

    if (moment === 'before it answers any') assert.equal(failed, CALLS)
    assert.deepEqual(answers, Array(CALLS).fill(1))
    assert.equal(store.stats().pending, 0)

    await server.startAgain()
    await onceItIsBack(() => store.save(record('a', 1), 60, NOW))
    assert.equal(await onceItIsBack(() => store.load('a', NOW)), record('a', 1))
  })
}

test('a server that hangs up in the middle of a batch answers half of it', GUARD, async (t) => {
  let dies = true
  const { port } = await listen(t, (socket, chunk) => {
    const ids = [...chunk.matchAll(/GET\r\n\$\d+\r\n(id-\d+)\r\n/g)].map(([, id = '']) => id)
    if (ids.length === 0) return void socket.write('+OK\r\n')
    const replies = ids.map((id) => {
      const text = record(id, Number(id.slice(3)))
      return `$${text.length}\r\n${text}\r\n`
    })
    const all = replies.join('')
    if (dies) socket.end(all.slice(0, all.length / 2))
    else socket.write(all)
  })
  const { store, answers } = openStore(t, `redis://127.0.0.1:${port}`)

  const calls = Array.from({ length: CALLS }, (_, n) => store.load(`id-${n}`, NOW))
  const outcomes = await Promise.allSettled(calls)
  dies = false

  let failed = 0
  for (const [n, outcome] of outcomes.entries()) {
    if (outcome.status === 'rejected') failed += Number(checkOutcome(outcome, n))
    else assert.equal(outcome.value, record(`id-${n}`, n))
  }
  assert.ok(failed > 0 && failed < CALLS, `${failed} have failed`)
  assert.deepEqual(answers, Array(CALLS).fill(1))
  assert.equal(await onceItIsBack(() => store.load('id-1', NOW)), record('id-1', 1))
})
