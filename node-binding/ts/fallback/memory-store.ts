/**
 * Keeps records in this process, within a bound.
 *
 *   id -> (text, expiry)     what was used least recently stands first, and goes first
 *
 * Expiry is judged by the `now` of each call, so a test may move the clock; the machine's own
 * clock only frees memory that nobody asks for again.
 */

import type { MemoryOptions } from '../../native.js'
import { expiresAtMs } from '../time.js'
import { misuse } from './arguments.js'
import { type Payload, recordId } from './payload.js'
import {
  type Found,
  type Incidents,
  invalidId,
  NO_INCIDENTS,
  type RecordStore,
  storeError,
} from './record-store.js'

interface Entry {
  text: string
  weight: number
  /** Unix milliseconds; at this instant the record is gone. */
  expiresAtMs: number
  /** On the clock of `performance.now()`. */
  freeAtMs: number
}

export class MemoryStore implements RecordStore {
  readonly #entries = new Map<string, Entry>()
  readonly #maxBytes: number
  readonly #maxEntries: number
  #bytes = 0

  constructor({ maxBytes, maxEntries = Number.POSITIVE_INFINITY }: MemoryOptions) {
    this.#maxBytes = Math.trunc(maxBytes)
    this.#maxEntries = Math.trunc(maxEntries)
    if (!(this.#maxBytes > 0 && this.#maxEntries > 0))
      throw misuse('memory.maxBytes: memory bound must be above 0 bytes')
  }

  load(id: string, nowMs: number): string | null {
    const entry = this.#alive(id, nowMs)
    if (entry === undefined) return null
    this.#put(id, entry)
    return entry.text
  }

  create(payload: Payload, ttlSeconds: number, nowMs: number): boolean {
    const [id, entry] = this.#entryOf(payload, ttlSeconds, nowMs)
    if (this.#alive(id, nowMs) !== undefined) return false
    this.#put(id, entry)
    return true
  }

  save(payload: Payload, ttlSeconds: number, nowMs: number): void {
    this.#put(...this.#entryOf(payload, ttlSeconds, nowMs))
  }

  touch(id: string, ttlSeconds: number, nowMs: number): boolean {
    const entry = this.#alive(id, nowMs)
    if (entry === undefined) return false
    this.#put(id, { ...entry, ...ends(ttlSeconds, nowMs) })
    return true
  }

  destroy(id: string): void {
    this.#drop(id)
  }

  replace(expected: string, payload: Payload, ttlSeconds: number, nowMs: number): Found {
    const [id, entry] = this.#entryOf(payload, ttlSeconds, nowMs)
    const found = this.#compare(id, expected, nowMs)
    if (found === 'expected') this.#put(id, entry)
    return found
  }

  remove(id: string, expected: string, nowMs: number): Found {
    const found = this.#compare(id, expected, nowMs)
    if (found === 'expected') this.#drop(id)
    return found
  }

  incidents(): Incidents {
    return NO_INCIDENTS
  }

  end(): void {
    this.#entries.clear()
    this.#bytes = 0
  }

  #compare(id: string, expected: string, nowMs: number): Found {
    const entry = this.#alive(id, nowMs)
    if (entry === undefined) return 'gone'
    return entry.text === expected ? 'expected' : { changed: entry.text }
  }

  #alive(id: string, nowMs: number): Entry | undefined {
    const entry = this.#entries.get(id)
    return entry !== undefined && nowMs < entry.expiresAtMs ? entry : undefined
  }

  #entryOf(payload: Payload, ttlSeconds: number, nowMs: number): [id: string, entry: Entry] {
    const id = recordId(payload)
    if (id === null) throw invalidId()
    const { text } = payload
    const weight = Buffer.byteLength(text) + id.length + ENTRY_OVERHEAD_BYTES
    if (weight > this.#maxBytes) {
      throw storeError('TOO_LARGE', "payload is larger than the store's bound")
    }
    return [id, { text, weight, ...ends(ttlSeconds, nowMs) }]
  }

  /** Last in line, and as many of the first ones out as the bound asks for. */
  #put(id: string, entry: Entry): void {
    this.#drop(id)
    this.#entries.set(id, entry)
    this.#bytes += entry.weight
    const clock = performance.now()
    for (const [first, { freeAtMs }] of this.#entries) {
      const fits = this.#bytes <= this.#maxBytes && this.#entries.size <= this.#maxEntries
      if (fits && clock < freeAtMs) return
      this.#drop(first)
    }
  }

  #drop(id: string): void {
    this.#bytes -= this.#entries.get(id)?.weight ?? 0
    this.#entries.delete(id)
  }
}

function ends(ttlSeconds: number, nowMs: number): Pick<Entry, 'expiresAtMs' | 'freeAtMs'> {
  return {
    expiresAtMs: expiresAtMs(nowMs, ttlSeconds),
    freeAtMs: expiresAtMs(performance.now(), ttlSeconds),
  }
}

/** For what a Map and a string add. An estimate, the one that the addon makes. */
const ENTRY_OVERHEAD_BYTES = 512
