/** Redis that is more than one server: a cluster, and replicas that must have a write. */

import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { setImmediate as tick } from 'node:timers/promises'
import { SessionConfigError } from '@rudderjs/session-native'
import { openRedisStore } from '@rudderjs/session-native/native'
import { closedPort } from './support/misbehaving-server.js'
import { RedisServer, type RespClient } from './support/redis-server.js'

const GUARD = { timeout: 60_000 }
const NOW = Date.now()

const record = (id: string) => `{"id":"${id}","data":{},"flash_next":{}}`

interface Node {
  port: number
  client: RespClient
}

async function startNode(t: TestContext, ...settings: string[]): Promise<Node> {
  const port = await closedPort()
  const server = await RedisServer.start('--port', String(port), ...settings)
  const client = await server.client()
  t.after(async () => {
    client.close()
    await server.stop()
  })
  return { port, client }
}

/** Waits until a report of the server says so. */
async function says({ client }: Node, command: string[], expected: string): Promise<void> {
  while (!String(await client.call(...command)).includes(expected)) await tick()
}

/** Two nodes, which have half of the slots each. */
async function startCluster(t: TestContext): Promise<[Node, Node]> {
  const busPorts = [await closedPort(), await closedPort()].map(String) as [string, string]
  const start = (bus: string) => startNode(t, '--cluster-enabled', 'yes', '--cluster-port', bus)
  const [one, other] = [await start(busPorts[0]), await start(busPorts[1])]
  await one.client.call('CLUSTER', 'ADDSLOTSRANGE', '0', '8191')
  await other.client.call('CLUSTER', 'ADDSLOTSRANGE', '8192', '16383')
  await other.client.call('CLUSTER', 'SET-CONFIG-EPOCH', '2')
  await one.client.call('CLUSTER', 'MEET', '127.0.0.1', String(other.port), busPorts[1])
  for (const node of [one, other]) {
    await says(node, ['CLUSTER', 'INFO'], 'cluster_state:ok')
    await says(node, ['CLUSTER', 'INFO'], 'cluster_slots_assigned:16384')
  }
  return [one, other]
}

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
