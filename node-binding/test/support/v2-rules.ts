/**
 * The rules of the hardened format, by DESIGN.md alone and with what node:crypto has.
 *
 *   read(rules, value, nowMs) --> what it says and who made it, or null if it is refused
 *
 * Shares no code with the package or the addon: not the HKDF, the layout, the order of the steps
 * nor XChaCha20, which is put together of OpenSSL's ChaCha20 here.
 */

import { createCipheriv, createDecipheriv, createHmac, timingSafeEqual } from 'node:crypto'

export type Tag = 'v2p.' | 'v2i.' | 'v2s.'

export interface Rules {
  /** The first one signs. */
  secrets: string[]
  cookieName: string
  tag: Tag
  acceptV1UntilMs: number
  rejectLegacy: boolean
}

/** The payload as JSON.parse and JSON.stringify leave it, or an id; and who made it. */
export interface Verdict {
  text: string
  origin: 'primary' | 'retired' | 'v1'
}

const PURPOSES: Record<Tag, string> = {
  'v2p.': 'signed payload',
  'v2i.': 'signed id',
  'v2s.': 'sealed payload',
}

export function read(rules: Rules, value: string, nowMs: number): Verdict | null {
  const tag = value.slice(0, 4)
  if (tag === rules.tag) return readTagged(rules, value.slice(4), nowMs)
  if (tag in PURPOSES || nowMs > rules.acceptV1UntilMs) return null
  return readV1(rules, value, nowMs)
}

function readTagged({ secrets, cookieName, tag }: Rules, code: string, nowMs: number) {
  const bytes = canonical(code)
  if (bytes === null) return null
  const proofBytes = tag === 'v2s.' ? 16 : 32
  const end = bytes.subarray(-proofBytes - 12, bytes.length - proofBytes)
  const proof = bytes.subarray(-proofBytes)
  if (end.length < 12) return null
  for (const [place, secret] of secrets.entries()) {
    if (!end.subarray(8).equals(derived(secret, 'key id', 4))) continue
    const body = bytes.subarray(0, bytes.length - proofBytes - 12)
    const key = derived(secret, PURPOSES[tag], 32)
    const context = contextOf(tag, cookieName)
    const plain = tag === 'v2s.' ? opened(key, context, body, end, proof) : body
    if (plain === null) continue
    if (tag !== 'v2s.' && !hmac(key, Buffer.concat([context, body, end])).equals(proof)) continue
    if (BigInt(nowMs) > end.readBigUInt64BE(0)) return null
    if (tag === 'v2i.' && body.length !== 32) return null
    const text = tag === 'v2i.' ? plain.toString('base64url') : payloadOf(parsed(plain))
    return text === null ? null : verdict(text, place === 0 ? 'primary' : 'retired')
  }
  return null
}

/** The format of before: `value.signature`, signed with the secret itself. */
function readV1({ secrets, tag, rejectLegacy }: Rules, value: string, nowMs: number) {
  const dot = value.lastIndexOf('.')
  const [text, signature] = [value.slice(0, Math.max(dot, 0)), canonical(value.slice(dot + 1))]
  if (dot < 0 || signature?.length !== 32) return null
  if (!secrets.some((secret) => timingSafeEqual(hmac(secret, text), signature))) return null
  if (tag === 'v2i.') {
    const isId = /^[A-Za-z0-9_-]{1,128}$/.test(text)
    const isIndex = text[0] === 'u' && canonical(text.slice(1))?.length === 32
    return isId && !isIndex ? verdict(text, 'v1') : null
  }
  const bytes = canonical(text)
  const envelope = bytes === null ? null : parsed(bytes)
  const payload = payloadOf(envelope)
  if (payload === null) return null
  const { exp } = envelope as { exp?: unknown }
  if (typeof exp === 'number' ? nowMs > exp : rejectLegacy) return null
  return verdict(payload, 'v1')
}

function verdict(text: string, origin: Verdict['origin']): Verdict {
  return { text, origin }
}

function parsed(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'))
  } catch {
    return null
  }
}

function payloadOf(record: unknown): string | null {
  if (typeof record !== 'object' || record === null) return null
  const { id, data, flash_next } = record as Record<string, unknown>
  if (typeof id !== 'string') return null
  return JSON.stringify({ id, data: spread(data), flash_next: spread(flash_next) })
}

