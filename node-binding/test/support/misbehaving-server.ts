/** Stands in for a Redis that is down, silent, or says what the test wants it to say. */

import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import type { TestContext } from 'node:test'

/**
 * A listening socket. `answer` gets each chunk that arrives; without it the server accepts
 * connections and never says a word.
 */
export async function listen(
  t: TestContext,
  answer: (socket: Socket, chunk: string) => void = () => {},
): Promise<{ port: number; connections: Socket[]; stop: () => void }> {
  const connections: Socket[] = []
  const server = createServer((socket) => {
    connections.push(socket)
    socket.on('error', () => {})
    socket.on('data', (chunk) => answer(socket, chunk.toString('latin1')))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const stop = () => {
    for (const socket of connections) socket.destroy()
    server.close()
  }
  t.after(stop)
  return { port, connections, stop }
}

/** A port on which nobody listens: it was free a moment ago. */
export async function closedPort(): Promise<number> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
