/**
 * Loads and keeps payloads in Redis, one command for each call.
 *
 *   load      GET <prefix><id>, with the id that the cookie value signs
 *   persist   SET <prefix><id> {"id":..,"data":{..},"flash_next":{..}} EX <seconds>
 *   destroy   DEL <prefix><id>
 *
 * For those who drive it by hand, such as suites with a client of their own. The middleware has
 * a driver that saves onto what was loaded, which this one does not: the last write wins.
 */

import { type Codec, openCodec } from '../codec.js'
import { resolveConfig, resolveRedis, type SessionConfig } from '../config.js'
import { RedisDriver as OwnDriver, type SessionDriver } from '../driver.js'
import { freshPayload, parsePayload, payloadText, type SessionPayload } from '../payload.js'

/** As much of an ioredis client as is used. */
export interface RedisClient {
  get(key: string): Promise<string | null>
  set(key: string, value: string, mode: 'EX', seconds: number): Promise<unknown>
  del(key: string): Promise<unknown>
}

/** Sessions in Redis, by this package's connections or by a client that was put in. */
export class RedisDriver implements SessionDriver {
  /** Whoever sets this has that client used. */
  clientPromise: Promise<RedisClient> | null = null
  readonly #config: SessionConfig
  readonly #prefix: string
  readonly #codec: Codec
  #own: OwnDriver | null = null

  /** @throws {SessionConfigError} if the configuration is wrong. */
  constructor(config: SessionConfig) {
    this.#config = { ...config, driver: 'redis' }
    this.#prefix = resolveRedis(config.redis ?? {}).prefix
    this.#codec = openCodec(resolveConfig(this.#config, true).secrets)
  }

  async load(cookieValue: string | undefined): Promise<SessionPayload> {
    if (!this.clientPromise) return this.#connected().load(cookieValue)
    // Verified first: a forged cookie must not cost a command.
    const id = cookieValue ? this.#codec.verify(cookieValue) : null
    if (id === null) return freshPayload()
    const text = await (await this.clientPromise).get(this.#name(id))
    const payload = text === null ? null : parsePayload(text)
    // A record of another session is never served.
    return payload?.id === id ? payload : freshPayload()
  }

  async persist(payload: SessionPayload, ttlSeconds: number): Promise<string> {
    if (!this.clientPromise) return this.#connected().persist(payload, ttlSeconds)
    const client = await this.clientPromise
    await client.set(this.#name(payload.id), payloadText(payload), 'EX', Math.ceil(ttlSeconds))
    return this.#codec.sign(payload.id)
  }

  async destroy(id: string): Promise<void> {
    if (!this.clientPromise) return this.#connected().destroy(id)
    await (await this.clientPromise).del(this.#name(id))
  }

  /** Ends the connections, unless others share them. A client that was put in stays open. */
  close(): void {
    this.#own?.close()
    this.#own = null
  }

  #connected(): OwnDriver {
    this.#own ??= new OwnDriver(this.#config)
    return this.#own
  }

  #name(id: string): string {
    return this.#prefix + id
  }
}
