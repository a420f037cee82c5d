/**
 * Recognises the text of a payload as `JSON.stringify` writes it, and knows the members in it.
 *
 *   {"id":"3f2b..","data":{"user":"zoe","cart":[1,2]},"flash_next":{}}
 *                 ^idEnd   ^key ^end  ^valueEnd
 *
 * A member of such text can be taken out, parsed, written again and put back, and the bytes are
 * those of parsing and writing the whole. Of another spelling that is not so: white space, `1.0`,
 * `\u0041`, a key that is there twice, keys that look like array indices and come out sorted.
 *
 * What is recognised is therefore proven to be JSON and to be canonical. What is not may be
 * anything, unusual canonical text included: then the whole must be parsed to know. The proof
 * is the addon's, or the fallback's.
 */

import { MAX_TEXT_BYTES, NUMBERS_PER_MEMBER } from './fallback/canonical.js'
import { native } from './native.js'

/** Where the parts of a payload are in its text. No key in it has an escape. */
export interface PayloadMembers {
  /** At the closing quote of the id. */
  idEnd: number
  data: Members
  flashNext: Members
}

/** Where the members of one object are in a text. */
export class Members {
  readonly length: number
  readonly #text: string
  /** Three numbers for each member, in UTF-16 code units; each number is a code unit itself. */
  readonly #offsets: string
  readonly #first: number

  constructor(text: string, offsets: string, first: number, length: number) {
    this.#text = text
    this.#offsets = offsets
    this.#first = first
    this.length = length
  }

  /** Which member `key` is, or `ABSENT`. */
  find(key: string): number {
    const { length } = key
    const first = key.charCodeAt(0)
    for (let i = this.#first, place = 0; place < this.length; place++, i += NUMBERS_PER_MEMBER) {
      const start = this.#offsets.charCodeAt(i)
      const isLikely = this.#offsets.charCodeAt(i + KEY_END) - start === length
      // The first character costs less to compare than a key.
      if (isLikely && (length === 0 || this.#text.charCodeAt(start) === first)) {
        if (this.#text.startsWith(key, start)) return place
      }
    }
    return ABSENT
  }

  key(place: number): string {
    return this.#text.slice(this.#offset(place, KEY), this.#offset(place, KEY_END))
  }

  /** The text of a value. */
  value(place: number): string {
    const start = this.#offset(place, KEY_END) + '":'.length
    return this.#text.slice(start, this.#offset(place, VALUE_END))
  }

  /** The text of the members from `from` to `to`, as they stand between the commas around them. */
  range(from: number, to: number): string {
    return this.#text.slice(this.#offset(from, KEY) - 1, this.#offset(to, VALUE_END))
  }

  #offset(place: number, which: number): number {
    return this.#offsets.charCodeAt(this.#first + place * NUMBERS_PER_MEMBER + which)
  }
}

export const ABSENT = -1

export const NO_MEMBERS = new Members('', '', 0, 0)

/** The members in `text`, or `null` if it is not recognised. */
export function canonicalMembers(text: string): PayloadMembers | null {
  if (text.length > MAX_TEXT_BYTES) return null
  findMembers ??= native().createMemberFinder()
  const offsets = findMembers(text)
  if (offsets === null) return null

  const [all, inData] = [offsets.length / NUMBERS_PER_MEMBER, offsets.charCodeAt(1)]
  const dataEnd = NUMBERS_BEFORE + inData * NUMBERS_PER_MEMBER
  return {
    idEnd: offsets.charCodeAt(0),
    data: new Members(text, offsets, NUMBERS_BEFORE, inData),
    flashNext: new Members(text, offsets, dataEnd, Math.floor(all) - inData),
  }
}

let findMembers: ((text: string) => string | null) | undefined

/** Of the text: the end of the id, and how many members the data have. */
const NUMBERS_BEFORE = 2

/** Of a member: after the opening quote of the key, at its closing quote, after the value. */
const KEY = 0
const KEY_END = 1
const VALUE_END = 2
