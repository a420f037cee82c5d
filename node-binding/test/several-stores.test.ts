/** Several stores in one process, and in each of its threads, at the same time. */

import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { SeveralStoresSettings } from './programs/several-stores.js'
import { run } from './support/program.js'
import { RedisServer } from './support/redis-server.js'

test('stores of five kinds in five threads never mix', async (t) => {
  const [one, other] = await Promise.all([RedisServer.start(), RedisServer.start()])
  const folder = await mkdtemp(join(tmpdir(), 'rudder-session-'))
  t.after(async () => {
    await Promise.all([one.stop(), other.stop(), rm(folder, { recursive: true })])
  })
  const settings: SeveralStoresSettings = { urls: [one.url, other.url], folder, workers: 4 }

  const ended = await run<number[]>('several-stores', settings, 60_000)

  assert.deepEqual([ended.code, ended.signal, ended.errors], [0, null, ''])
  // With five stores, and then with four, and so on.
  const calls = (5 + 4 + 3 + 2 + 1) * 50 * 5 * 2
  assert.deepEqual(ended.printed, [Array(5).fill(calls)])
})
