/**
 * Starts a real Redis for a test file, and looks at it with a client of its own.
 *
 *   RedisServer   the process, on a unix socket in a folder of its own
 *   RespClient    one connection: commands and replies, no library in between
 *   Monitor       the commands that arrived, in order
 */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

export class RedisServer {
  readonly #folder: string
  readonly socketPath: string
  readonly url: string
  #process: ChildProcess

  private constructor(folder: string, socketPath: string, process: ChildProcess) {
    this.#folder = folder
    this.socketPath = socketPath
    this.url = `redis+unix://${socketPath}`
    this.#process = process
  }

  /**
   * A server that is ready for commands. Needs `redis-server` on the PATH.
   *
   * @param settings More of them, as on its command line.
   */
  static async start(...settings: string[]): Promise<RedisServer> {
    const folder = await mkdtemp(join(tmpdir(), 'rudder-session-'))
    const socketPath = join(folder, 'redis.sock')
    return new RedisServer(folder, socketPath, await launch(folder, socketPath, settings))
  }

  /** It takes what is sent, and does not answer. */
  freeze(): void {
    this.#process.kill('SIGSTOP')
  }

  /** It is gone, as after a crash. */
  async kill(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return
    this.#process.kill('SIGKILL')
    await once(this.#process, 'exit')
  }

  /** After `kill`: it is back at the same place, and empty. */
  async startAgain(): Promise<void> {
    this.#process = await launch(this.#folder, this.socketPath)
  }

  client(): Promise<RespClient> {
    return RespClient.connect(this.socketPath)
  }

  async stop(): Promise<void> {
    await this.kill()
    await rm(this.#folder, { recursive: true, force: true })
  }
}

async function launch(
  folder: string,
  socketPath: string,
  more: string[] = [],
): Promise<ChildProcess> {
  const place = ['--port', '0', '--unixsocket', socketPath, '--dir', folder]
  const settings = [...place, '--save', '', '--appendonly', 'no', ...more]
  const server = spawn('redis-server', settings, {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await once(server, 'spawn')
  for await (const line of createInterface({ input: server.stdout })) {
    if (line.includes('eady to accept connections')) {
      server.stdout.resume()
      return server
    }
  }
  throw new Error(`redis-server ended before it was ready, exit code ${server.exitCode}`)
}

export type Reply = string | number | null | Error | Reply[]

export class RespClient {
  readonly #socket: Socket
  readonly #waiting: ((reply: Reply) => void)[] = []
  #received = Buffer.alloc(0)
  onReply: ((reply: Reply) => void) | null = null

  protected constructor(socket: Socket) {
    this.#socket = socket
    socket.on('data', (chunk) => this.#read(chunk))
  }

  static async connect(path: string): Promise<RespClient> {
    const socket = connect(path)
    await once(socket, 'connect')
    return new RespClient(socket)
  }

  /** Sends one command, and answers its reply; an error reply rejects. */
  async call(...command: string[]): Promise<Reply> {
    const reply = new Promise<Reply>((resolve) => this.#waiting.push(resolve))
    const args = command.map((arg) => `$${Buffer.byteLength(arg)}\r\n${arg}\r\n`)
    this.#socket.write(`*${command.length}\r\n${args.join('')}`)
    const answer = await reply
    if (answer instanceof Error) throw answer
    return answer
  }

  /** Connections that the server has, this one left out. */
  async connections(): Promise<number> {
    const info = String(await this.call('INFO', 'clients'))
    return Number(/connected_clients:(\d+)/.exec(info)?.[1]) - 1
  }

  close(): void {
    this.#socket.destroy()
  }

  #read(chunk: Buffer): void {
    this.#received = Buffer.concat([this.#received, chunk])
    for (;;) {
      const parsed = parse(this.#received, 0)
      if (parsed === null) return
      this.#received = this.#received.subarray(parsed.end)
      const waiting = this.#waiting.shift()
      if (waiting) waiting(parsed.reply)
      else this.onReply?.(parsed.reply)
    }
  }
}

function parse(bytes: Buffer, start: number): { reply: Reply; end: number } | null {
  const eol = bytes.indexOf('\r\n', start)
  if (eol === -1) return null
  const line = bytes.toString('utf8', start + 1, eol)
  let end = eol + 2
  switch (String.fromCharCode(bytes[start] ?? 0)) {
    case '+':
      return { reply: line, end }
    case '-':
      return { reply: new Error(line), end }
    case ':':
      return { reply: Number(line), end }
    case '$': {
      const length = Number(line)
      if (length === -1) return { reply: null, end }
      if (bytes.length < end + length + 2) return null
      return { reply: bytes.toString('utf8', end, end + length), end: end + length + 2 }
    }
    default: {
      const replies: Reply[] = []
      for (let left = Number(line); left > 0; left--) {
        const element = parse(bytes, end)
        if (element === null) return null
        replies.push(element.reply)
        end = element.end
      }
      return { reply: replies, end }
    }
  }
}

/** Records every command that a server gets from now on. */
export class Monitor {
  readonly #watcher: RespClient
  readonly #marker: RespClient
  readonly #seen: string[][] = []
  #marks = 0
  #wake = () => {}

  private constructor(watcher: RespClient, marker: RespClient) {
    this.#watcher = watcher
    this.#marker = marker
    watcher.onReply = (reply) => {
      this.#seen.push(commandOf(String(reply)))
      this.#wake()
    }
  }

  static async start(server: RedisServer): Promise<Monitor> {
    const monitor = new Monitor(await server.client(), await server.client())
    await monitor.#watcher.call('MONITOR')
    return monitor
  }

  /** The commands since the last call, those that set up a connection left out. */
  async commands(): Promise<string[][]> {
    // Whatever was answered before this ECHO also shows up before it.
    const mark = `mark-${++this.#marks}`
    await this.#marker.call('ECHO', mark)
    const isMark = (command: string[]) => command[0] === 'ECHO' && command[1] === mark
    while (!this.#seen.some(isMark)) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    const commands = this.#seen.splice(0).slice(0, -1)
    return commands.filter(([name]) => !HANDSHAKE.has(name?.toUpperCase() ?? ''))
  }

  close(): void {
    this.#watcher.close()
    this.#marker.close()
  }
}

const HANDSHAKE = new Set(['AUTH', 'CLIENT', 'HELLO', 'PING', 'SELECT'])

/** `1700000000.1 [0 unix:/tmp/s] "SET" "k" "\xc3\xa9"` is how a command looks to MONITOR. */
function commandOf(line: string): string[] {
  const args = line.slice(line.indexOf('] ') + 2)
  return [...args.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(([, quoted = '']) => unquote(quoted))
}

function unquote(text: string): string {
  const escapes: Record<string, string> = { n: '\n', r: '\r', t: '\t', a: '\x07', b: '\b' }
  const latin1 = text.replace(/\\(?:x([0-9a-f]{2})|(.))/g, (_, hex, char) =>
    hex ? String.fromCharCode(Number.parseInt(hex, 16)) : (escapes[char] ?? char),
  )
  return Buffer.from(latin1, 'latin1').toString('utf8')
}
