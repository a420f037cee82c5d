/**
 * Keeps records in Redis, as the addon and `@rudderjs/session` do.
 *
 *   save      SET <prefix><id> {"id":..,"data":{..},"flash_next":{..}} EX <seconds>
 *   create    the same, NX
 *   load      GET       touch   EXPIRE       destroy   DEL
 *   replace   a script that compares and sets; where none is allowed, WATCH GET MULTI SET EXEC
 *   remove    a script that compares and deletes; else the same with DEL
 *
 * One connection for all calls, and another one for transactions, since WATCH is the
 * connection's and not the call's.
 */

import { createHash } from 'node:crypto'
import type { ChainableCommander, Redis } from 'ioredis'
import type { RedisOptions } from '../../native.js'
import { SessionStoreError } from '../errors.js'
import { misuse } from './arguments.js'
import { Breaker } from './breaker.js'
import { type Payload, readEnvelope, recordId } from './payload.js'
import {
  type Found,
  type Incidents,
  invalidId,
  type RecordStore,
  storeError,
} from './record-store.js'
import { addressOf } from './redis-address.js'
import { isReply, RedisConnection } from './redis-connection.js'

export class RedisStore implements RecordStore {
  readonly #prefix: string
  readonly #shared: RedisConnection
  readonly #exclusive: RedisConnection
  readonly #breaker = new Breaker()
  /** Until the server refuses to run any. */
  #scripts = true
  /** The end of the last transaction: they take turns. */
  #lastTurn: Promise<unknown> = Promise.resolve()
  #foreign = 0
  #unreadable = 0

  /**
   * Connects when it is first used.
   *
   * @throws {SessionNativeError} if ioredis is not installed.
   */
  constructor(options: RedisOptions) {
    const { prefix, deadlineMs, poolSize } = options
    const address = addressOf(options)
    if (!(poolSize >= 1 && poolSize <= 1024)) {
      throw misuse('redis.poolSize: pool size must be 1 to 1024 connections')
    }
    if (!(deadlineMs >= 1 && deadlineMs <= MAX_DEADLINE_MS)) {
      throw misuse('redis.deadline: deadline must be longer than zero')
    }
    this.#prefix = prefix
    this.#shared = new RedisConnection(address, deadlineMs)
    this.#exclusive = new RedisConnection(address, deadlineMs)
  }

  async load(id: string): Promise<string | null> {
    const text = await this.#ask(true, (client) => client.call('GET', this.#prefix + id))
    if (typeof text !== 'string') return null
    const record = readEnvelope(text)
    if (record !== null && JSON.parse(record.payload.id) === id) {
      return record.isForwarding ? null : record.payload.text
    }
    if (record === null) this.#unreadable += 1
    else this.#foreign += 1
    return null
  }

