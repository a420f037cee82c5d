/**
 * Finds the pieces of JSON text, so that values can be carried on as they are written.
 *
 *   {"a": 1.0,"b":[2]}   -->   ['"a"', '1.0'], ['"b"', '[2]']
 *
 * Only for text that `JSON.parse` has accepted: what is no JSON gives nonsense. No recursion, so
 * depth costs nothing but its own length. Knows nothing of sessions.
 */

/** The members of the object that `text` is: each key as it is written, and its value. */
export function* members(text: string): Generator<[key: string, value: string]> {
  let at = afterSpace(text, afterSpace(text, 0) + 1)
  while (text[at] !== '}') {
    const keyEnd = stringEnd(text, at)
    const key = text.slice(at, keyEnd)
    // Behind the key there is a colon, and a value.
    const from = afterSpace(text, afterSpace(text, keyEnd) + 1)
    const end = valueEnd(text, from)
    yield [key, text.slice(from, end)]
    at = afterComma(text, end)
  }
}

/** The elements of the array that `text` is. */
export function* elements(text: string): Generator<string> {
  let at = afterSpace(text, afterSpace(text, 0) + 1)
  while (text[at] !== ']') {
    const end = valueEnd(text, at)
    yield text.slice(at, end)
    at = afterComma(text, end)
  }
}

/**
 * Whether two values mean the same to JavaScript, however they are spelled. The order of keys
 * counts, and so do keys that are there twice.
 */
export function same(left: string, right: string): boolean {
  if (left === right) return true
  const [ours, theirs] = [tokens(left), tokens(right)]
  for (;;) {
    const [one, other] = [ours.next(), theirs.next()]
    if (one.done || other.done) return one.done === other.done
    if (one.value !== other.value) return false
  }
}

/** Numbers as numbers; strings decoded, with a quote in front; everything else as it is. */
function* tokens(text: string): Generator<number | string> {
  for (let at = afterSpace(text, 0); at < text.length; ) {
    const end = tokenEnd(text, at)
    const token = text.slice(at, end)
    const first = token[0] as string
    if (first === '"') yield `"${JSON.parse(token)}`
    else yield first === '-' || (first >= '0' && first <= '9') ? Number(token) : token
    at = afterSpace(text, end)
  }
}

function valueEnd(text: string, from: number): number {
  let depth = 0
  let at = from
  do {
    at = afterSpace(text, at)
    const first = text[at]
    if (first === '{' || first === '[') depth += 1
    if (first === '}' || first === ']') depth -= 1
    at = tokenEnd(text, at)
  } while (depth > 0)
  return at
}

function tokenEnd(text: string, at: number): number {
  const first = text[at] as string
  if (first === '"') return stringEnd(text, at)
  if ('{}[],:'.includes(first)) return at + 1
  let end = at + 1
  while (end < text.length && !'{}[],: \t\n\r'.includes(text[end] as string)) end += 1
  return end
}

/** To behind the closing quote of the string that opens at `from`. */
function stringEnd(text: string, from: number): number {
  for (let quote = from; ; ) {
    quote = text.indexOf('"', quote + 1)
    let backslashes = 0
    while (text[quote - 1 - backslashes] === '\\') backslashes += 1
    // An odd one out makes the quote part of the string.
    if (backslashes % 2 === 0) return quote + 1
  }
}

function afterComma(text: string, from: number): number {
  const at = afterSpace(text, from)
  return text[at] === ',' ? afterSpace(text, at + 1) : at
}

function afterSpace(text: string, from: number): number {
  let at = from
  while (at < text.length && ' \t\n\r'.includes(text[at] as string)) at += 1
  return at
}
