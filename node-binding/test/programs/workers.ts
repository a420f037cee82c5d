/**
 * Workers that come and go with calls under way, beside a main thread that goes on with its own.
 *
 *   WorkersSettings  -->  prints WorkersSeen, once
 *
 * Any answer that is not the right one ends the program with an error.
 */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { setImmediate as tick, setTimeout as wait } from 'node:timers/promises'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { createCodec, openMemoryStore, openRedisStore } from '@rudderjs/session-native/native'
import { rssWithoutGarbage, threads, until } from '../support/garbage.js'
import { print, settings } from '../support/program.js'
import { RespClient } from '../support/redis-server.js'

export interface WorkersSettings {
  url: string
  socketPath: string
  rounds: number
  /** Of one round, at the same time. */
  workers: number
}

export interface WorkersSeen {
  /** Of the main thread; all of them were answered right. */
  calls: number
  /** After each round. */
  rss: number[]
}

/** How a worker ends, and the exit codes that this may give: one that has not begun has none. */
const ENDS = {
  'at any moment': [0, 1],
  'while busy': [1],
  'by itself': [0],
  'by process.exit': [3],
}
type End = keyof typeof ENDS

const POOL_SIZE = 2

const record = (id: string, n: number) => `{"id":"${id}","data":{"n":${n}},"flash_next":{}}`

/** Stores and a codec of one thread. */
function open(url: string, thread: string) {
  const redis = openRedisStore({
    url,
    prefix: `${thread}:`,
    poolSize: POOL_SIZE,
    deadlineMs: 20_000,
  })
  const memory = openMemoryStore()
  const codec = createCodec([`secret of ${thread}`])

  /** Calls of every kind at once; answers how many. */
  async function callAll(ids: number): Promise<number> {
    const calls = Array.from({ length: ids }, async (_, n) => {
      const id = codec.verify(codec.sign(`id-${n}`))
      assert.equal(id, `id-${n}`)
      for (const { store } of [redis, memory]) {
        await store.save(record(id, n), 60, 0)
        assert.equal(await store.load(id, 0), record(id, n))
      }
    })
    await Promise.all(calls)
    return ids * 6
  }
  return { redis, memory, callAll }
}

async function work(url: string, end: End): Promise<void> {
  const { memory, callAll } = open(url, 'worker')
  // If a store outlived its worker, this is what would show.
  const padding = 'x'.repeat(1 << 20)
  for (const id of ['a', 'b']) {
    await memory.store.save(`{"id":"${id}","data":{"x":"${padding}"}}`, 60, 0)
  }

  let calls = callAll(100)
  parentPort?.postMessage('busy')
  if (end === 'by process.exit') process.exit(3)
  while (end !== 'by itself') {
    await calls
    calls = callAll(100)
  }
}

async function startAndEnd(url: string, end: End): Promise<void> {
  const worker = new Worker(new URL(import.meta.url), { workerData: { url, end } })
  const exit = once(worker, 'exit')
  if (end === 'while busy') await once(worker, 'message')
  if (end === 'at any moment') await wait(Math.random() * 100)
  if (ENDS[end].includes(1)) worker.terminate()
  const [code] = await exit
  assert.ok(ENDS[end].includes(code), `${end}: exit code ${code}`)
}

async function main(): Promise<void> {
  const { url, socketPath, rounds, workers } = settings<WorkersSettings>()
  const client = await RespClient.connect(socketPath)
  const { redis, memory, callAll } = open(url, 'main')
  let calls = await callAll(100)
  // Those that the main thread's store has, or may still start.
  const mostThreads = threads() + POOL_SIZE

  const rss = []
  for (let round = 0; round < rounds; round++) {
    let busy = true
    const own = (async () => {
      for (; busy; await tick()) calls += await callAll(50)
    })()
    const ends = Object.keys(ENDS) as End[]
    const all = Array.from({ length: workers }, (_, n) =>
      startAndEnd(url, ends[(n + round) % ends.length] as End),
    )
    await Promise.all(all)
    busy = false
    await own

    // Those of the main thread stay, and all the others end with their workers.
    await until(async () => (await client.connections()) <= POOL_SIZE && threads() <= mostThreads)
    rss.push(await rssWithoutGarbage())
  }
  print({ calls, rss } satisfies WorkersSeen)
  client.close()
  redis.release()
  memory.release()
}

if (isMainThread) await main()
else await work(workerData.url, workerData.end)
