/**
 * Encrypts and decrypts by XChaCha20-Poly1305, with the ChaCha20-Poly1305 that Node has.
 *
 *   subkey = HChaCha20(key, nonce 0..16)      the one part that Node lacks
 *   ChaCha20-Poly1305(subkey, 0000 nonce 16..24)
 *
 * Of draft-irtf-cfrg-xchacha and RFC 8439. Knows no cookie.
 */

import { createCipheriv, createDecipheriv } from 'node:crypto'

/** What was encrypted, and the seal over it. */
export interface Sealed {
  bytes: Buffer
  seal: Buffer
}

export function encrypt(key: Buffer, nonce: Buffer, associated: Buffer, text: Buffer): Sealed {
  const subkey = hchacha20(key, nonce)
  const cipher = createCipheriv(CIPHER, subkey, shortNonce(nonce), TAG)
  subkey.fill(0)
  cipher.setAAD(associated, { plaintextLength: text.length })
  const bytes = Buffer.concat([cipher.update(text), cipher.final()])
  return { bytes, seal: cipher.getAuthTag() }
}

/** The text, or `null` if the seal is not this key's. */
export function decrypt(
  key: Buffer,
  nonce: Buffer,
  associated: Buffer,
  { bytes, seal }: Sealed,
): Buffer | null {
  const subkey = hchacha20(key, nonce)
  const decipher = createDecipheriv(CIPHER, subkey, shortNonce(nonce), TAG)
  subkey.fill(0)
  decipher.setAAD(associated, { plaintextLength: bytes.length })
  decipher.setAuthTag(seal)
  const text = decipher.update(bytes)
  try {
    return Buffer.concat([text, decipher.final()])
  } catch {
    text.fill(0)
    return null
  }
}

const CIPHER = 'chacha20-poly1305'
const TAG = { authTagLength: 16 }

function shortNonce(nonce: Buffer): Buffer {
  return Buffer.concat([Buffer.alloc(4), nonce.subarray(16)])
}

/** A key for the rest of a long nonce. Exported for its test. */
export function hchacha20(key: Buffer, nonce: Buffer): Buffer {
  const x = new Uint32Array(16)
  x.set(CONSTANTS)
  for (let word = 0; word < 8; word++) x[4 + word] = key.readUInt32LE(4 * word)
  for (let word = 0; word < 4; word++) x[12 + word] = nonce.readUInt32LE(4 * word)
  for (let round = 0; round < 10; round++) {
    for (let at = 0; at < 4; at++) quarter(x, at, 4 + at, 8 + at, 12 + at)
    for (let at = 0; at < 4; at++) {
      quarter(x, at, 4 + ((at + 1) % 4), 8 + ((at + 2) % 4), 12 + ((at + 3) % 4))
    }
  }
  const subkey = Buffer.alloc(32)
  for (let word = 0; word < 4; word++) {
    subkey.writeUInt32LE(x[word] as number, 4 * word)
    subkey.writeUInt32LE(x[12 + word] as number, 16 + 4 * word)
  }
  x.fill(0)
  return subkey
}

function quarter(x: Uint32Array, a: number, b: number, c: number, d: number): void {
  step(x, a, b, d, 16)
  step(x, c, d, b, 12)
  step(x, a, b, d, 8)
  step(x, c, d, b, 7)
}

/** Adds `from` to `sum`, and turns `to` by that. */
function step(x: Uint32Array, sum: number, from: number, to: number, bits: number): void {
  const total = ((x[sum] as number) + (x[from] as number)) >>> 0
  x[sum] = total
  const mixed = (x[to] as number) ^ total
  x[to] = (mixed << bits) | (mixed >>> (32 - bits))
}

/** `expand 32-byte k`. */
const CONSTANTS = [0x61707865, 0x3320646e, 0x79622d32, 0x6b206574]
