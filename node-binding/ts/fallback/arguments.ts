/**
 * Checks what callers hand over, as the addon does.
 *
 * A wrong argument is the caller's fault and throws; it is never the answer to a call.
 */

import { fromFault } from '../errors.js'
import { type Payload, readPayload } from './payload.js'

/** The instant that `Date.now()` names, in Unix milliseconds. */
export function checkInstant(unixMs: number): number {
  if (!(Math.abs(unixMs) <= MAX_DATE_MS)) throw misuse('time: must be a finite number')
  // Less than a millisecond from the epoch counts as the epoch itself.
  return Math.abs(unixMs) < 1 ? 0 : unixMs
}

/** Whole seconds, rounded up: a store must not end a session before its cookie ends. */
export function checkTtl(seconds: number): number {
  const whole = Math.min(Math.ceil(seconds), MAX_TTL_SECONDS)
  if (!(whole >= 1)) throw misuse(`ttl: ttl must be 1 to ${MAX_TTL_SECONDS} seconds`)
  return whole
}

export function checkPayload(json: string): Payload {
  const payload = readPayload(json.toWellFormed())
  if (payload !== null) return payload
  const message = 'payload must be a JSON object whose id is a string'
  throw fromFault({ code: 'ERR_SESSION_PAYLOAD', message, retryable: false, saved: false })
}

/** A setting that is refused. `message` reads "field: what is wrong". */
export function misuse(message: string): Error {
  return fromFault({ code: 'ERR_SESSION_CONFIG', message, retryable: false, saved: false })
}

/** What a `Date` can hold. */
const MAX_DATE_MS = 8.64e15

/** 40,000 days. */
const MAX_TTL_SECONDS = 40_000 * 86_400
