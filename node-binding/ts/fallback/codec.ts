/**
 * Signs and verifies, encodes and decodes, with the hash function that Node has.
 *
 *   text     --sign-->     text "." base64url(HMAC-SHA256(text))
 *   payload  --encode-->   sign(base64url({"id":..,"data":..,"flash_next":..,"exp":..}))
 *
 * For payloads of three fields byte for byte what the addon makes, and the same verdict on what a
 * client sends: a signature and a payload have one spelling. Other than the addon it parses what it
 * encodes and decodes, so it refuses here what the addon leaves to whoever reads the text. What a
 * client sent never throws.
 */

import { createHmac, createSecretKey, type KeyObject, timingSafeEqual } from 'node:crypto'
import { findCookie } from '../cookie-header.js'
import { PLACEHOLDER_SECRET } from '../secret.js'
import { checkInstant, checkPayload, misuse } from './arguments.js'
import { readEnvelope } from './payload.js'

/** What `createCodec` makes in the addon. Its functions may be taken off the object. */
export class FallbackCodec {
  readonly #keys: [primary: KeyObject, ...retired: KeyObject[]]

  /** @param secrets The first one signs, all of them verify. */
  constructor(secrets: string[]) {
    const [primary, ...retired] = secrets.map(keyOf)
    if (primary === undefined) throw misuse('secret: secret must name at least one key')
    this.#keys = [primary, ...retired]
  }

  /** Signs any text. */
  readonly sign = (value: string): string => {
    const text = value.toWellFormed()
    return `${text}.${mac(this.#keys[0], text).toString('base64url')}`
  }

  /** The text that was signed, or `null` if no key of ours signed it. */
  readonly verify = (signed: string): string | null => {
    const text = signed.toWellFormed()
    const dot = text.length - SIGNATURE_LENGTH - 1
    if (text[dot] !== '.') return null
    const signature = bytesOf(text.slice(dot + 1))
    if (signature === null) return null
    const value = text.slice(0, dot)
    return this.#keys.some((key) => timingSafeEqual(mac(key, value), signature)) ? value : null
  }

  /** The cookie value of a payload that lives in the cookie itself. */
  readonly encode = (payloadJson: string, expiresAtMs: number): string => {
    const { text } = checkPayload(payloadJson)
    const envelope = `${text.slice(0, -1)},"exp":${checkInstant(expiresAtMs)}}`
    return this.sign(Buffer.from(envelope, 'utf8').toString('base64url'))
  }

  /** The payload in such a cookie value as JSON text, or `null` if the value is refused. */
  readonly decode = (cookieValue: string, nowMs: number, rejectLegacy: boolean): string | null => {
    const now = checkInstant(nowMs)
    // Nothing else of the value is looked at before.
    const value = this.verify(cookieValue)
    const bytes = value === null ? null : bytesOf(value)
    const envelope = bytes === null ? null : readEnvelope(bytes.toString('utf8'))
    if (envelope === null) return null
    const { payload, exp } = envelope
    const refused = exp === undefined ? rejectLegacy : now > exp
    return refused ? null : payload.text
  }

  /** `decode` of the cookie called `name` in a whole `Cookie` header; `undefined` without one. */
  readonly load = (
    cookieHeader: string,
    name: string,
    nowMs: number,
    rejectLegacy: boolean,
  ): string | null | undefined => {
    const value = findCookie(cookieHeader, name)
    return value ? this.decode(value, nowMs, rejectLegacy) : undefined
  }

  /** `verify` of the cookie called `name` in a whole `Cookie` header; `undefined` without one. */
  readonly loadId = (cookieHeader: string, name: string): string | null | undefined => {
    const value = findCookie(cookieHeader, name)
    return value ? this.verify(value) : undefined
  }
}

/** Characters for 32 bytes. */
const SIGNATURE_LENGTH = 43

function mac(key: KeyObject, text: string): Buffer {
  return createHmac('sha256', key).update(text, 'utf8').digest()
}

/** The bytes that `text` spells in base64url, in the one spelling that there is; else `null`. */
export function bytesOf(text: string): Buffer | null {
  // Node reads padding, other alphabets and stray bits too, but never writes them.
  const bytes = Buffer.from(text, 'base64url')
  return bytes.toString('base64url') === text ? bytes : null
}

function keyOf(secret: string): KeyObject {
  checkSecret(secret)
  const bytes = Buffer.from(secret, 'utf8')
  const key = createSecretKey(bytes)
  // That is a copy. The string itself JavaScript cannot wipe.
  bytes.fill(0)
  return key
}

/** @throws an error with the code `ERR_SESSION_CONFIG` for what the addon refuses, too. */
export function checkSecret(secret: string): void {
  if (secret === '') throw misuse('secret: secret must not be empty')
  if (secret === PLACEHOLDER_SECRET) {
    throw misuse('secret: secret is the public placeholder; set one of your own')
  }
}
