/**
 * Makes calls on a connection of ioredis, each with a deadline, and leaves it after any doubt.
 *
 *   run(act)   connect if need be --> act(client) --> answer
 *                        |                |
 *                        +----------------+--> the deadline, or the connection is lost: it is
 *                                              never used again, the next call makes another one
 *
 * ioredis comes from the application: it is an optional peer dependency. An idle connection keeps
 * no process alive, and ends with whoever was dropped without `end`.
 */

import { createRequire } from 'node:module'
import type { Redis, RedisOptions } from 'ioredis'
import { SessionNativeError, type SessionStoreError } from '../errors.js'
import { storeError } from './record-store.js'

export class RedisConnection {
  readonly #open: () => Opened
  readonly #deadlineMs: number
  #opened: Opened | null = null

  /** @throws {SessionNativeError} if ioredis is not installed. */
  constructor(address: RedisOptions, deadlineMs: number) {
    const { Redis } = ioredis()
    const patience = { connectTimeout: deadlineMs, sentinelCommandTimeout: deadlineMs }
    const { db = 0, ...place } = address
    const options: Omit<RedisOptions, 'replyMapping'> = { ...place, ...MANNERS, ...patience }
    this.#open = () => open(new Redis(options), db)
    this.#deadlineMs = deadlineMs
  }

  /**
   * Answers what `act` does, or rejects within the deadline.
   *
   * @param repeatable Whether `act` may be done twice without harm, if the connection turns out
   *   to be dead.
   */
  run<T>(repeatable: boolean, act: (client: Redis) => Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const call = { repeatable, over: false }
      const giveUp = () => {
        if (call.over) return
        call.over = true
        this.end()
        reject(storeError('TIMEOUT', 'store did not answer within the deadline', true))
      }
      // After a pause of this process the answer may be there, and is looked at first.
      const timer = setTimeout(() => setImmediate(giveUp), this.#deadlineMs)
      this.#try(call, act)
        .then(resolve, reject)
        .finally(() => {
          call.over = true
          clearTimeout(timer)
        })
    })
  }

  /** Leaves the connection. Calls that wait for its answer lose it. */
  end(): void {
    if (this.#opened) cut(this.#opened.client)
    this.#opened = null
    DROPPED.unregister(this)
  }

  async #try<T>(call: Call, act: (client: Redis) => Promise<T>): Promise<T> {
    try {
      return await this.#once(act)
    } catch (error) {
      // What a replica refused was certainly not done, and another connection may lead to the
      // master by now.
      const again = (error === LOST && call.repeatable) || isReply(error, 'READONLY')
      if (!again || call.over) throw failure(error)
    }
    return this.#once(act).catch((error) => {
      throw failure(error)
    })
  }

  async #once<T>(act: (client: Redis) => Promise<T>): Promise<T> {
    // One that the server has closed meanwhile says so.
    if (this.#opened?.client.status === 'end') this.#opened = null
    const opened = this.#opened ?? this.#connect()
    let isReady = false
    try {
      await opened.ready
      isReady = true
      return await act(opened.client)
    } catch (error) {
      const inStep = isReady && isReply(error) && !isReply(error, 'READONLY')
      if (!inStep && this.#opened === opened) this.end()
      throw isReady && !isReply(error) ? LOST : error
    }
  }

  #connect(): Opened {
    this.#opened = this.#open()
    DROPPED.unregister(this)
    DROPPED.register(this, this.#opened.client, this)
    return this.#opened
  }
}

interface Call {
  readonly repeatable: boolean
  /** Nobody waits for it any more. */
  over: boolean
}

interface Opened {
  readonly client: Redis
  readonly ready: Promise<void>
}

function open(client: Redis, database: number): Opened {
  let reason: unknown
  client.on('error', (error) => {
    reason ??= error
    cut(client)
  })
  const ready = async () => {
    try {
      await client.connect()
      client.stream.unref()
      // Not left to ioredis, which goes on without it if the server refuses.
      if (database !== 0) await client.select(database)
      // A sentinel may be behind the times.
      if (client.options.sentinels && (await client.role())[0] !== 'master') reason = LOST
    } catch (error) {
      reason ??= error
    }
    if (reason === undefined) return
    cut(client)
    throw isReply(reason) ? reason : unreachable(reason)
  }
  return { client, ready: ready() }
}

/** At once. `disconnect` alone would give a server two seconds to say good-bye. */
function cut(client: Redis): void {
  if (client.stream) client.stream.destroy()
  else client.disconnect()
}

/** The module, which need not be there. */
function ioredis(): typeof import('ioredis') {
  try {
    return createRequire(import.meta.url)('ioredis')
  } catch (cause) {
    throw new SessionNativeError(
      '[Rudder][session] Without the native addon the redis driver needs the package "ioredis", ' +
        'which is not installed. Run "npm install ioredis", or install the native addon.',
      { cause },
    )
  }
}

/** Whether the server answered with an error, one whose first word is `word` if that is given. */
export function isReply(error: unknown, word?: string): error is Error {
  if (!(error instanceof Error) || error.name !== 'ReplyError') return false
  return word === undefined || firstWord(error) === word
}

function failure(error: unknown): unknown {
  if (error === LOST) {
    return storeError('UNREACHABLE', 'connection to the store was lost during the call', true)
  }
  if (!isReply(error)) return error
  // The rest is left out: it may quote what was sent.
  const code = firstWord(error)
  return storeError('SERVER', `store refused the command: ${code}`, PASSING.has(code))
}

function unreachable(reason: unknown): SessionStoreError {
  const code = (reason as { code?: unknown } | null)?.code
  if (typeof code === 'string' && TLS_FAULT.test(code)) {
    return storeError('INTERNAL', 'server of the store could not prove who it is')
  }
  return storeError('UNREACHABLE', 'store is out of reach', true)
}

function firstWord(error: Error): string {
  return error.message.split(' ', 1)[0] as string
}

/** Connections and their clients, which live as long as their sockets otherwise. */
const DROPPED = new FinalizationRegistry<Redis>(cut)

/** The connection ended in the middle of a call, or is no good. */
const LOST = Symbol('connection lost')

/** What a server answers for a while only. */
const PASSING = new Set(['BUSY', 'LOADING', 'MASTERDOWN', 'OOM', 'READONLY', 'TRYAGAIN'])

/** The codes of Node for a certificate that is not accepted, and for no TLS at all. */
const TLS_FAULT = /^(ERR_TLS|ERR_SSL|CERT_|DEPTH_ZERO|HOSTNAME_|SELF_SIGNED|UNABLE_TO)|^EPROTO$/

/** No life of its own: commands go once it is there, and what is lost is left. */
const MANNERS: RedisOptions = {
  autoResendUnfulfilledCommands: false,
  disableClientInfo: true,
  enableOfflineQueue: false,
  // INFO is more than a user of the store needs to be allowed.
  enableReadyCheck: false,
  lazyConnect: true,
  protocol: 2,
  retryStrategy: () => null,
  sentinelRetryStrategy: () => null,
}