  async create(payload: Payload, ttlSeconds: number): Promise<boolean> {
    const name = this.#nameOf(payload)
    const reply = await this.#ask(false, (client) =>
      client.call('SET', name, payload.text, 'EX', ttlSeconds, 'NX'),
    )
    return reply !== null
  }

  async save(payload: Payload, ttlSeconds: number): Promise<void> {
    const name = this.#nameOf(payload)
    await this.#ask(false, (client) => client.call('SET', name, payload.text, 'EX', ttlSeconds))
  }

  async touch(id: string, ttlSeconds: number): Promise<boolean> {
    return (
      (await this.#ask(true, (client) => client.call('EXPIRE', this.#prefix + id, ttlSeconds))) ===
      1
    )
  }

  async destroy(id: string): Promise<void> {
    await this.#ask(true, (client) => client.call('DEL', this.#prefix + id))
  }

  async replace(expected: string, payload: Payload, ttlSeconds: number): Promise<Found> {
    const { text } = payload
    return this.#compareAnd({
      repeatable: true,
      name: this.#nameOf(payload),
      expected,
      script: REPLACE,
      scriptArgs: [text, ttlSeconds],
      change: (transaction, name) => transaction.set(name, text, 'EX', ttlSeconds),
    })
  }

  async remove(id: string, expected: string): Promise<Found> {
    return this.#compareAnd({
      // A second one would find what the first one did.
      repeatable: false,
      name: this.#prefix + id,
      expected,
      script: REMOVE,
      scriptArgs: [],
      change: (transaction, name) => transaction.del(name),
    })
  }

  incidents(): Incidents {
    return {
      callsNotTried: this.#breaker.refusals,
      foreignRecords: this.#foreign,
      unreadableRecords: this.#unreadable,
    }
  }

  end(): void {
    this.#shared.end()
    this.#exclusive.end()
  }

  async #compareAnd(change: Change): Promise<Found> {
    if (this.#scripts) {
      const found = await this.#ask(change.repeatable, (client) => runScript(client, change))
      if (found !== 'no scripts') return found
      this.#scripts = false
    }
    const { repeatable } = change
    return this.#ask(
      repeatable,
      (client) => this.#inTurn(() => transact(client, change)),
      this.#exclusive,
    )
  }

  async #ask<T>(
    repeatable: boolean,
    act: (client: Redis) => Promise<T>,
    connection = this.#shared,
  ): Promise<T> {
    if (!this.#breaker.admits(performance.now())) {
      throw storeError('UNREACHABLE', 'store is out of reach', true)
    }
    try {
      const answer = await connection.run(repeatable, act)
      this.#breaker.reached()
      return answer
    } catch (error) {
      if (error instanceof SessionStoreError && WAY_FAULTS.has(error.code)) {
        this.#breaker.missed(performance.now())
      } else this.#breaker.reached()
      throw error
    }
  }

  #inTurn<T>(act: () => Promise<T>): Promise<T> {
    const turn = this.#lastTurn.then(act)
    this.#lastTurn = turn.catch(() => {})
    return turn
  }

  #nameOf(payload: Payload): string {
    const id = recordId(payload)
    if (id === null) throw invalidId()
    return this.#prefix + id
  }
}

/** A change to a record that is made if the record is `expected`. */
interface Change {
  repeatable: boolean
  name: string
  expected: string
  script: string
  scriptArgs: (string | number)[]
  change(transaction: ChainableCommander, name: string): ChainableCommander
}

async function runScript(client: Redis, change: Change): Promise<Found | 'no scripts'> {
  const { name, expected, script, scriptArgs } = change
  const args = [1, name, expected, ...scriptArgs]
  try {
    const reply = await client.callBuffer('EVALSHA', [sha1(script), ...args]).catch((error) => {
      if (!isReply(error, 'NOSCRIPT')) throw error
      return client.callBuffer('EVAL', [script, ...args])
    })
    return comparison(reply, expected)
  } catch (error) {
    if (isReply(error, 'NOPERM') || isReply(error, 'ERR')) return 'no scripts'
    throw error
  }
}

async function transact(client: Redis, { name, expected, change }: Change): Promise<Found> {
  for (;;) {
    await client.watch(name)
    const found = comparison(await client.getBuffer(name), expected)
    if (found !== 'expected') {
      await client.unwatch()
      return found
    }
    const results = await change(client.multi(), name).exec()
    // None: somebody was faster. Look again.
    if (results === null) continue
    const [error] = results[0] ?? []
    if (error) throw error
    return 'expected'
  }
}

/** What was there: a script answers 1 if that was expected and is changed, 0 if there was none. */
function comparison(reply: unknown, expected: string): Found {
  if (reply === null || reply === 0) return 'gone'
  if (reply === 1) return 'expected'
  if (!Buffer.isBuffer(reply)) return 'gone'
  // Bytes are compared: those that are no text are read as they are loaded, and equal no text.
  return reply.equals(Buffer.from(expected)) ? 'expected' : { changed: reply.toString('utf8') }
}

function sha1(script: string): string {
  return createHash('sha1').update(script).digest('hex')
}

const REPLACE =
  "local current = redis.call('GET', KEYS[1]) " +
  'if not current then return 0 end ' +
  'if current ~= ARGV[1] then return current end ' +
  "redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3]) " +
  'return 1'

const REMOVE =
  "local current = redis.call('GET', KEYS[1]) " +
  'if not current then return 0 end ' +
  'if current ~= ARGV[1] then return current end ' +
  "redis.call('DEL', KEYS[1]) " +
  'return 1'

/** What says that the server was not reached, or did not answer. */
const WAY_FAULTS = new Set(['ERR_SESSION_STORE_TIMEOUT', 'ERR_SESSION_STORE_UNREACHABLE'])

/** An hour: longer than any request waits. */
const MAX_DEADLINE_MS = 3_600_000
