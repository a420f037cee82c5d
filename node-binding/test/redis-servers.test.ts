/** Redis that is more than one server: a cluster, and replicas that must have a write. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SessionConfigError } from '@rudderjs/session-native'
import { openRedisStore } from '@rudderjs/session-native/native'
import { says, startCluster, startNode } from './support/redis-cluster.js'

const GUARD = { timeout: 60_000 }
const NOW = Date.now()

const record = (id: string) => `{"id":"${id}","data":{},"flash_next":{}}`

test('sessions are spread over a cluster, of which one node is named', GUARD, async (t) => {
  const [one, other] = await startCluster(t)
  const node = `127.0.0.1:${one.port}`
  const { store, release } = openRedisStore({
    url: `redis://${node}`,
    cluster: [node],
    deadlineMs: 10_000,
  })
  t.after(release)
  const ids = Array.from({ length: 50 }, (_, n) => `id-${n}`)

  await Promise.all(ids.map((id) => store.save(record(id), 60, NOW)))

  const loaded = await Promise.all(ids.map((id) => store.load(id, NOW)))
  assert.deepEqual(loaded, ids.map(record))
  const kept = await Promise.all([one, other].map(({ client }) => client.call('DBSIZE')))
  assert.equal(Number(kept[0]) + Number(kept[1]), ids.length)
  assert.ok(Number(kept[0]) > 0 && Number(kept[1]) > 0, `${kept}`)
})

test('a write counts as done when a replica has it, and not before', GUARD, async (t) => {
  const master = await startNode(t)
  const open = (minReplicas: number) => {
    const url = `redis://127.0.0.1:${master.port}`
    const { store, release } = openRedisStore({ url, minReplicas, deadlineMs: 2000 })
    t.after(release)
    return store
  }

  await open(0).save(record('a'), 60, NOW)
  await assert.rejects(open(1).save(record('b'), 60, NOW), {
    code: 'ERR_SESSION_STORE_NOT_REPLICATED',
  })
  await startNode(t, '--replicaof', '127.0.0.1', String(master.port))
  await says(master, ['INFO', 'replication'], 'state=online')
  await open(1).save(record('b'), 60, NOW)
  assert.equal(await open(1).load('b', NOW), record('b'))
})

const wrong: [field: string, redis: Parameters<typeof openRedisStore>[0]][] = [
  ['redis.cluster', { url: 'redis://h', cluster: ['h/1'] }],
  ['redis.cluster', { url: 'redis://h', cluster: ['h'], sentinels: ['h'] }],
  ['redis.url', { url: 'redis://h/2', cluster: ['h'] }],
]
for (const [field, redis] of wrong) {
  test(`what no cluster can be is refused: ${JSON.stringify(redis)}`, () => {
    assert.throws(
      () => openRedisStore(redis),
      (error) => error instanceof SessionConfigError && error.field === field,
    )
  })
}
