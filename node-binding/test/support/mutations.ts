/** Damages text and cookies in ways that follow from a seed, for tests that compare two readers. */

/** The text with a piece put in, or put in the place of another, or cut out, or put twice. */
export function edited(random: Random, text: string, pieces: readonly string[]): string {
  const from = random(text.length + 1)
  const to = Math.min(text.length, from + random(6))
  const piece = [pick(random, pieces), '', text.slice(from, to).repeat(2)][random(3)] as string
  return text.slice(0, from) + piece + text.slice(random(2) === 0 ? from : to)
}

export const PAYLOADS = [
  '{"id":"a","data":{"user":"alice","n":1},"flash_next":{"note":"x"},"exp":1700007200000}',
  '{"id":"3f2b8c1e","data":{},"flash_next":{},"exp":1700000000000}',
  '{"id":"","data":{"10":1,"2":-0,"x":1e21},"flash_next":null,"exp":1699999999999}',
  '{"id":"a","data":{"__proto__":{"x":1},"constructor":{"prototype":{"x":1}}},"flash_next":{}}',
  '{"id":"\\ud800","data":{"deep":[[{"a":[1,"\u2028",true,null]}]]},"exp":1e400}',
  '{"__proto__":{"id":"p"},"id":"a","data":[1,2],"flash_next":"xy","exp":"1"}',
  ' { "exp" : 1700007200000.5 , "data" : {"a":1,"a":2} , "id" : "b" , "created_at" : 5 } ',
]

export const JSON_PIECES = [
  ...['"', '\\', '{', '}', '[', ']', ',', ':', ' ', '\t', '\u00a0', '\ufeff', '0', '-', '.', 'e9'],
  ...['null', 'true', '{}', '[]', '""', '"id":', '"id":"z",', '"exp":1,', '"exp":null,', '"a":'],
  ...[
    '"data":{"__proto__":1},',
    '"flash_next":[],',
    '\\u0061',
    '\\ud83d',
    '\ud83c\udf6a',
    '\u0000',
  ],
  ...['123456789012345678901234567890', '1e400', '-0', '01', '"__proto__":{"x":2},', '[[[[[[[['],
]

export const BASE64URL = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

export const CODE_PIECES = [
  ...['=', '==', '.', '+', '/', '-', '_', 'A', 'AAAA', ' ', '\n', '!', '\u00e9', '\ud800', '%3D'],
]

export type Random = (limit: number) => number

/** Numbers that follow from the seed alone. */
export function randomNumbers(seed: number): Random {
  let state = seed >>> 0
  return (limit) => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit
  }
}

export function pick(random: Random, from: readonly string[]): string {
  return from[random(from.length)] as string
}

/** All that a payload could have put where every object has it. */
export function snapshot() {
  const prototypes = [Object, Array, String, Number, Boolean, Function].map((it) => it.prototype)
  return prototypes.map((it) => [Object.getPrototypeOf(it), Object.getOwnPropertyDescriptors(it)])
}
