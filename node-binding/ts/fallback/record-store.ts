/**
 * Says what a store of records does, each call in one step that nothing gets in between.
 *
 *   RecordStore
 *     MemoryStore   answers at once
 *     RedisStore    answers later
 *
 * What a request needs is made of these steps: see update.ts.
 */

import { SessionPayloadError, SessionStoreError } from '../errors.js'
import type { Payload } from './payload.js'

/** What a comparison found: the expected record, none, or another one, which stays as it is. */
export type Found = 'expected' | 'gone' | { changed: string }

export type Answer<T> = T | Promise<T>

/** What has gone wrong in a store without being anybody's error. See `StoreStats`. */
export interface Incidents {
  callsNotTried: number
  foreignRecords: number
  unreadableRecords: number
}

export const NO_INCIDENTS: Incidents = {
  callsNotTried: 0,
  foreignRecords: 0,
  unreadableRecords: 0,
}

/** Ids can name a record, times are Unix milliseconds, TTLs whole seconds above 0. */
export interface RecordStore {
  load(id: string, nowMs: number): Answer<string | null>
  /** Writes a payload under its own id if there is no such record yet; `false` if there is. */
  create(payload: Payload, ttlSeconds: number, nowMs: number): Answer<boolean>
  save(payload: Payload, ttlSeconds: number, nowMs: number): Answer<void>
  touch(id: string, ttlSeconds: number, nowMs: number): Answer<boolean>
  destroy(id: string): Answer<void>
  /** Writes a payload under its own id if the record there is `expected`, byte for byte. */
  replace(expected: string, payload: Payload, ttlSeconds: number, nowMs: number): Answer<Found>
  /** Removes a record if it is `expected`, byte for byte. */
  remove(id: string, expected: string, nowMs: number): Answer<Found>
  incidents(): Incidents
  /** Ends connections. Nothing is asked of the store any more. */
  end(): void
}

export function invalidId(): SessionPayloadError {
  return new SessionPayloadError('payload has an id that cannot name a record')
}

/** An error of a store, with the code of that name. */
export function storeError(
  name:
    | 'BUSY'
    | 'CLOSED'
    | 'CONFLICT'
    | 'INTERNAL'
    | 'SERVER'
    | 'TIMEOUT'
    | 'TOO_LARGE'
    | 'UNREACHABLE',
  message: string,
  retryable = false,
): SessionStoreError {
  return new SessionStoreError(`ERR_SESSION_STORE_${name}`, message, { retryable })
}
