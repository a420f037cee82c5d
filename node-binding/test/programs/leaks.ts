/**
 * Stores, promises and signals that nobody holds, with garbage collected while calls are out.
 *
 *   LeaksSettings  -->  prints LeaksSeen, once all of it has been collected
 */

import { setImmediate as tick } from 'node:timers/promises'
import { native } from '../../dist/native.js'
import type { NativeStore } from '../../dist/native-store.js'
import { gc, threads, until } from '../support/garbage.js'
import { print, settings } from '../support/program.js'
import { RespClient } from '../support/redis-server.js'

export interface LeaksSettings {
  kind: 'memory' | 'file' | 'redis'
  url: string
  socketPath: string
  /** For files. */
  folder: string
  rounds: number
}

export interface LeaksSeen {
  calls: number
  settled: number
  /** Objects, all of them garbage in the end. */
  watched: number
}

const { kind, url, socketPath, folder, rounds } = settings<LeaksSettings>()
const seen: LeaksSeen = { calls: 0, settled: 0, watched: 0 }
let collected = 0
const registry = new FinalizationRegistry(() => {
  collected += 1
})

function watched<T extends object>(it: T): T {
  registry.register(it, undefined)
  seen.watched += 1
  return it
}

function open(round: number): NativeStore {
  const { NativeStore } = native()
  if (kind === 'memory') return NativeStore.memory({ maxBytes: 1 << 20 })
  if (kind === 'redis') {
    return NativeStore.redis({ url, prefix: '', poolSize: 2, deadlineMs: 10_000 })
  }
  const path = `${folder}/${round}.redb`
  return NativeStore.file({ path, durability: 'eventual', deadlineMs: 10_000 })
}

/** Calls of which nobody holds anything when this returns. */
function callAndForget(round: number): void {
  const store = watched(open(round))
  const controller = watched(new AbortController())
  const signal = watched(controller.signal)
  const record = `{"id":"a","data":{},"flash_next":{}}`
  const calls = [
    store.save(record, 60, 0),
    store.save(record, 60, 0, { signal }),
    store.load('a', 0),
    store.load('a', 0, { signal }),
    store.update(record, record, 60, 0, { signal }),
    store.save('{', 60, 0),
    store.save('{', 60, 0, { signal }),
  ]
  for (const call of calls) {
    seen.calls += 1
    const count = () => {
      seen.settled += 1
    }
    watched(call).then(count, count)
  }
  if (round % 3 === 0) controller.abort()
  if (round % 3 === 1) store.close()
}

const client = await RespClient.connect(socketPath)
callAndForget(rounds)
await until(() => collected === seen.watched)
const threadsBefore = threads()

for (let round = 0; round < rounds; round++) {
  callAndForget(round)
  gc()
  if (round % 2 === 0) await tick()
}
await until(() => collected === seen.watched)
// The last connections and threads end a little later than the stores.
await until(async () => (await client.connections()) === 0 && threads() <= threadsBefore)

print(seen)
client.close()
