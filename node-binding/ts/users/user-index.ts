/**
 * Reads and edits the index record of one user, as the text that stands in the store.
 *
 *   {"id":"u..","data":{"epoch":1,"h.<handle>":{..},"s.<handle>":ms,"r.<handle>":ms},
 *    "flash_next":{}}
 *      h   a session: when it began, until when it lasts unseen, the epoch it belongs to, a label
 *      s   when it was last seen; a key of its own, so that to be seen overwrites no end
 *      r   it was ended, to be remembered until then
 *
 * Only whole keys are put and taken out: the store merges those with what others write. What is
 * malformed lets nobody in. Time is an argument.
 */

import { type PlainObject, setOwn } from '../bag.js'
import { parsePayload } from '../payload.js'
import { isCount, LAST_COUNT, type Mark } from './mark.js'
import { isHandle } from './names.js'

/** One session of a user, as its entry says. */
export interface Entry {
  created: number
  until: number
  epoch: number
  label: string
}

/** A session that is in use. */
export interface LiveEntry extends Entry {
  handle: string
  /** When a request was last made with it; Unix milliseconds, as all instants here. */
  seen: number
}

/** What the index says of a session. */
export type Verdict = 'live' | 'over' | 'heal'

/** How long things last, in milliseconds. */
export interface Spans {
  /** From when a session was last seen. */
  lifetimeMs: number
  /** What is added, since it is not noted each time that a session is seen. */
  marginMs: number
}

/** The index record of one user. */
export class UserIndex {
  /** Whether the store has none yet, or none any more. */
  readonly isNew: boolean
  readonly #id: string
  readonly #data: PlainObject

  /** @param text That of the record; `null` for a user that has none. */
  constructor(id: string, text: string | null) {
    this.#id = id
    this.isNew = text === null
    this.#data = (text === null ? null : parsePayload(text))?.data ?? {}
  }

  /** Only grows. What belongs to an earlier one is over. */
  get epoch(): number {
    const epoch = Object.hasOwn(this.#data, 'epoch') ? this.#data.epoch : 0
    return isCount(epoch) ? epoch : LAST_COUNT
  }

  /** The entry of a session; `null` if there is none, or one that cannot be read. */
  entry(handle: string): Entry | null {
    const value = this.#get(`h.${handle}`) as Partial<Entry> | null | undefined
    if (typeof value !== 'object' || value === null) return null
    const { created, until, epoch, label } = value
    const isWhole = isCount(created) && isCount(until) && isCount(epoch)
    return isWhole && typeof label === 'string' ? { created, until, epoch, label } : null
  }

  /** When a session was last seen, if that is known. */
  seen(handle: string): number | null {
    const seen = this.#get(`s.${handle}`)
    return isCount(seen) ? seen : null
  }

  isEnded(handle: string): boolean {
    return Object.hasOwn(this.#data, `r.${handle}`)
  }

  verdict({ handle, epoch }: Mark): Verdict {
    if (this.isEnded(handle)) return 'over'
    if (!Object.hasOwn(this.#data, `h.${handle}`)) return epoch < this.epoch ? 'over' : 'heal'
    const entry = this.entry(handle)
    return entry !== null && entry.epoch >= this.epoch ? 'live' : 'over'
  }

  /** The sessions in use, newest seen first. */
  live(nowMs: number, spans: Spans): LiveEntry[] {
    const live: LiveEntry[] = []
    for (const handle of this.#handles('h.')) {
      const entry = this.entry(handle)
      if (entry === null || entry.epoch < this.epoch || this.isEnded(handle)) continue
      if (this.#untilMs(handle, entry, spans) < nowMs) continue
      live.push({ ...entry, handle, seen: this.seen(handle) ?? entry.created })
    }
    const order = (a: LiveEntry, b: LiveEntry) => b.seen - a.seen || b.created - a.created
    return live.sort((a, b) => order(a, b) || (a.handle < b.handle ? -1 : 1))
  }

  /** The handles of all that is named and not ended yet, in use or not. */
  named(): string[] {
    return this.#handles('h.').filter((handle) => !this.isEnded(handle))
  }

  countOfEnded(): number {
    return this.#handles('r.').length
  }

  putEntry(handle: string, entry: Entry): void {
    setOwn(this.#data, `h.${handle}`, entry)
  }

  putSeen(handle: string, atMs: number): void {
    setOwn(this.#data, `s.${handle}`, atMs)
  }

  putEpoch(epoch: number): void {
    if (epoch > 0) setOwn(this.#data, 'epoch', Math.min(epoch, LAST_COUNT))
  }

  /**
   * Leaves all sessions of an earlier epoch behind.
   *
   * An index that was lost counts from 0 again, and a mark may be of any epoch before that: the
   * time is later than all of them.
   */
  beginEpoch(nowMs: number): void {
    this.putEpoch(Math.max(this.epoch + 1, nowMs))
  }

  /** Ends a session, named or not. */
  end(handle: string, rememberUntilMs: number): void {
    this.remove(handle)
    setOwn(this.#data, `r.${handle}`, rememberUntilMs)
  }

  /** Takes a session out as if it had never been there. */
  remove(handle: string): void {
    delete this.#data[`h.${handle}`]
    delete this.#data[`s.${handle}`]
  }

  /** Takes out what nobody needs any more: sessions that are over, and ends that are long ago. */
  prune(nowMs: number, spans: Spans): void {
    for (const handle of this.#handles('r.')) {
      this.remove(handle)
      const until = this.#data[`r.${handle}`]
      if (isCount(until) && until < nowMs) delete this.#data[`r.${handle}`]
    }
    for (const handle of this.#handles('h.')) {
      const entry = this.entry(handle)
      if (entry !== null && this.#untilMs(handle, entry, spans) < nowMs) this.remove(handle)
    }
    for (const handle of this.#handles('s.')) {
      if (!Object.hasOwn(this.#data, `h.${handle}`)) delete this.#data[`s.${handle}`]
    }
  }

  /**
   * Forgets all ends, by an epoch that leaves behind whoever is not named. For an index with very
   * many of them.
   */
  forgetEnds(nowMs: number): void {
    const epoch = this.epoch
    this.beginEpoch(nowMs)
    for (const handle of this.#handles('r.')) {
      this.remove(handle)
      delete this.#data[`r.${handle}`]
    }
    for (const handle of this.#handles('h.')) {
      const entry = this.entry(handle)
      if (entry === null || entry.epoch < epoch) this.remove(handle)
      else this.putEntry(handle, { ...entry, epoch: this.epoch })
    }
  }

  toText(): string {
    return JSON.stringify({ id: this.#id, data: this.#data, flash_next: {} })
  }

  #untilMs(handle: string, entry: Entry, { lifetimeMs, marginMs }: Spans): number {
    const seen = this.seen(handle)
    return seen === null ? entry.until : Math.max(entry.until, seen + lifetimeMs + marginMs)
  }

  #get(key: string): unknown {
    return Object.hasOwn(this.#data, key) ? this.#data[key] : undefined
  }

  #handles(prefix: string): string[] {
    const keys = Object.keys(this.#data).filter((key) => key.startsWith(prefix))
    return keys.map((key) => key.slice(prefix.length)).filter(isHandle)
  }
}

/** A label as it may stand in an index, and on a page that escapes it. */
export function cleanLabel(label: string): string {
  const printable = label.toWellFormed().replace(/\p{Control}/gu, '')
  return [...printable].slice(0, MOST_LABEL_CHARACTERS).join('')
}

const MOST_LABEL_CHARACTERS = 64
