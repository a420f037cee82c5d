/**
 * Refuses to save a session that has grown out of all proportion: in bytes, keys or nesting.
 *
 *   {"id":..,"data":{"a":[[1]],"b":2},"flash_next":{"c":3}}    3 keys; 2 levels
 *
 * Keys are those of the data and of the flash values, not those inside of values. Levels are the
 * arrays and objects around what is innermost in the value of a key. What is read is not checked,
 * and what has been over a limit may be saved again as long as it gets no larger, so no visitor
 * is locked out by a limit that is new. Text that is too short to break a limit is not looked at.
 */

import { SessionLimitError } from './errors.js'
import { invalid, positiveInteger } from './refusals.js'

/** What a session may have when it is saved. */
export interface LimitsConfig {
  /** Bytes of the JSON of the session. Default 16 MiB. */
  maxBytes?: number
  /** Levels of arrays and objects in a value. Default 10,000: more than Node can write. */
  maxDepth?: number
  /** Keys of the data and of the flash values together. Default 10,000. */
  maxKeys?: number
}

const DEFAULTS: Required<LimitsConfig> = {
  maxBytes: 16 * 1024 * 1024,
  maxDepth: 10_000,
  maxKeys: 10_000,
}

/** @throws {SessionConfigError} that names the field. */
export function resolveLimits(limits: LimitsConfig): Required<LimitsConfig> {
  if (typeof limits !== 'object' || limits === null) throw invalid('limits', 'expected an object')
  return {
    maxBytes: positiveInteger('limits.maxBytes', limits.maxBytes ?? DEFAULTS.maxBytes),
    maxDepth: positiveInteger('limits.maxDepth', limits.maxDepth ?? DEFAULTS.maxDepth),
    maxKeys: positiveInteger('limits.maxKeys', limits.maxKeys ?? DEFAULTS.maxKeys),
  }
}

/**
 * The text that `write` gives, unless it has more of anything than it may have.
 *
 * @param base The text that it is to be saved onto, if there is any. Asked for only over a limit.
 * @throws {SessionLimitError}
 */
export function limitedText(
  write: () => string,
  limits: LimitsConfig | undefined,
  base: () => string | null,
): string {
  const maxDepth = limits?.maxDepth ?? DEFAULTS.maxDepth
  const text = written(write, maxDepth)
  const maxBytes = limits?.maxBytes ?? DEFAULTS.maxBytes
  const maxKeys = limits?.maxKeys ?? DEFAULTS.maxKeys
  const { length } = text
  const check = (option: keyof LimitsConfig, limit: number, measure: (text: string) => number) => {
    const found = measure(text)
    if (found <= limit) return
    const before = base()
    if (before === null || measure(before) < found) {
      throw new SessionLimitError(option, limit, found)
    }
  }
  if (length * MAX_BYTES_PER_UNIT > maxBytes) check('maxBytes', maxBytes, Buffer.byteLength)
  if (length / UNITS_PER_KEY > maxKeys) check('maxKeys', maxKeys, (it) => measured(it).keys)
  if (length / UNITS_PER_LEVEL > maxDepth) check('maxDepth', maxDepth, (it) => measured(it).depth)
  return text
}

/** `JSON.stringify` runs out of stack after some thousand levels. */
function written(write: () => string, maxDepth: number): string {
  try {
    return write()
  } catch (error) {
    const isTooDeep = error instanceof RangeError && error.message.includes('call stack')
    throw isTooDeep ? new SessionLimitError('maxDepth', maxDepth, null, { cause: error }) : error
  }
}

/** What the text of a payload has, in whatever order its fields are. */
function measured(text: string): { keys: number; depth: number } {
  let [level, keys, depth] = [0, 0, 0]
  let counts = false
  for (let at = 0; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case QUOTE: {
        const end = stringEnd(text, at)
        // The name of a field; that a value is taken for one makes no difference, a name follows.
        if (level === FIELDS) counts = COUNTED.includes(text.slice(at + 1, end))
        at = end
        break
      }
      case COLON:
        if (counts && level === MEMBERS) keys += 1
        break
      case OPEN_BRACE:
      case OPEN_BRACKET:
        level += 1
        if (counts && level - MEMBERS > depth) depth = level - MEMBERS
        break
      case CLOSE_BRACE:
      case CLOSE_BRACKET:
        level -= 1
    }
  }
  return { keys, depth }
}

/** The closing quote of the string that opens at `from`. */
function stringEnd(text: string, from: number): number {
  let at = from + 1
  for (let code = text.charCodeAt(at); code !== QUOTE; code = text.charCodeAt(at)) {
    if (at >= text.length) return at
    at += code === BACKSLASH ? 2 : 1
  }
  return at
}

/** Levels of the payload itself: its fields, and the members of two of them. */
const FIELDS = 1
const MEMBERS = 2

const COUNTED = ['data', 'flash_next']

const MAX_BYTES_PER_UNIT = 3

/** `"":1` is the least that a key takes. */
const UNITS_PER_KEY = 4

/** Each level is opened and closed. */
const UNITS_PER_LEVEL = 2

const QUOTE = 0x22
const COLON = 0x3a
const OPEN_BRACKET = 0x5b
const BACKSLASH = 0x5c
const CLOSE_BRACKET = 0x5d
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d
