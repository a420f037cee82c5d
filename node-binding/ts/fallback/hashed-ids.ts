/**
 * Keeps ids of 256 bits out of a store: under and in each record is the hash of the id.
 *
 *   caller   {"id":"Yk3v-8Q..", ..}   <-->   store   h6Fz.. = {"id":"h6Fz..", ..}
 *
 * Other ids pass as they are: UUIDs of v1, whose sessions are still to be found in a migration.
 */

import { isHardenedId, storedId } from '../ids.js'
import { type Payload, payloadOf, recordId } from './payload.js'
import type { Answer, Found, Incidents, RecordStore } from './record-store.js'

export class HashedIds implements RecordStore {
  readonly #store: RecordStore

  constructor(store: RecordStore) {
    this.#store = store
  }

  load(id: string, nowMs: number): Answer<string | null> {
    return then(this.#store.load(storedId(id), nowMs), (text) =>
      text === null ? null : withId(text, storedId(id), id),
    )
  }

  create(payload: Payload, ttlSeconds: number, nowMs: number): Answer<boolean> {
    return this.#store.create(hidden(payload), ttlSeconds, nowMs)
  }

  save(payload: Payload, ttlSeconds: number, nowMs: number): Answer<void> {
    return this.#store.save(hidden(payload), ttlSeconds, nowMs)
  }

  touch(id: string, ttlSeconds: number, nowMs: number): Answer<boolean> {
    return this.#store.touch(storedId(id), ttlSeconds, nowMs)
  }

  destroy(id: string): Answer<void> {
    return this.#store.destroy(storedId(id))
  }

  replace(expected: string, payload: Payload, ttlSeconds: number, nowMs: number): Answer<Found> {
    const id = recordId(payload) ?? ''
    const text = withId(expected, id, storedId(id))
    return then(this.#store.replace(text, hidden(payload), ttlSeconds, nowMs), shown(id))
  }

  remove(id: string, expected: string, nowMs: number): Answer<Found> {
    const text = withId(expected, id, storedId(id))
    return then(this.#store.remove(storedId(id), text, nowMs), shown(id))
  }

  incidents(): Incidents {
    return this.#store.incidents()
  }

  end(): void {
    this.#store.end()
  }
}

function hidden(payload: Payload): Payload {
  const id = recordId(payload)
  if (id === null || !isHardenedId(id)) return payload
  const { data, flashNext, createdAt, user } = payload
  return payloadOf(JSON.stringify(storedId(id)), data, flashNext, createdAt, user)
}

function shown(id: string): (found: Found) => Found {
  return (found) =>
    typeof found === 'object' ? { changed: withId(found.changed, storedId(id), id) } : found
}

/** The text of a record with another id, if it begins as ours do; else as it is. */
function withId(text: string, id: string, other: string): string {
  const start = `{"id":"${id}"`
  return text.startsWith(start) ? `{"id":"${other}"${text.slice(start.length)}` : text
}

function then<T, U>(answer: Answer<T>, make: (value: T) => U): Answer<U> {
  return answer instanceof Promise ? answer.then(make) : make(answer)
}
