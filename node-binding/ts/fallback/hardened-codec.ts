/**
 * Makes and reads cookie values of the hardened format, with the cryptography that Node has.
 *
 *   v2p.  base64url( payload                exp  kid  signature )
 *   v2i.  base64url( id                     exp  kid  signature )
 *   v2s.  base64url( sealed payload  nonce  exp  kid  seal      )
 *
 * The same bytes and verdicts as the addon's; `DESIGN.md` says what is where, and why. What a
 * client sent never throws.
 */

import {
  createHmac,
  createSecretKey,
  hkdfSync,
  type KeyObject,
  randomBytes,
  timingSafeEqual,
} from 'node:crypto'
import type { HardenedOptions, OutdatedValue } from '../../native.js'
import { findCookie } from '../cookie-header.js'
import { SessionPayloadError } from '../errors.js'
import { isHardenedId } from '../ids.js'
import { isIndexId } from '../users/names.js'
import { checkInstant, checkPayload, misuse } from './arguments.js'
import { bytesOf, checkSecret, FallbackCodec } from './codec.js'
import { isRecordId, readPayload } from './payload.js'
import { decrypt, encrypt } from './xchacha.js'

type Kind = 'id' | 'payload' | 'sealed'

type Decoded = string | OutdatedValue | null

/** What is derived from one secret. */
interface Key {
  kid: Buffer
  id: KeyObject
  payload: KeyObject
  /** As bytes: a key for each value is made of it. */
  sealed: Buffer
}

/** What `createHardenedCodec` makes in the addon. Its functions may be taken off the object. */
export class FallbackHardenedCodec {
  readonly #primary: Key
  readonly #keys: Key[]
  readonly #cookieName: string
  readonly #contexts: Record<Kind, Buffer>
  readonly #sealPaddedTo: number | undefined
  readonly #v1: FallbackCodec
  readonly #acceptV1UntilMs: number
  readonly #rejectLegacy: boolean

