// Starts what the Redis rows talk to: a server of their own, and a proxy that makes it far away.

import { fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { createInterface } from 'node:readline'

/** A redis-server on a free port, that keeps nothing. */
export async function startRedis() {
  const port = await freePort()
  const settings = ['--port', `${port}`, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no']
  const child = spawn('redis-server', settings, { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(child, 'spawn')
  for await (const line of createInterface({ input: child.stdout })) {
    if (line.includes('eady to accept connections')) {
      child.stdout.resume()
      return { port, pid: child.pid, stop: () => stop(child) }
    }
  }
  throw new Error(`redis-server ended before it was ready, exit code ${child.exitCode}`)
}

/** A proxy in a process of its own, whose answers come `delayMs` later. */
export async function startDelayProxy(port, delayMs) {
  const child = fork(new URL('delay-proxy.mjs', import.meta.url), [`${port}`, `${delayMs}`])
  const [ownPort] = await once(child, 'message')
  return { port: ownPort, stop: () => stop(child) }
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address()
  server.close()
  await once(server, 'close')
  return port
}

async function stop(child) {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill('SIGKILL')
  await once(child, 'exit')
}
