/**
 * A great many calls to one store, of every kind, and how much memory stays behind.
 *
 *   StoreCallsSettings  -->  prints the bytes that the process has grown by, once
 */

import assert from 'node:assert/strict'
import { native } from '../../dist/native.js'
import { rssWithoutGarbage } from '../support/garbage.js'
import { print, settings } from '../support/program.js'

export interface StoreCallsSettings {
  kind: 'memory' | 'file' | 'redis'
  url: string
  /** For the file. */
  path: string
  calls: number
}

/** At the same time, each with a session of its own. */
const CALLERS = 256
/** Of one caller, in one turn. */
const CALLS = 10
const TEXT = 'x'.repeat(900)

const { kind, url, path, calls } = settings<StoreCallsSettings>()
const { NativeStore } = native()
const store = {
  memory: () => NativeStore.memory({ maxBytes: 1 << 24 }),
  file: () => NativeStore.file({ path, durability: 'eventual', deadlineMs: 20_000 }),
  redis: () => NativeStore.redis({ url, prefix: '', poolSize: 2, deadlineMs: 20_000 }),
}[kind]()
/** One each: that of a request. None is ever given. */
const signals = Array.from({ length: CALLERS }, () => new AbortController().signal)

const record = (id: string, n: number, key = 'n') =>
  `{"id":"${id}","data":{"${key}":${n},"text":"${TEXT}"},"flash_next":{}}`

async function call(caller: number, turn: number): Promise<void> {
  const [id, next] = [`id-${caller}`, `next-${caller}`]
  const signal = signals[caller]
  const refused = { code: 'ERR_SESSION_PAYLOAD' }
  assert.equal(await store.create(record(id, turn), 60, 0), true)
  assert.equal(await store.load(id, 0, { signal }), record(id, turn))
  assert.equal(await store.touch(id, 60, 0), true)
  await store.save(record(id, 1), 60, 0)
  // One that is merged: an answer with a text.
  assert.notEqual(await store.update(record(id, 0), record(id, 0, 'm'), 60, 0), true)
  const merged = (await store.load(id, 0)) as string
  assert.equal(await store.regenerate(merged, record(next, turn), 60, 0), true)
  await assert.rejects(store.save('{', 60, 0, { signal }), refused)
  await store.destroy(next)
  assert.equal(await store.load(next, 0), null)
}

async function callAll(count: number): Promise<void> {
  for (let turn = 0; turn < count / CALLERS / CALLS; turn++) {
    await Promise.all(Array.from({ length: CALLERS }, (_, caller) => call(caller, turn)))
  }
}

// What is allocated once, and for good, is allocated by then.
await callAll(calls / 5)
const before = await rssWithoutGarbage()
await callAll((calls / 5) * 4)
print((await rssWithoutGarbage()) - before)
store.close()
