/**
 * Makes and reads the cookie values of one engine, in whichever format, with the keys of now.
 *
 *   keys --format--> SessionCodec      new ones after reload(), and when a key comes to its end
 *
 * A driver asks this, and knows no format.
 */

import { translated } from './codec.js'
import type { ResolvedConfig } from './config.js'
import { isHardenedId } from './ids.js'
import { readKeys, type SessionKey, warnOfWeakKeys } from './keys.js'
import { native } from './native.js'

/** A cookie value that was accepted, and has to be made anew. */
export interface Outdated {
  text: string
  /** Whether it is of v1, and has to get a new id, too. */
  isV1: boolean
}

/** What a cookie value stands for: `null` if it is refused. */
export type Decoded = string | Outdated | null

/** The functions of one format. Times are Unix milliseconds. */
interface FormatCodec {
  encode(payloadJson: string, expiresAtMs: number): string
  decode(cookieValue: string, nowMs: number): Decoded
  /** Of the cookie in a whole `Cookie` header; `undefined` without one. */
  load(cookieHeader: string, nowMs: number): Decoded | undefined
  encodeId(id: string, expiresAtMs: number): string
  decodeId(cookieValue: string, nowMs: number): Decoded
  loadId(cookieHeader: string, nowMs: number): Decoded | undefined
}

/** The codec of an engine. */
export class SessionCodec {
  readonly #config: ResolvedConfig
  #keys: SessionKey[]
  #codec: FormatCodec
  /** When one of the keys comes to its end: infinite as a rule. */
  #endsMs: number

  /** @throws {SessionConfigError} for secrets that no key ring takes. */
  constructor(config: ResolvedConfig) {
    this.#config = config
    this.#keys = config.keys
    this.#codec = open(config, this.#keys)
    this.#endsMs = firstEnd(this.#keys)
    warnOfWeakKeys(this.#keys)
  }

  /**
   * Reads the secrets anew from their files and variables. If one of them is wrong, the keys stay
   * what they are.
   *
   * @throws {SessionConfigError}
   */
  reload(): void {
    this.#use(readKeys(this.#config.secret))
  }

  encode(payloadJson: string, nowMs: number, expiresAtMs: number): string {
    const codec = this.#at(nowMs)
    return translated(() => codec.encode(payloadJson, expiresAtMs))
  }

  decode(cookieValue: string, nowMs: number): Decoded {
    return this.#at(nowMs).decode(cookieValue, nowMs)
  }

  load(cookieHeader: string, nowMs: number): Decoded | undefined {
    return this.#at(nowMs).load(cookieHeader, nowMs)
  }

  /** `null` for an id that cannot be in a cookie of the format, as one of v1 in v2. */
  encodeId(id: string, nowMs: number, expiresAtMs: number): string | null {
    if (this.#config.format === 'v2' && !isHardenedId(id)) return null
    return this.#at(nowMs).encodeId(id, expiresAtMs)
  }

  decodeId(cookieValue: string, nowMs: number): Decoded {
    return this.#at(nowMs).decodeId(cookieValue, nowMs)
  }

  loadId(cookieHeader: string, nowMs: number): Decoded | undefined {
    return this.#at(nowMs).loadId(cookieHeader, nowMs)
  }

  #at(nowMs: number): FormatCodec {
    if (nowMs > this.#endsMs) this.#use(this.#keys.filter(({ untilMs }) => nowMs <= untilMs))
    return this.#codec
  }

  #use(keys: SessionKey[]): void {
    const alive = keys.filter(({ untilMs }) => Date.now() <= untilMs)
    this.#codec = open(this.#config, alive)
    this.#keys = alive
    this.#endsMs = firstEnd(alive)
    warnOfWeakKeys(alive)
  }
}

function firstEnd(keys: SessionKey[]): number {
  return Math.min(...keys.map(({ untilMs }) => untilMs))
}

function open(config: ResolvedConfig, keys: SessionKey[]): FormatCodec {
  const secrets = keys.map(({ secret }) => secret)
  return translated(() => (config.format === 'v2' ? v2(config, secrets) : v1(config, secrets)))
}

function v1({ cookie: { name }, rejectLegacyCookies }: ResolvedConfig, secrets: string[]) {
  const { sign, verify, encode, decode, load, loadId } = native().createCodec(secrets)
  const codec: FormatCodec = {
    encode,
    decode: (value, nowMs) => decode(value, nowMs, rejectLegacyCookies),
    load: (header, nowMs) => load(header, name, nowMs, rejectLegacyCookies),
    encodeId: (id) => sign(id),
    decodeId: (value) => verify(value),
    loadId: (header) => loadId(header, name),
  }
  return codec
}

function v2(config: ResolvedConfig, secrets: string[]): FormatCodec {
  const { cookie, sealPaddedTo, acceptV1UntilMs, rejectLegacyCookies } = config
  return native().createHardenedCodec({
    secrets,
    cookieName: cookie.name,
    rejectLegacy: rejectLegacyCookies,
    ...(sealPaddedTo === null ? {} : { sealPaddedTo }),
    ...(acceptV1UntilMs === null ? {} : { acceptV1UntilMs }),
  })
}
