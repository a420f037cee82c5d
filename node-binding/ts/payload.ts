/**
 * The record of a session, between its JSON text and the objects of a request.
 *
 *   {"id":"..","data":{..},"flash_next":{..}}  <-->  SessionPayload
 *
 * Remembers the text that a payload was read from, for saving onto it. Knows no cookie, no store
 * and no clock.
 */

import { randomUUID } from 'node:crypto'

/** What a driver loads and persists. Key order is the order on the wire. */
export interface SessionPayload {
  id: string
  data: Record<string, unknown>
  flash_next: Record<string, unknown>
}

/** A session for a visitor without an acceptable cookie: a new id and nothing else. */
export function freshPayload(newId: () => string = randomUUID): SessionPayload {
  const payload = { id: newId(), data: {}, flash_next: {} }
  fresh.add(payload)
  return payload
}

/** Whether `payload` came from `freshPayload`, so that no store and no browser knows it yet. */
export function isFresh(payload: SessionPayload): boolean {
  return fresh.has(payload)
}

/** What a store holds of a session, or is to hold. */
export interface SessionRecord {
  id: string
  text: string
}

/** The payload in the text of a record, which `recordOf` then knows. */
export function loadedPayload(text: string): SessionPayload | null {
  const payload = parsePayload(text)
  if (payload) records.set(payload, { id: payload.id, text })
  return payload
}

/** The record that `payload` came from, if `loadedPayload` read it. */
export function recordOf(payload: SessionPayload): SessionRecord | null {
  return records.get(payload) ?? null
}

// Not fields of the payload: a payload has exactly the keys that go on the wire.
const fresh = new WeakSet<SessionPayload>()
const records = new WeakMap<SessionPayload, SessionRecord>()

/**
 * Reads the text of a payload.
 *
 * A `data` or `flash_next` that is missing or of another type counts as what a spread makes of
 * it, mostly as empty. Answers `null` for text that is not an object with a string `id`.
 */
export function parsePayload(text: string): SessionPayload | null {
  let record: unknown
  try {
    record = JSON.parse(text)
  } catch {
    return null
  }
  if (typeof record !== 'object' || record === null) return null
  const { id, data, flash_next } = record as Partial<SessionPayload>
  if (typeof id !== 'string') return null
  return { id, data: { ...(data ?? {}) }, flash_next: { ...(flash_next ?? {}) } }
}

/**
 * Writes the text of a payload, exactly as `JSON.stringify` does.
 *
 * @throws {TypeError} for a BigInt or a cycle in the data.
 */
export function payloadText({ id, data, flash_next }: SessionPayload): string {
  return JSON.stringify({ id, data, flash_next })
}