function spread(value: unknown): object {
  return { ...((value ?? {}) as object) }
}

/** A signed value of any bytes, for whoever has the secret. */
export function signed(rules: Rules, body: Buffer, expMs: bigint, as = rules.tag): Buffer {
  const [secret = ''] = rules.secrets
  const rest = Buffer.concat([body, trailer(secret, expMs)])
  const key = derived(secret, PURPOSES[as], 32)
  return Buffer.concat([rest, hmac(key, Buffer.concat([contextOf(as, rules.cookieName), rest]))])
}

/** A sealed value of any bytes, which need not be padded as they should. */
export function sealed(rules: Rules, padded: Buffer, expMs: bigint, nonce: Buffer): Buffer {
  const [secret = ''] = rules.secrets
  const end = trailer(secret, expMs)
  const key = derived(secret, PURPOSES['v2s.'], 32)
  const cipher = createCipheriv('chacha20-poly1305', ...subkey(key, nonce), { authTagLength: 16 })
  cipher.setAAD(Buffer.concat([contextOf('v2s.', rules.cookieName), end]), {
    plaintextLength: padded.length,
  })
  const text = Buffer.concat([cipher.update(padded), cipher.final()])
  return Buffer.concat([text, nonce, end, cipher.getAuthTag()])
}

function opened(key: Buffer, context: Buffer, body: Buffer, end: Buffer, proof: Buffer) {
  if (body.length < 24) return null
  const [text, nonce] = [body.subarray(0, -24), body.subarray(-24)]
  const cipher = createDecipheriv('chacha20-poly1305', ...subkey(key, nonce), { authTagLength: 16 })
  cipher.setAAD(Buffer.concat([context, end]), { plaintextLength: text.length })
  cipher.setAuthTag(proof)
  try {
    const padded = Buffer.concat([cipher.update(text), cipher.final()])
    const last = padded.findLastIndex((byte) => byte !== 0)
    // Without the marker it is authentic, and no payload: JSON.parse will say so.
    return padded[last] === 0x80 ? padded.subarray(0, last) : Buffer.alloc(0)
  } catch {
    return null
  }
}

/**
 * What XChaCha20 gives ChaCha20: the key HChaCha20(key, first 16 bytes), and the rest as nonce.
 * HChaCha20 is a block of ChaCha20 from which the words that went in are taken away again.
 */
function subkey(key: Buffer, nonce: Buffer): [key: Buffer, nonce: Buffer] {
  const block = createCipheriv('chacha20', key, nonce.subarray(0, 16)).update(Buffer.alloc(64))
  const subkey = Buffer.alloc(32)
  const constants = Buffer.from('expand 32-byte k')
  for (let at = 0; at < 16; at += 4) {
    subkey.writeUInt32LE((block.readUInt32LE(at) - constants.readUInt32LE(at)) >>> 0, at)
    subkey.writeUInt32LE((block.readUInt32LE(48 + at) - nonce.readUInt32LE(at)) >>> 0, 16 + at)
  }
  return [subkey, Buffer.concat([Buffer.alloc(4), nonce.subarray(16)])]
}

/** HKDF-SHA256 of at most one block. */
function derived(secret: string, purpose: string, length: number): Buffer {
  const prk = hmac('rudder-session v2', secret)
  return hmac(prk, Buffer.concat([Buffer.from(purpose), Buffer.of(1)])).subarray(0, length)
}

function trailer(secret: string, expMs: bigint): Buffer {
  const exp = Buffer.alloc(8)
  exp.writeBigUInt64BE(expMs)
  return Buffer.concat([exp, derived(secret, 'key id', 4)])
}

function contextOf(tag: Tag, cookieName: string): Buffer {
  const name = Buffer.from(cookieName)
  const text = Buffer.concat([
    Buffer.from(tag),
    Buffer.of(name.length >> 8, name.length & 255),
    name,
  ])
  return Buffer.concat([text, Buffer.alloc((64 - (text.length % 64)) % 64)])
}

function canonical(code: string): Buffer | null {
  const bytes = Buffer.from(code, 'base64url')
  return bytes.toString('base64url') === code ? bytes : null
}

function hmac(key: string | Buffer, message: string | Buffer): Buffer {
  return createHmac('sha256', key).update(message).digest()
}
