/** Worker threads that come and go with calls under way disturb nobody, and leave nothing. */

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { WorkersSeen, WorkersSettings } from './programs/workers.js'
import { MIB } from './support/garbage.js'
import { run } from './support/program.js'
import { RedisServer } from './support/redis-server.js'

/** In all. */
const WORKERS = 100
const ROUNDS = 10

let server: RedisServer

before(async () => {
  server = await RedisServer.start()
})
after(() => server.stop())

test(`${WORKERS} workers start and end under load, in every way`, async () => {
  const { url, socketPath } = server
  const settings: WorkersSettings = { url, socketPath, rounds: ROUNDS, workers: WORKERS / ROUNDS }

  const ended = await run<WorkersSeen>('workers', settings, 100_000)

  const [seen] = ended.printed
  assert.deepEqual([ended.code, ended.signal, ended.errors], [0, null, ''])
  assert.ok(seen && seen.calls > 1000, `${seen?.calls} calls of the main thread`)
  // Each worker has 2 MiB of its own: 140 MiB in all if they stayed.
  const grown = (seen.rss.at(-1) ?? 0) - (seen.rss[2] ?? 0)
  assert.ok(grown < 40 * MIB, `${grown} bytes more, round by round: ${seen.rss}`)
})
