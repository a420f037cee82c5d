/**
 * Is the payload that a request works on, of which nothing is parsed until it is asked for.
 *
 *   text --first question--> recognised: two bags that know where their members are
 *                            anything else: parsed whole, or refused
 *
 * Nothing is answered before the whole text was looked at, so text that turns out to be no
 * payload is a fresh session from the first answer on, as if it had been refused while loading.
 * A request that asks nothing pays nothing.
 */

import { randomUUID } from 'node:crypto'
import { Bag, type PlainObject } from './bag.js'
import { canonicalMembers } from './canonical.js'
import {
  isFresh,
  parsePayload,
  payloadText,
  recordOf,
  type SessionPayload,
  type SessionRecord,
} from './payload.js'

/** The payload of one request. */
export class LazyPayload {
  /** Text that was not looked at yet. */
  #unread: string | null
  #id: string | null = null
  #data: Bag | null = null
  #flash: Bag | null = null
  #isFresh = false
  /** The text that all this came from. */
  #text: string | null = null
  #record: SessionRecord | null = null
  /** Of canonical text, what goes before the data: `{"id":".."`. */
  #head: string | null = null

  /** Makes the id of a fresh one. */
  readonly #newId: () => string

  private constructor(unread: string | null, newId: () => string = randomUUID) {
    this.#unread = unread
    this.#newId = newId
  }

  /** The payload in a text that a driver has loaded. `null` gives a fresh one. */
  static loaded(text: string | null, newId?: () => string): LazyPayload {
    const payload = new LazyPayload(text, newId)
    if (text === null) payload.#take(null)
    return payload
  }

  /** What somebody has loaded, or made by hand. Later changes in `payload` are not seen. */
  static of(payload: SessionPayload): LazyPayload {
    const own = new LazyPayload(null)
    own.#take(payload)
    own.#isFresh = isFresh(payload)
    own.#record = recordOf(payload)
    return own
  }

  /** A bearer secret: never log it. */
  get id(): string {
    this.#look()
    this.#id ??= this.#head === null ? this.#newId() : JSON.parse(this.#head.slice(ID_PLACE))
    return this.#id as string
  }

  set id(id: string) {
    // It belongs to the id that the payload was loaded under.
    this.#record = this.record
    this.#id = id
    if (this.#head !== null) this.#head = HEAD + JSON.stringify(id)
  }

  get data(): Bag {
    this.#look()
    return this.#data as Bag
  }

  clearData(): void {
    this.#look()
    this.#data = Bag.of({})
  }

  /** What the previous request flashed. */
  get flash(): Bag {
    this.#look()
    return this.#flash as Bag
  }

  /** Whether the previous request flashed anything. Most texts say so by how they end. */
  get hasFlash(): boolean {
    // If it is JSON, these braces are the last member of the payload, and so they count.
    if (this.#unread?.endsWith(NO_FLASH)) return false
    return !this.flash.isEmpty()
  }

  /** Whether no store and no browser knows it yet. */
  get isFresh(): boolean {
    this.#look()
    return this.#isFresh
  }

  /** What a store holds of it, if that is known and there is anything. */
  get record(): SessionRecord | null {
    this.#look()
    if (this.#text !== null) this.#record ??= { id: this.id, text: this.#text }
    return this.#record
  }

  /** Whether it is known what a store holds of it. It is not, of a payload made by hand. */
  get isKnown(): boolean {
    return (this.#unread ?? this.#text ?? this.#record) !== null || this.#isFresh
  }

  /**
   * The text to save, with `flashNext` for the next request.
   *
   * @throws {TypeError} for a BigInt or a cycle in either.
   */
  toText(flashNext: PlainObject): string {
    const data = this.data
    // An object with a toJSON() is whatever that says.
    const isWhole = this.#head === null || data.isPlain || Object.hasOwn(flashNext, 'toJSON')
    if (isWhole) return payloadText(this.toPayload(flashNext))
    const flashText = Object.keys(flashNext).length === 0 ? '{}' : JSON.stringify(flashNext)
    return `${this.#head},"data":${data.toText()},"flash_next":${flashText}}`
  }

  /** The same as objects. */
  toPayload(flashNext: PlainObject): SessionPayload {
    return { id: this.id, data: this.data.toObject(), flash_next: flashNext }
  }

  #look(): void {
    const text = this.#unread
    if (text === null) return
    this.#unread = null
    const members = canonicalMembers(text)
    if (members) {
      this.#head = text.slice(0, members.idEnd + 1)
      this.#data = Bag.found(members.data)
      this.#flash = Bag.found(members.flashNext)
    } else this.#take(parsePayload(text))
    if (!this.#isFresh) this.#text = text
  }

  #take(payload: SessionPayload | null): void {
    this.#isFresh = payload === null
    this.#id = payload?.id ?? null
    this.#data = Bag.of({ ...payload?.data })
    this.#flash = Bag.of({ ...payload?.flash_next })
  }
}

const HEAD = '{"id":'
const ID_PLACE = HEAD.length
const NO_FLASH = ',"flash_next":{}}'
