/** What stores hold is given back when it is garbage, and calls leave nothing behind. */

import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { LeaksSeen, LeaksSettings } from './programs/leaks.js'
import type { StoreCallsSettings } from './programs/store-calls.js'
import type { StoreName } from './support/addon.js'
import { MIB } from './support/garbage.js'
import { run } from './support/program.js'
import { RedisServer } from './support/redis-server.js'

/** In all. More in the slow run: see package.json. */
const CALLS = Number(process.env.STORE_CALLS ?? 100_000)

/** Parts of them: a file takes much longer. */
const SHARES: Record<StoreName, number> = { memory: 0.4, file: 0.1, redis: 0.5 }

const ROUNDS = 100

/** Of the program, with time left to say so before the test runner loses patience. */
const PATIENCE_MS = 110_000

let server: RedisServer
let folder: string

before(async () => {
  server = await RedisServer.start()
  folder = await mkdtemp(join(tmpdir(), 'rudder-session-'))
})
after(async () => {
  await server.stop()
  await rm(folder, { recursive: true })
})

for (const kind of ['memory', 'file', 'redis'] as const) {
  const calls = CALLS * SHARES[kind]
  test(`${kind}: ${calls} calls leave nothing behind`, async () => {
    const path = join(folder, 'calls.redb')
    const settings: StoreCallsSettings = { kind, url: server.url, path, calls }

    const ended = await run<number>('store-calls', settings, PATIENCE_MS)

    assert.deepEqual([ended.code, ended.signal, ended.errors], [0, null, ''])
    const [grown] = ended.printed
    assert.ok(Number(grown) < 32 * MIB, `${grown} bytes`)
  })

  test(`${kind}: stores, promises and signals are collected, calls under way or not`, async () => {
    const { url, socketPath } = server
    const settings: LeaksSettings = { kind, url, socketPath, folder, rounds: ROUNDS }

    const ended = await run<LeaksSeen>('leaks', settings, PATIENCE_MS / 2)

    assert.deepEqual([ended.code, ended.signal, ended.errors], [0, null, ''])
    const [seen] = ended.printed
    assert.equal(seen?.calls, 7 * (ROUNDS + 1))
    assert.equal(seen?.settled, seen?.calls)
  })
}
