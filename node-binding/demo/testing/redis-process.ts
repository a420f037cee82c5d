/**
 * Runs a Redis for a test: on a unix socket in a folder of its own, without a file to its name.
 *
 * Needs `redis-server` on the PATH. Ends by its own process id.
 */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

export class RedisProcess {
  readonly #process: ChildProcess
  readonly #folder: string
  readonly url: string

  private constructor(process: ChildProcess, folder: string, socket: string) {
    this.#process = process
    this.#folder = folder
    this.url = `redis+unix://${socket}`
  }

  /** A server that is ready for commands. */
  static async start(): Promise<RedisProcess> {
    const folder = await mkdtemp(join(tmpdir(), 'rudder-demo-'))
    const socket = join(folder, 'redis.sock')
    const settings = ['--port', '0', '--unixsocket', socket, '--dir', folder, '--save', '']
    const server = spawn('redis-server', settings, { stdio: ['ignore', 'pipe', 'inherit'] })
    await once(server, 'spawn')
    for await (const line of createInterface({ input: server.stdout })) {
      if (!line.includes('eady to accept connections')) continue
      server.stdout.resume()
      return new RedisProcess(server, folder, socket)
    }
    throw new Error(`redis-server ended before it was ready, exit code ${server.exitCode}`)
  }

  /** From now on it takes what is sent and answers nothing. */
  fallSilent(): void {
    this.#process.kill('SIGSTOP')
  }

  speakAgain(): void {
    this.#process.kill('SIGCONT')
  }

  async end(): Promise<void> {
    if (this.#process.exitCode === null && this.#process.signalCode === null) {
      const exit = once(this.#process, 'exit')
      this.#process.kill('SIGKILL')
      await exit
    }
    await rm(this.#folder, { recursive: true, force: true })
  }
}
