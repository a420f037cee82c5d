/**
 * Runs the demo as `make run` does: a process of its own, told by its environment.
 *
 * Ready means that it printed its URL. Ends by its own process id. A demo whose file is not named
 * gets one of its own, since one process at a time can have a file.
 */

import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'

export class DemoProcess {
  readonly #process: Child
  readonly url: string
  /** What it printed until it was ready. */
  readonly lines: readonly string[]

  private constructor(process: Child, url: string, lines: readonly string[]) {
    this.#process = process
    this.url = url
    this.lines = lines
  }

  /** A demo that listens on a port that the system chose. */
  static async start(env: Record<string, string> = {}): Promise<DemoProcess> {
    const child = run({ PORT: '0', ...env })
    // Unread, a pipe fills up and stops the writer.
    child.stderr.resume()
    const lines: string[] = []
    for await (const line of createInterface({ input: child.stdout })) {
      lines.push(line)
      // The last line that it prints at the start.
      if (!line.startsWith('Ctrl+C')) continue
      child.stdout.resume()
      return new DemoProcess(child, /http:\/\/\S+/.exec(lines.join('\n'))?.[0] ?? '', lines)
    }
    throw new Error(`the demo ended before it was ready, exit code ${child.exitCode}`)
  }

  get port(): number {
    return Number(new URL(this.url).port)
  }

  /** Asks it to end, and answers its exit code; `null` if the signal itself killed it. */
  async end(signal: 'SIGINT' | 'SIGKILL' | 'SIGTERM' = 'SIGTERM'): Promise<number | null> {
    if (this.#process.exitCode === null && this.#process.signalCode === null) {
      const exit = once(this.#process, 'exit')
      this.#process.kill(signal)
      await exit
    }
    return this.#process.exitCode
  }
}

/** Runs a demo that is expected to end at once, and answers what it left. */
export async function runToEnd(
  env: Record<string, string>,
): Promise<{ exitCode: number | null; stderr: string }> {
  const child = run(env)
  child.stdout.resume()
  const [stderr] = await Promise.all([text(child.stderr), once(child, 'exit')])
  return { exitCode: child.exitCode, stderr }
}

type Child = ChildProcessByStdio<null, Readable, Readable>

function run(env: Record<string, string>): Child {
  const { PATH = '' } = process.env
  const folder = mkdtempSync(join(tmpdir(), 'rudder-demo-'))
  const own = { SESSION_FILE: join(folder, 'sessions.redb') }
  const child = spawn(process.execPath, [MAIN], {
    env: { PATH, ...own, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  child.once('exit', () => rmSync(folder, { recursive: true }))
  return child
}

const MAIN = fileURLToPath(new URL('../main.js', import.meta.url))
