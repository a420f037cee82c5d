/** Starts servers of Redis that belong together, for the tests that want more than one. */

import type { TestContext } from 'node:test'
import { setImmediate as tick } from 'node:timers/promises'
import { closedPort } from './misbehaving-server.js'
import { RedisServer, type RespClient } from './redis-server.js'

export interface RedisNode {
  port: number
  client: RespClient
}

/** A server that ends with the test. */
export async function startNode(t: TestContext, ...settings: string[]): Promise<RedisNode> {
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
export async function says(node: RedisNode, command: string[], expected: string): Promise<void> {
  while (!String(await node.client.call(...command)).includes(expected)) await tick()
}

/** Two nodes, which have half of the slots each. */
export async function startCluster(t: TestContext): Promise<[RedisNode, RedisNode]> {
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
