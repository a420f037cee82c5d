/**
 * Recognises the text of a payload as `JSON.stringify` writes it, and finds the members in it.
 *
 *   {"id":"3f2b..","data":{"user":"zoe","cart":[1,2]},"flash_next":{}}
 *                 ^idEnd   ^key ^end  ^valueEnd
 *
 * The addon does the same, faster; what either recognises may differ in unusual text.
 */

/** Longer text is not looked at, in UTF-8, here as in the addon: an offset is one code unit. */
export const MAX_TEXT_BYTES = 0xffff

/** After the opening quote of the key, at its closing quote, after the value. */
export const NUMBERS_PER_MEMBER = 3

/** What `createMemberFinder` makes in the addon. */
export function findMembersOf(text: string): string | null {
  if (Buffer.byteLength(text) > MAX_TEXT_BYTES || !text.isWellFormed()) return null
  const length = fill(text)

  if (!isAt(ID_FIELD, 0)) return null
  const idEnd = plainEnd(ID_FIELD.length)
  if (!isAt(DATA_FIELD, idEnd)) return null
  const data: number[] = []
  const dataEnd = findMembers(idEnd + DATA_FIELD.length, data)
  if (!isAt(FLASH_NEXT_FIELD, dataEnd)) return null
  const flashNext: number[] = []
  const flashNextEnd = findMembers(dataEnd + FLASH_NEXT_FIELD.length, flashNext)
  if (flashNextEnd !== length - 1 || BYTES[flashNextEnd] !== CLOSE_BRACE) return null

  const ends = [idEnd]
  if (length !== text.length) inCodeUnits([ends, data, flashNext])
  return String.fromCharCode(...ends, data.length / NUMBERS_PER_MEMBER, ...data, ...flashNext)
}

/** Puts `text` into the scratch space, as one byte for each code unit if it can be. */
function fill(text: string): number {
  let { length } = text
  encoding = 'latin1'
  BYTES.write(text, encoding)
  const isAscii = Buffer.byteLength(text) === length
  if (!isAscii && BYTES.toString(encoding, 0, length) !== text) {
    encoding = 'utf8'
    length = BYTES.write(text, encoding)
  }
  // Stops every loop below at the end of the text.
  BYTES[length] = 0
  return length
}

/**
 * Collects the members of the object whose first key, or whose end, is at `i`.
 *
 * One loop for all levels: `continue member` reads a key and a value, `continue value` a value,
 * and each closing bracket goes back to the level above.
 *
 * @returns Where the object ends, or `REFUSED`.
 */
function findMembers(i: number, members: number[]): number {
  // Read from here they are read a fifth faster.
  const bytes = BYTES
  const isPlain = IS_PLAIN
  if (bytes[i] === CLOSE_BRACE) return i + 1
  let depth = 0
  IS_OBJECT[0] = 1
  // The keys of the object at hand, and below them those of the objects around it.
  let firstKey = 0
  let keysEnd = 0
  let inDoubt = false

  member: for (;;) {
    if (bytes[i] !== QUOTE) return REFUSED
    const key = i + 1
    i = key
    while (isPlain[bytes[i] as number] === 1) i += 1
    if (bytes[i] !== QUOTE) {
      if (depth === 0) return REFUSED
      i = escapedEnd(key, i)
      if (i === REFUSED) return REFUSED
    }
    if (bytes[i + 1] !== COLON) return REFUSED
    if (isDigit(bytes[key] as number)) {
      if (depth === 0) return REFUSED
      inDoubt = true
    }
    if (keysEnd === KEYS.length) return REFUSED
    KEYS[keysEnd] = key
    KEYS[keysEnd + 1] = i - key
    keysEnd += 2
    if (depth === 0) members.push(key, i)
    i += 2

    value: for (;;) {
      const first = bytes[i] as number
      if (first === QUOTE) {
        const start = i + 1
        i = start
        const long = start + SHORT
        while (isPlain[bytes[i] as number] === 1 && i !== long) i += 1
        if (i === long) i = plainEnd(i)
        if (bytes[i] !== QUOTE) {
          i = escapedEnd(start, i)
          if (i === REFUSED) return REFUSED
        }
        i += 1
      } else if (first === MINUS || isDigit(first)) {
        i = numberEnd(i)
        if (i === REFUSED) return REFUSED
      } else if (first === OPEN_BRACE || first === OPEN_BRACKET) {
        i += 1
        const close = first === OPEN_BRACE ? CLOSE_BRACE : CLOSE_BRACKET
        if (bytes[i] !== close) {
          if (depth === MAX_DEPTH) return REFUSED
          depth += 1
          OUTER_FIRST_KEY[depth] = firstKey
          firstKey = keysEnd
          IS_OBJECT[depth] = first === OPEN_BRACE ? 1 : 0
          if (first === OPEN_BRACE) continue member
          continue
        }
        i += 1
      } else if (isAt(TRUE, i) || isAt(NULL, i)) i += 4
      else if (isAt(FALSE, i)) i += 5
      else return REFUSED

      for (;;) {
        if (depth === 0) {
          const start = (members[members.length - 1] as number) + 2
          if (inDoubt && !isCanonical(BYTES.toString(encoding, start, i))) return REFUSED
          inDoubt = false
          members.push(i)
        }
        const next = bytes[i] as number
        i += 1
        if (next === COMMA) {
          if (IS_OBJECT[depth] === 1) continue member
          continue value
        }
        if (next !== (IS_OBJECT[depth] === 1 ? CLOSE_BRACE : CLOSE_BRACKET)) return REFUSED
        if (!areDistinct(firstKey, keysEnd)) return REFUSED
        if (depth === 0) return i
        keysEnd = firstKey
        firstKey = OUTER_FIRST_KEY[depth] as number
        depth -= 1
      }
    }
  }
}