  constructor(options: HardenedOptions) {
    const { secrets, cookieName, sealPaddedTo, acceptV1UntilMs } = options
    const [primary, ...retired] = secrets.map(keyOf)
    if (primary === undefined) throw misuse('secret: secret must name at least one key')
    if (sealPaddedTo !== undefined && !(sealPaddedTo >= 1 && sealPaddedTo <= 4096)) {
      throw misuse('padTo: padding must be to a multiple of 1 to 4096 bytes')
    }
    this.#primary = primary
    this.#keys = [primary, ...retired]
    this.#cookieName = cookieName
    this.#contexts = {
      id: contextOf('id', cookieName),
      payload: contextOf('payload', cookieName),
      sealed: contextOf('sealed', cookieName),
    }
    this.#sealPaddedTo = sealPaddedTo
    this.#v1 = new FallbackCodec(secrets)
    this.#acceptV1UntilMs = acceptV1UntilMs ?? Number.NEGATIVE_INFINITY
    this.#rejectLegacy = options.rejectLegacy
  }

  readonly encode = (payloadJson: string, expiresAtMs: number): string => {
    const body = Buffer.from(checkPayload(payloadJson).text, 'utf8')
    const trailer = trailerOf(checkInstant(expiresAtMs), this.#primary)
    if (this.#sealPaddedTo === undefined) return this.#sign('payload', body, trailer)

    const paddedLength = Math.ceil((body.length + 1) / this.#sealPaddedTo) * this.#sealPaddedTo
    const padded = Buffer.alloc(paddedLength)
    body.copy(padded)
    padded[body.length] = PAD_START
    const nonce = randomBytes(NONCE_LENGTH)
    const associated = Buffer.concat([this.#contexts.sealed, trailer])
    const { bytes, seal } = encrypt(this.#primary.sealed, nonce, associated, padded)
    return TAGS.sealed + Buffer.concat([bytes, nonce, trailer, seal]).toString('base64url')
  }

  readonly decode = (cookieValue: string, nowMs: number): Decoded => {
    const now = checkInstant(nowMs)
    const kind = this.#sealPaddedTo === undefined ? 'payload' : 'sealed'
    if (!cookieValue.startsWith(TAGS[kind])) {
      if (!this.#acceptsV1(cookieValue, now)) return null
      const text = this.#v1.decode(cookieValue, now, this.#rejectLegacy)
      return text === null ? null : { text, isV1: true }
    }
    const opened = this.#open(kind, cookieValue, now)
    const payload = opened === null ? null : readPayload(opened.body.toString('utf8'))
    return payload === null ? null : this.#decoded(payload.text, opened)
  }

  readonly load = (cookieHeader: string, nowMs: number): Decoded | undefined => {
    const value = findCookie(cookieHeader, this.#cookieName)
    return value ? this.decode(value, nowMs) : undefined
  }

  readonly encodeId = (id: string, expiresAtMs: number): string => {
    const trailer = trailerOf(checkInstant(expiresAtMs), this.#primary)
    if (!isHardenedId(id)) throw new SessionPayloadError('session id is not one of 256 bits')
    return this.#sign('id', Buffer.from(id, 'base64url'), trailer)
  }

  readonly decodeId = (cookieValue: string, nowMs: number): Decoded => {
    const now = checkInstant(nowMs)
    if (!cookieValue.startsWith(TAGS.id)) {
      if (!this.#acceptsV1(cookieValue, now)) return null
      const text = this.#v1.verify(cookieValue)
      const isOurs = text !== null && isRecordId(text) && !isIndexId(text)
      return isOurs ? { text, isV1: true } : null
    }
    const opened = this.#open('id', cookieValue, now)
    if (opened?.body.length !== ID_LENGTH) return null
    return this.#decoded(opened.body.toString('base64url'), opened)
  }

  readonly loadId = (cookieHeader: string, nowMs: number): Decoded | undefined => {
    const value = findCookie(cookieHeader, this.#cookieName)
    return value ? this.decodeId(value, nowMs) : undefined
  }

  /** One that names another kind is that kind's, whatever else somebody has signed. */
  #acceptsV1(value: string, now: number): boolean {
    return now <= this.#acceptV1UntilMs && !TAGGED.test(value)
  }

  #decoded(text: string, opened: Opened | null): Decoded {
    return opened?.key === this.#primary ? text : { text, isV1: false }
  }

  #sign(kind: 'id' | 'payload', body: Buffer, trailer: Buffer): string {
    const signature = mac(this.#primary[kind], this.#contexts[kind], body, trailer)
    return TAGS[kind] + Buffer.concat([body, trailer, signature]).toString('base64url')
  }

  /** What a key made, and which; `null` if none did, or if it is over. */
  #open(kind: Kind, value: string, now: number): Opened | null {
    const bytes = bytesOf(value.slice(TAGS[kind].length))
    const proofLength = kind === 'sealed' ? SEAL_LENGTH : SIGNATURE_LENGTH
    const bodyLength = (bytes?.length ?? 0) - TRAILER_LENGTH - proofLength
    if (bytes === null || bodyLength < (kind === 'sealed' ? NONCE_LENGTH : 0)) return null
    const body = bytes.subarray(0, bodyLength)
    const trailer = bytes.subarray(bodyLength, bodyLength + TRAILER_LENGTH)
    const proof = bytes.subarray(bodyLength + TRAILER_LENGTH)
    for (const key of this.#keys) {
      if (!key.kid.equals(trailer.subarray(EXP_LENGTH))) continue
      const made = kind === 'sealed' ? this.#unseal : this.#verify
      const opened = made.call(this, key, kind as never, body, trailer, proof)
      if (opened === null) continue
      return now > Number(trailer.readBigUInt64BE()) ? null : { body: opened, key }
    }
    return null
  }

  #verify(
    key: Key,
    kind: 'id' | 'payload',
    body: Buffer,
    trailer: Buffer,
    proof: Buffer,
  ): Buffer | null {
    const signature = mac(key[kind], this.#contexts[kind], body, trailer)
    return timingSafeEqual(signature, proof) ? body : null
  }

  #unseal(key: Key, kind: 'sealed', body: Buffer, trailer: Buffer, seal: Buffer): Buffer | null {
    const nonce = body.subarray(-NONCE_LENGTH)
    const bytes = body.subarray(0, -NONCE_LENGTH)
    const associated = Buffer.concat([this.#contexts[kind], trailer])
    const padded = decrypt(key.sealed, nonce, associated, { bytes, seal })
    const end = padded?.findLastIndex((byte) => byte !== 0) ?? -1
    // One that a key made without a marker is no payload, and refused as such.
    if (padded === null) return null
    return padded[end] === PAD_START ? padded.subarray(0, end) : Buffer.alloc(0)
  }
}

interface Opened {
  body: Buffer
  key: Key
}

const TAGS = { id: 'v2i.', payload: 'v2p.', sealed: 'v2s.' } as const

const TAGGED = /^v2[pis]\./

const PURPOSES = { id: 'signed id', payload: 'signed payload', sealed: 'sealed payload' } as const

const ID_LENGTH = 32
const EXP_LENGTH = 8
const KID_LENGTH = 4
const TRAILER_LENGTH = EXP_LENGTH + KID_LENGTH
const SIGNATURE_LENGTH = 32
const SEAL_LENGTH = 16
const NONCE_LENGTH = 24

/** What the padding begins with; zeros follow. */
const PAD_START = 0x80

function mac(key: KeyObject, ...parts: Buffer[]): Buffer {
  const hmac = createHmac('sha256', key)
  for (const part of parts) hmac.update(part)
  return hmac.digest()
}

function trailerOf(expiresAtMs: number, key: Key): Buffer {
  const exp = Buffer.alloc(EXP_LENGTH)
  exp.writeBigUInt64BE(BigInt(Math.max(0, Math.ceil(expiresAtMs))))
  return Buffer.concat([exp, key.kid])
}

function contextOf(kind: Kind, cookieName: string): Buffer {
  const name = Buffer.from(cookieName, 'utf8')
  if (name.length === 0 || name.length > 0xffff) {
    throw misuse('cookie.name: cookie name must be one or more visible ASCII characters')
  }
  const length = TAGS[kind].length + 2 + name.length
  const context = Buffer.alloc(Math.ceil(length / HASH_BLOCK) * HASH_BLOCK)
  context.write(TAGS[kind], 'latin1')
  context.writeUInt16BE(name.length, TAGS[kind].length)
  name.copy(context, TAGS[kind].length + 2)
  return context
}

const HASH_BLOCK = 64

function keyOf(secret: string): Key {
  checkSecret(secret)
  const bytes = Buffer.from(secret, 'utf8')
  const derived = (purpose: string, length: number) =>
    Buffer.from(hkdfSync('sha256', bytes, 'rudder-session v2', purpose, length))
  const keyFor = (kind: 'id' | 'payload') => {
    const key = derived(PURPOSES[kind], 32)
    const object = createSecretKey(key)
    key.fill(0)
    return object
  }
  const key = {
    kid: derived('key id', KID_LENGTH),
    id: keyFor('id'),
    payload: keyFor('payload'),
    sealed: derived(PURPOSES.sealed, 32),
  }
  bytes.fill(0)
  return key
}
