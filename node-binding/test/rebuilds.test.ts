/** An engine that is dropped in a re-load answers its requests, and leaves nothing behind. */

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { RebuildsSeen, RebuildsSettings } from './programs/rebuilds.js'
import { MIB } from './support/garbage.js'
import { run } from './support/program.js'
import { RedisServer } from './support/redis-server.js'

const ROUNDS = 100

let server: RedisServer

before(async () => {
  server = await RedisServer.start()
})
after(() => server.stop())

test(`${ROUNDS} engines are dropped with requests under way`, async () => {
  const { url, socketPath } = server
  const settings: RebuildsSettings = { url, socketPath, rounds: ROUNDS }

  const ended = await run<RebuildsSeen>('rebuilds', settings, 60_000)

  assert.deepEqual([ended.code, ended.signal, ended.errors], [0, null, ''])
  const [seen] = ended.printed
  assert.equal(seen?.answered, 2 * 10 * ROUNDS)
  assert.equal(seen.answered, seen.requests)
  assert.ok(seen.mostConnections <= 2, `${seen.mostConnections} connections`)
  // Each store in memory holds half a MiB: 40 MiB in all if they stayed.
  assert.ok(seen.rssGrown < 24 * MIB, `${seen.rssGrown} bytes`)
})