/** Where the first character is that a string does not hold as it stands. Made for long ones. */
function plainEnd(i: number): number {
  for (;;) {
    while ((i & 3) !== 0) {
      if (IS_PLAIN[BYTES[i] as number] === 0) return i
      i += 1
    }
    // Four bytes at a time. The top bit of a byte is set where it was less than what was taken
    // from it: a control character, or nothing at all after a quote or a backslash became 0. The
    // byte above one that is found may be found wrongly, so the bytes themselves decide.
    for (;;) {
      const word = WORDS[i >> 2] as number
      const quotes = word ^ 0x22222222
      const backslashes = word ^ 0x5c5c5c5c
      const found =
        ((word - 0x20202020) & ~word) |
        ((quotes - 0x01010101) & ~quotes) |
        ((backslashes - 0x01010101) & ~backslashes)
      if ((found & 0x80808080) !== 0) break
      i += 4
    }
    if (IS_PLAIN[BYTES[i] as number] === 0) return i
    i += 1
  }
}

/** The closing quote of a string that begins at `start` and has its first escape at `i`. */
function escapedEnd(start: number, i: number): number {
  let inDoubt = false
  while (BYTES[i] === BACKSLASH) {
    const letter = BYTES[i + 1] as number
    if (IS_ESCAPE[letter] === 0) return REFUSED
    inDoubt ||= letter === LETTER_U
    i = plainEnd(i + 2)
  }
  if (BYTES[i] !== QUOTE) return REFUSED
  return !inDoubt || isCanonical(BYTES.toString(encoding, start - 1, i + 1)) ? i : REFUSED
}

function numberEnd(start: number): number {
  let i = start
  if (BYTES[i] === MINUS) i += 1
  const whole = i
  while (isDigit(BYTES[i] as number)) i += 1
  const wholeDigits = i - whole
  let plain = BYTES[whole] !== ZERO ? wholeDigits > 0 : wholeDigits === 1

  let fractionDigits = 0
  if (BYTES[i] === DOT) {
    i += 1
    const fraction = i
    while (isDigit(BYTES[i] as number)) i += 1
    fractionDigits = i - fraction
    plain &&= fractionDigits > 0 && fractionDigits <= 6 && BYTES[i - 1] !== ZERO
  } else plain &&= BYTES[whole] !== ZERO || whole === start
  // Any decimal of 15 digits is the shortest name of its number.
  if (plain && wholeDigits + fractionDigits <= 15 && (BYTES[i] as number | 0x20) !== LETTER_E) {
    return i
  }

  while (IS_IN_NUMBER[BYTES[i] as number] === 1) i += 1
  const text = BYTES.toString('latin1', start, i)
  return String(Number(text)) === text ? i : REFUSED
}

