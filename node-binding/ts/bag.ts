/**
 * Holds keys and values, and parses a value when it is first asked for.
 *
 *   text     {"user":{"name":"Zoe"},"cart":[1,2],"seen":9}     members that were found in it
 *   values    UNREAD                [1,2]        GONE          what became of each of them
 *   own      {theme: 'dark'}                                   what was added
 *
 * Behaves as a plain object does: the same order, the same objects each time, `__proto__` a key
 * like any other. What it writes is what `JSON.stringify` writes of such an object; what was
 * never read cannot have changed and goes out as the text that came in.
 *
 * Knows no session. Where text and object could differ, all values are moved to `own`, and it is
 * a plain object from then on.
 */

import { ABSENT, type Members, NO_MEMBERS } from './canonical.js'

export type PlainObject = Record<string, unknown>

/** One object of a payload. */
export class Bag {
  #members: Members
  readonly #values: unknown[] = []
  #own: PlainObject

  private constructor(members: Members, own: PlainObject) {
    this.#members = members
    // `fill` would leave compiled code for this.
    for (let place = 0; place < members.length; place++) this.#values.push(UNREAD)
    this.#own = own
  }

  /** A bag that takes `object` over. */
  static of(object: PlainObject): Bag {
    return new Bag(NO_MEMBERS, object)
  }

  /** A bag of the members of an object in some text. */
  static found(members: Members): Bag {
    return new Bag(members, {})
  }

  has(key: string): boolean {
    return this.#place(key) !== ABSENT || Object.hasOwn(this.#own, key)
  }

  get(key: string, fallback: unknown): unknown {
    const place = this.#place(key)
    if (place !== ABSENT) return this.#read(place)
    return Object.hasOwn(this.#own, key) ? this.#own[key] : fallback
  }

  set(key: string, value: unknown): void {
    // Keys like array indices go before all others, and a toJSON() speaks for the whole object.
    if (startsWithDigit(key) || key === 'toJSON') this.#moveToOwn()
    const place = this.#place(key)
    if (place !== ABSENT) this.#values[place] = value
    else setOwn(this.#own, key, value)
  }

  delete(key: string): void {
    const place = this.#place(key)
    if (place !== ABSENT) this.#values[place] = GONE
    else delete this.#own[key]
  }

  isEmpty(): boolean {
    return this.#values.every((value) => value === GONE) && Object.keys(this.#own).length === 0
  }

  keys(): string[] {
    return Object.keys(this.toObject())
  }

  /** Everything as one object, which stays this bag's. From now on it is written whole. */
  toObject(): PlainObject {
    this.#moveToOwn()
    return this.#own
  }

  /** Whether this is one object, and nothing is left of the text that it came from. */
  get isPlain(): boolean {
    return this.#members.length === 0
  }

  /**
   * The JSON text of an object with all this, if it has no `toJSON()`.
   *
   * @throws {TypeError} for a BigInt or a cycle.
   */
  toText(): string {
    let text = this.#memberTexts()
    for (const key of Object.keys(this.#own))
      text += memberText(JSON.stringify(key), this.#own[key])
    return text === '' ? '{}' : `{${text.slice(1)}}`
  }

  #memberTexts(): string {
    const [members, values] = [this.#members, this.#values]
    let text = ''
    for (let place = 0; place < values.length; place++) {
      const value = values[place]
      if (value === GONE) continue
      if (value !== UNREAD) {
        text += memberText(`"${members.key(place)}"`, value)
        continue
      }
      const first = place
      while (values[place + 1] === UNREAD) place += 1
      text += `,${members.range(first, place)}`
    }
    return text
  }

  /** Where `key` is among the members, unless it is gone. Their keys have no escapes. */
  #place(key: string): number {
    const place = this.#members.find(key)
    return place !== ABSENT && this.#values[place] === GONE ? ABSENT : place
  }

  #read(place: number): unknown {
    const value = this.#values[place]
    if (value !== UNREAD) return value
    const parsed = JSON.parse(this.#members.value(place))
    this.#values[place] = parsed
    return parsed
  }

  #moveToOwn(): void {
    if (this.isPlain) return
    const object: PlainObject = {}
    for (let place = 0; place < this.#values.length; place++) {
      if (this.#values[place] !== GONE) setOwn(object, this.#members.key(place), this.#read(place))
    }
    for (const key of Object.keys(this.#own)) setOwn(object, key, this.#own[key])
    this.#own = object
    this.#members = NO_MEMBERS
    this.#values.length = 0
  }
}

/** `object[key] = value`, also for `__proto__`, which plain assignment takes for something else. */
export function setOwn(object: PlainObject, key: string, value: unknown): void {
  if (key !== '__proto__') object[key] = value
  else {
    const flags = { configurable: true, enumerable: true, writable: true }
    Object.defineProperty(object, key, { value, ...flags })
  }
}

/** `,"key":value`, or nothing for what JSON leaves out. */
function memberText(keyText: string, value: unknown): string {
  // Said by itself what a number is, since a parser of options costs more than the answer.
  if (typeof value === 'boolean' || Number.isFinite(value)) return `,${keyText}:${value}`
  if (isOrdinary(value)) return `,${keyText}:${JSON.stringify(value)}`
  // Within an object, since a toJSON() is told the key.
  const object = JSON.stringify({ [JSON.parse(keyText)]: value })
  return object === '{}' ? '' : `,${object.slice(1, -1)}`
}

/** Whether the text of `value` is the same under any key. */
function isOrdinary(value: unknown): boolean {
  if (typeof value === 'object') return value === null || !('toJSON' in value)
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
}

function startsWithDigit(key: string): boolean {
  const code = key.charCodeAt(0)
  return code >= 0x30 && code <= 0x39
}

const UNREAD = Symbol('unread')
const GONE = Symbol('gone')
