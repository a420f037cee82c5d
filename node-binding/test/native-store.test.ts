/** The promises of store calls: one for each call, settled by number, and forgotten then. */

import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import { test } from 'node:test'
import { setImmediate as tick } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { SessionConfigError, SessionStoreError } from '@rudderjs/session-native'
import { NativeStore } from '../dist/native-store.js'

/** A store over an addon that answers when the test does. */
function stub() {
  const tickets: number[] = []
  const flushes: number[] = []
  let closed = false
  let drain: (...settled: unknown[]) => void = () => {}
  const store = new NativeStore((given) => {
    drain = given
    const load = (ticket: number, id: string) => {
      if (id === 'wrong') throw Object.assign(new Error('ttl: no'), { code: 'ERR_SESSION_CONFIG' })
      if (id === 'at once') return 'record'
      tickets.push(ticket)
      return ticket
    }
    const flush = () => flushes.push(tickets.length)
    const close = () => {
      closed = true
    }
    return { load, flush, close } as never
  })
  const answer = (numbers: number[], answers: unknown[]) =>
    drain(...numbers.flatMap((number, at) => [number, answers[at]]))
  const answerInOneArray = (numbers: number[]) => drain(numbers.flatMap((number) => [number, null]))
  return { store, tickets, flushes, answer, answerInOneArray, isClosed: () => closed }
}

const FAULT = { code: 'ERR_SESSION_STORE_BUSY', message: 'm', retryable: true, saved: false }

test('one drain settles many calls, each with its own answer', async () => {
  const { store, tickets, answer } = stub()
  const calls = ['a', 'b', 'c'].map((id) => store.load(id, 0))

  answer(tickets.toReversed(), ['third', FAULT, null])

  const [a, b, c] = await Promise.allSettled(calls)
  assert.deepEqual(
    [a, c],
    [
      { status: 'fulfilled', value: null },
      { status: 'fulfilled', value: 'third' },
    ],
  )
  assert.ok(b?.status === 'rejected' && b.reason instanceof SessionStoreError)
  assert.deepEqual([b.reason.code, b.reason.retryable], ['ERR_SESSION_STORE_BUSY', true])
})

test('answers that are too many to be arguments come in one array', async () => {
  const { store, tickets, answerInOneArray } = stub()
  const calls = ['a', 'b', 'c'].map((id) => store.load(id, 0))

  answerInOneArray(tickets)

  assert.deepEqual(await Promise.all(calls), [null, null, null])
})

test('what the addon answers or throws at once settles at once', async () => {
  const { store, tickets } = stub()

  assert.equal(await store.load('at once', 0), 'record')
  await assert.rejects(store.load('wrong', 0), { code: 'ERR_SESSION_CONFIG' })
  assert.deepEqual(tickets, [])
})

test('a number is used again once its call is settled, and never before', async () => {
  const { store, tickets, answer } = stub()
  const [first, second] = [store.load('a', 0), store.load('b', 0)]
  answer([tickets[0] as number], ['done'])
  await first

  await store.load('at once', 0)
  await store.load('wrong', 0).catch(() => {})
  const third = store.load('c', 0)

  assert.equal(tickets[2], tickets[0])
  assert.notEqual(tickets[0], tickets[1])
  answer(tickets.slice(1), ['b', 'c'])
  assert.deepEqual(await Promise.all([second, third]), ['b', 'c'])
})

test('an answer that comes twice is given once, and gives no two calls one number', async () => {
  const { store, tickets, answer } = stub()
  const call = store.load('a', 0)
  answer([tickets[0] as number, tickets[0] as number], ['mine', 'not mine'])
  assert.equal(await call, 'mine')

  const calls = ['b', 'c'].map((id) => store.load(id, 0))

  assert.notEqual(tickets[1], tickets[2])
  answer(tickets.slice(1), ['b', 'c'])
  assert.deepEqual(await Promise.all(calls), ['b', 'c'])
})

test('a settled promise is not held', async () => {
  const { store, tickets, answer } = stub()
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const settled = async () => {
    const call = store.load('a', 0)
    answer(tickets, ['record'])
    await call
    return new WeakRef(call)
  }

  const held = await settled()
  await tick()
  collect()

  assert.equal(held.deref(), undefined)
})

test('an error of the addon that is a setting\u2019s fault names the setting', async () => {
  const { store, tickets, answer } = stub()
  const call = store.load('a', 0)
  answer(tickets, [{ ...FAULT, code: 'ERR_SESSION_CONFIG', message: 'redis.url: no' }])

  await assert.rejects(call, (error: unknown) => {
    assert.ok(error instanceof SessionConfigError)
    assert.equal(error.field, 'redis.url')
    return true
  })
})

test('the calls of one turn are handed over once, with the last of them', async () => {
  const { store, flushes } = stub()

  store.load('a', 0)
  await null
  store.load('b', 0)
  store.load('at once', 0)
  assert.deepEqual(flushes, [1])
  await tick()
  assert.deepEqual(flushes, [1, 2])

  await store.load('at once', 0)
  await tick()
  assert.deepEqual(flushes, [1, 2])
})

test('a signal ends the wait, with its reason, and the answer that comes later is nobody\u2019s', async () => {
  const { store, tickets, answer } = stub()
  const controller = new AbortController()
  const { signal } = controller
  const call = store.load('a', 0, { signal })

  controller.abort(new Error('the client has gone'))

  await assert.rejects(call, { message: 'the client has gone' })
  answer(tickets, ['record'])
  await assert.rejects(call, { message: 'the client has gone' })
  assert.equal(getEventListeners(signal, 'abort').length, 0)
})

test('a signal that has been given before keeps the call from the store', async () => {
  const { store, tickets } = stub()

  await assert.rejects(store.load('a', 0, { signal: AbortSignal.abort() }), { name: 'AbortError' })

  assert.deepEqual(tickets, [])
})

test('a signal that is never given holds no call that is settled', async () => {
  const { store, tickets, answer } = stub()
  const { signal } = new AbortController()
  const calls = ['a', 'b'].map((id) => store.load(id, 0, { signal }))
  // One for both: Node warns of many.
  assert.equal(getEventListeners(signal, 'abort').length, 1)

  answer(tickets, ['record', FAULT])

  const [a, b] = await Promise.allSettled(calls)
  assert.deepEqual([a?.status, b?.status], ['fulfilled', 'rejected'])
  await assert.rejects(store.load('wrong', 0, { signal }), { code: 'ERR_SESSION_CONFIG' })
  assert.equal(await store.load('at once', 0, { signal }), 'record')
  assert.equal(getEventListeners(signal, 'abort').length, 0)
})

test('to dispose of a store is to wait for the calls that are out, and to close it', async () => {
  const { store, tickets, answer, isClosed } = stub()
  const calls = ['a', 'b'].map((id) => store.load(id, 0))

  const disposed = store[Symbol.asyncDispose]()
  answer(tickets.slice(0, 1), ['record'])
  await tick()
  assert.equal(isClosed(), false)
  answer(tickets.slice(1), [FAULT])
  await disposed

  assert.equal(isClosed(), true)
  const [a, b] = await Promise.allSettled(calls)
  assert.deepEqual([a?.status, b?.status], ['fulfilled', 'rejected'])
})
