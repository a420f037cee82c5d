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

import { resolveConfig, resolveRedis, type SessionConfig } from '../config.js'
import { RedisDriver as OwnDriver, type SessionDriver, textOf } from '../driver.js'
import { SessionPayloadError } from '../errors.js'
import { idMaker, storedId } from '../ids.js'
import { freshPayload, parsePayload, payloadText, type SessionPayload } from '../payload.js'
import { SessionCodec } from '../session-codec.js'
import { expiresAtMs } from '../time.js'

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
  readonly #codec: SessionCodec
  readonly #isV2: boolean
  #own: OwnDriver | null = null

  /** @throws {SessionConfigError} if the configuration is wrong. */
  constructor(config: SessionConfig) {
    this.#config = { ...config, driver: 'redis' }
    this.#prefix = resolveRedis(config.redis ?? {}).prefix
    const resolved = resolveConfig(this.#config, true)
    this.#codec = new SessionCodec(resolved)
    this.#isV2 = resolved.format === 'v2'
  }

  async load(cookieValue: string | undefined): Promise<SessionPayload> {
    if (!this.clientPromise) return this.#connected().load(cookieValue)
    // Verified first: a forged cookie must not cost a command.
    const id = cookieValue ? textOf(this.#codec.decodeId(cookieValue, Date.now())) : null
    if (id === null) return this.#fresh()
    const text = await (await this.clientPromise).get(this.#name(id))
    const payload = text === null ? null : parsePayload(text)
    // A record of another session is never served.
    return payload?.id === this.#stored(id) ? { ...payload, id } : this.#fresh()
  }

  async persist(payload: SessionPayload, ttlSeconds: number): Promise<string> {
    if (!this.clientPromise) return this.#connected().persist(payload, ttlSeconds)
    const nowMs = Date.now()
    const cookieValue = this.#codec.encodeId(payload.id, nowMs, expiresAtMs(nowMs, ttlSeconds))
    if (cookieValue === null) throw new SessionPayloadError('payload has an id that is not of v2')
    const client = await this.clientPromise
    const text = payloadText({ ...payload, id: this.#stored(payload.id) })
    await client.set(this.#name(payload.id), text, 'EX', Math.ceil(ttlSeconds))
    return cookieValue
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

  #fresh(): SessionPayload {
    return freshPayload(idMaker(this.#isV2 ? 'v2' : 'v1'))
  }

  /** What Redis knows an id by. */
  #stored(id: string): string {
    return this.#isV2 ? storedId(id) : id
  }

  #name(id: string): string {
    return this.#prefix + this.#stored(id)
  }
}
