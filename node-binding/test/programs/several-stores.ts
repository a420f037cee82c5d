/**
 * Two stores in Redis, two in memory and one in a file, in each of several threads.
 *
 *   SeveralStoresSettings  -->  prints the calls of each thread, all of them answered right
 *
 * Every store knows the same ids, with records that say whose they are.
 */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { openFileStore, openMemoryStore, openRedisStore } from '@rudderjs/session-native/native'
import { print, settings } from '../support/program.js'

export interface SeveralStoresSettings {
  urls: [string, string]
  folder: string
  workers: number
}

const IDS = 50
const TURNS = 5

async function work({ urls, folder }: SeveralStoresSettings, thread: string): Promise<number> {
  const [one, other] = urls
  const stores = {
    redis: openRedisStore({ url: one, prefix: `${thread}:`, deadlineMs: 10_000 }),
    otherRedis: openRedisStore({ url: other, prefix: `${thread}:`, deadlineMs: 10_000 }),
    memory: openMemoryStore(),
    otherMemory: openMemoryStore(),
    file: openFileStore({ path: `${folder}/${thread}.redb`, durability: 'eventual' }),
  }
  let calls = 0
  const callAll = async (names: string[]) => {
    const turns = names.flatMap((name) => {
      const { store } = stores[name as keyof typeof stores]
      return Array.from({ length: IDS }, async (_, n) => {
        const id = `id-${n}`
        for (let turn = 0; turn < TURNS; turn++) {
          const record = `{"id":"${id}","data":{"of":"${thread} ${name} ${turn}"},"flash_next":{}}`
          await store.save(record, 60, 0)
          assert.equal(await store.load(id, 0), record)
          calls += 2
        }
      })
    })
    await Promise.all(turns)
  }

  const names = Object.keys(stores)
  await callAll(names)
  // One by one they go, and the others do not notice.
  while (names.length > 0) {
    const { store, release } = stores[names.shift() as keyof typeof stores]
    const others = callAll(names)
    release()
    await assert.rejects(store.load('id-1', 0), { code: 'ERR_SESSION_STORE_CLOSED' })
    await others
  }
  return calls
}

async function inWorker(given: SeveralStoresSettings, thread: string): Promise<unknown> {
  const worker = new Worker(new URL(import.meta.url), { workerData: { given, thread } })
  const exit = once(worker, 'exit')
  const [calls] = await once(worker, 'message')
  assert.deepEqual(await exit, [0])
  return calls
}

if (isMainThread) {
  const given = settings<SeveralStoresSettings>()
  const threads = Array.from({ length: given.workers }, (_, n) => inWorker(given, `worker-${n}`))
  print(await Promise.all([work(given, 'main'), ...threads]))
} else {
  const { given, thread } = workerData
  parentPort?.postMessage(await work(given, thread))
}