/** Whether it is plain that no two of the keys from `first` to `end` are the same. */
function areDistinct(first: number, end: number): boolean {
  if (end - first <= 2) return true
  // Never more than half full, so that there is a free slot to end at.
  if (end - first > SLOTS) return false
  generation += 1
  // Somebody may have chosen keys that are much alike. Those are left to the other way.
  let patience = (end - first) * 4
  for (let k = first; k < end; k += 2) {
    const key = KEYS[k] as number
    const length = KEYS[k + 1] as number
    const last = key + length - 1
    // Of an empty key these read the quotes around it.
    let slot = length + (BYTES[key] as number) * 7 + (BYTES[key + (length >> 1)] as number) * 5
    slot += (BYTES[last] as number) * 31
    if (length > 1) slot += (BYTES[last - 1] as number) * 97
    for (slot &= SLOTS - 1; SLOT_GENERATION[slot] === generation; slot = (slot + 1) & (SLOTS - 1)) {
      if (patience-- === 0) return false
      const other = SLOT_KEY[slot] as number
      if (KEYS[other + 1] === length && isSame(key, KEYS[other] as number, length)) return false
    }
    SLOT_GENERATION[slot] = generation
    SLOT_KEY[slot] = k
  }
  return true
}

function isSame(a: number, b: number, length: number): boolean {
  for (let i = 0; i < length; i++) if (BYTES[a + i] !== BYTES[b + i]) return false
  return true
}

/** The slow way to know, for a small part that is unusual. */
function isCanonical(json: string): boolean {
  try {
    return JSON.stringify(JSON.parse(json)) === json
  } catch {
    return false
  }
}

function isAt(expected: Uint8Array, i: number): boolean {
  if (i < 0) return false
  for (let k = 0; k < expected.length; k++) if (BYTES[i + k] !== expected[k]) return false
  return true
}

function isDigit(byte: number): boolean {
  return byte >= ZERO && byte <= NINE
}

/** Turns offsets in bytes, ascending through all `lists`, into offsets in UTF-16 code units. */
function inCodeUnits(lists: number[][]): void {
  const bytes = BYTES
  let byte = 0
  let surplus = 0
  for (const list of lists) {
    for (let k = 0; k < list.length; k++) {
      const end = list[k] as number
      for (; byte < end; byte++) {
        const value = bytes[byte] as number
        if (value < 0x80) continue
        // Bytes that continue a character are no units; four of them together are two.
        if (value < 0xc0) surplus += 1
        else if (value >= 0xf0) surplus -= 1
      }
      list[k] = end - surplus
    }
  }
}

const REFUSED = -1

const MAX_DEPTH = 64

/** In longer strings four bytes at a time are faster. */
const SHORT = 24

// Scratch, for one call at a time. Typed arrays that never change are the fastest to read.
const BYTES = Buffer.alloc(MAX_TEXT_BYTES + 9)
const WORDS = new Int32Array(BYTES.buffer, BYTES.byteOffset, BYTES.length >> 2)
let encoding: 'latin1' | 'utf8' = 'latin1'
const KEYS = new Int32Array(4096)
const IS_OBJECT = new Uint8Array(MAX_DEPTH + 1)
const OUTER_FIRST_KEY = new Int32Array(MAX_DEPTH + 1)

/** A hash table that is emptied by counting up. */
const SLOTS = 1024
const SLOT_GENERATION = new Float64Array(SLOTS)
const SLOT_KEY = new Int32Array(SLOTS)
let generation = 0

const ID_FIELD = Buffer.from('{"id":"')
const DATA_FIELD = Buffer.from('","data":{')
const FLASH_NEXT_FIELD = Buffer.from(',"flash_next":{')
const TRUE = Buffer.from('true')
const FALSE = Buffer.from('false')
const NULL = Buffer.from('null')

const QUOTE = 0x22
const COMMA = 0x2c
const MINUS = 0x2d
const DOT = 0x2e
const ZERO = 0x30
const NINE = 0x39
const COLON = 0x3a
const OPEN_BRACKET = 0x5b
const BACKSLASH = 0x5c
const CLOSE_BRACKET = 0x5d
const LETTER_E = 0x65
const LETTER_U = 0x75
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d

/** 1 for the bytes that stand in a string as they are. */
const IS_PLAIN = new Uint8Array(256).fill(1, 0x20)
IS_PLAIN[QUOTE] = 0
IS_PLAIN[BACKSLASH] = 0

const IS_IN_NUMBER = new Uint8Array(256)
for (const byte of Buffer.from('0123456789+-.eE')) IS_IN_NUMBER[byte] = 1

/** 1 for what may follow a backslash. Not the slash, which is written as it is. */
const IS_ESCAPE = new Uint8Array(256)
for (const byte of Buffer.from('"\\bfnrtu')) IS_ESCAPE[byte] = 1
