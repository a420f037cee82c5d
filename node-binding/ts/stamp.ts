/**
 * Says when a session began, in a field of its record, and when that makes it end.
 *
 *   {"id":"..","data":{..},"flash_next":{..}}   <-->   the same with  ,"created_at":1700000000000
 *
 * Only with an absolute lifetime: without one records are those of @rudderjs/session. A record
 * that has none is stamped when it is first saved.
 */

import { expiresAtMs, secondsUntil, ttlSecondsOf } from './time.js'

/** When one session began. */
export class Stamp {
  readonly createdAtMs: number
  /** The instant at which the session ends, whatever happens. */
  readonly endsAtMs: number
  /** How the stamp stands in the record that was loaded; empty if it is not there. */
  readonly #stored: string

  private constructor(createdAtMs: number, lifetimeMinutes: number, stored: string) {
    this.createdAtMs = createdAtMs
    this.endsAtMs = expiresAtMs(createdAtMs, ttlSecondsOf(lifetimeMinutes))
    this.#stored = stored
  }

  /** Of a session that begins, or is stamped, now. */
  static now(lifetimeMinutes: number): Stamp {
    return new Stamp(Date.now(), lifetimeMinutes, '')
  }

  /** The text of a record without its stamp, and the stamp. */
  static takeFrom(text: string, lifetimeMinutes: number): { text: string; stamp: Stamp } {
    const [stored = '', digits] = STORED.exec(text) ?? []
    if (digits === undefined) return { text, stamp: Stamp.now(lifetimeMinutes) }
    // One that is still to come is of a clock that was wrong.
    const createdAtMs = Math.min(Number(digits), Date.now())
    const rest = `${text.slice(0, -stored.length)}}`
    return { text: rest, stamp: new Stamp(createdAtMs, lifetimeMinutes, stored.slice(0, -1)) }
  }

  get isOver(): boolean {
    return Date.now() >= this.endsAtMs
  }

  /** How long a record may live that would otherwise live for `ttlSeconds`. */
  cap(ttlSeconds: number): number {
    return Math.min(ttlSeconds, secondsUntil(this.endsAtMs, Date.now()))
  }

  /** The text of a record, with the stamp. */
  addTo(text: string): string {
    return `${text.slice(0, -1)},"created_at":${this.createdAtMs}}`
  }

  /** The text that `takeFrom` got, of the one that it answered. */
  restoreIn(text: string): string {
    return `${text.slice(0, -1)}${this.#stored}}`
  }
}

/** At the end of a record; within its data or flash there would be a second brace. */
const STORED = /,"created_at":(\d{1,16})\}$/
