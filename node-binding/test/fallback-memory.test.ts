/** The fallback's memory store keeps its bound, and a record no longer than its TTL. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { NativeStore } from '../dist/native-store.js'
import { createMemoryCalls, memoryStore, NOW, record } from './support/fallback-store.js'

test('a touch starts the TTL anew, and a record ends at its instant', async () => {
  const store = memoryStore()
  await store.save(record('a', '{}'), 60, NOW)

  assert.equal(await store.touch('a', 60, NOW + 59_999), true)

  assert.equal(await store.load('a', NOW + 119_998), record('a', '{}'))
  assert.equal(await store.load('a', NOW + 119_999), null)
  assert.equal(await store.touch('a', 60, NOW + 119_999), false)
})

test('at its bound the memory store lets go of what was used least recently', async () => {
  const one = record('0', '{}')
  const weight = Buffer.byteLength(one) + 1 + 512
  const store = memoryStore(3 * weight)
  for (const id of ['0', '1', '2']) await store.save(record(id, '{}'), 60, NOW)

  await store.load('0', NOW)
  await store.touch('1', 60, NOW)
  await store.save(record('3', '{}'), 60, NOW)

  const kept = await Promise.all(['0', '1', '2', '3'].map((id) => store.load(id, NOW)))
  assert.deepEqual(
    kept.map((text) => text !== null),
    [true, true, false, true],
  )
})

test('the bound counts bytes of UTF-8, and what a record was before counts no more', async () => {
  const weight = (text: string) => Buffer.byteLength(text) + 1 + 512
  const [small, wide] = [record('a', '{}'), record('a', `{"x":"${'\u00e9'.repeat(200)}"}`)]
  const store = memoryStore(weight(wide) + weight(record('b', '{}')))

  for (let round = 0; round < 10; round++) {
    await store.save(small, 60, NOW)
    await store.save(wide, 60, NOW)
  }
  await store.save(record('b', '{}'), 60, NOW)

  assert.equal(await store.load('a', NOW), wide)
  const tooLarge = store.save(record('a', `{"x":"${'\u00e9'.repeat(600)}"}`), 60, NOW)
  await assert.rejects(tooLarge, { code: 'ERR_SESSION_STORE_TOO_LARGE', retryable: false })
})

test('what has ended frees its memory though nobody asks for it again', async (t) => {
  let clock = 1000
  t.mock.method(performance, 'now', () => clock)
  const store = memoryStore()
  await store.save(record('0', '{}'), 1, NOW)
  await store.save(record('1', '{}'), 60, NOW)
  assert.notEqual(await store.load('0', NOW), null)

  clock += 1000
  await store.save(record('2', '{}'), 60, NOW)
  await store.load('1', NOW)
  await store.save(record('3', '{}'), 60, NOW)

  // The caller's clock stands still, so only the machine's can have ended it.
  const kept = await Promise.all(['0', '1', '2', '3'].map((id) => store.load(id, NOW)))
  assert.deepEqual(
    kept.map((text) => text !== null),
    [false, true, true, true],
  )
})

for (const maxBytes of [0, -1, Number.NaN, 0.5]) {
  test(`a memory bound that holds nothing is refused: ${maxBytes}`, () => {
    assert.throws(() => memoryStore(maxBytes), { code: 'ERR_SESSION_CONFIG' })
  })
}

test('a bound of sessions holds as one of bytes does', async () => {
  const store = new NativeStore((drain) =>
    createMemoryCalls({ maxBytes: 1 << 20, maxEntries: 2 }, drain),
  )
  for (const id of ['a', 'b', 'c']) await store.save(record(id, '{}'), 60, NOW)

  const kept = await Promise.all(['a', 'b', 'c'].map((id) => store.load(id, NOW)))
  assert.deepEqual(kept, [null, record('b', '{}'), record('c', '{}')])
})
