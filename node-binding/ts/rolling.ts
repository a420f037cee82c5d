/**
 * Decides whether a request prolongs a session that it does not change: once half of the
 * lifetime is over.
 *
 * A cookie with a payload, and any of v2, says itself when it ends. Of a record in a store it is not known, so it
 * is remembered here when this process last prolonged it; another process may do it once more.
 */

import { findCookie } from './cookie-header.js'
import type { SessionEngine } from './engine.js'
import { expiresAtMs, ttlSecondsOf } from './time.js'

export function isDue({ config }: SessionEngine, cookieHeader: string): boolean {
  const cookieValue = findCookie(cookieHeader, config.cookie.name) ?? ''
  const now = Date.now()
  const half = expiresAtMs(now, ttlSecondsOf(config.lifetime) / 2)
  if (config.driver === 'cookie' || config.format === 'v2') {
    return (expiryOf(cookieValue) ?? 0) < half
  }

  const last = prolonged.get(cookieValue)
  // Either way of a clock that was moved.
  if (last !== undefined && Math.abs(half - last) < half - now) return false
  prolonged.delete(cookieValue)
  if (prolonged.size >= MOST_REMEMBERED) prolonged.delete(prolonged.keys().next().value ?? '')
  prolonged.set(cookieValue, half)
  return true
}

/** When a cookie value ends, in Unix ms; `null` of a legacy cookie. It was verified. */
function expiryOf(cookieValue: string): number | null {
  const hardened = HARDENED.exec(cookieValue)
  if (hardened) {
    // Of the fields at the end only the signature, or the seal, differs in length.
    const bytes = Buffer.from(cookieValue.slice(hardened[0].length), 'base64url')
    const proofLength = hardened[1] === 's' ? 16 : 32
    return Number(bytes.readBigUInt64BE(bytes.length - proofLength - 12))
  }
  const payload = cookieValue.slice(0, cookieValue.lastIndexOf('.'))
  // From where four characters begin, or all bytes would be shifted.
  const start = Math.max(0, 4 * Math.floor((payload.length - TAIL_CHARS) / 4))
  const tail = Buffer.from(payload.slice(start), 'base64url').toString('latin1')
  const [, digits] = /,"exp":([\d.]+)\}$/.exec(tail) ?? []
  return digits === undefined ? null : Number(digits)
}

const HARDENED = /^v2([pis])\./

/** Cookie values, oldest first, and half a lifetime after the instant they were prolonged at. */
const prolonged = new Map<string, number>()

/** Sessions that come again within half of their lifetime. Others are prolonged once too often. */
const MOST_REMEMBERED = 10_000

/** More than `,"exp":` and the longest number take in base64. */
const TAIL_CHARS = 48
