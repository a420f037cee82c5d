/** Makes JSON text as any serialiser might spell it, and as somebody with the key might forge it. */

import fc from 'fast-check'

/** How often a property is tried. `FC_SEED` repeats what a failure has printed as its seed. */
export function runs(numRuns: number): { numRuns: number; seed?: number } {
  const { FC_SEED } = process.env
  return FC_SEED === undefined ? { numRuns } : { numRuns, seed: Number(FC_SEED) }
}

/** Keys that any application has. Few, so that a sequence of calls meets one again. */
const usualKey = fc.constantFrom('a', 'b', 'cart')

/**
 * These, and keys that are someone's special case.
 *
 * None has a backslash: after one that has, the JSON.parse of Node 24 reads other keys with
 * escapes wrongly (nodejs/node#63785).
 */
export const key = fc.oneof(
  { weight: 6, arbitrary: usualKey },
  { weight: 2, arbitrary: fc.constantFrom('', '__proto__', 'toJSON', '10', '2', '-1', '1a', 'id') },
  {
    weight: 1,
    arbitrary: fc.constantFrom('\n', '"', '\u00e9', '\u{1f600}', '\ud800'),
  },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 30 }).filter(hasNoBackslash) },
)

function hasNoBackslash(text: string): boolean {
  return !text.includes('\\')
}

/** What JSON can hold, with keys as above. */
export const jsonValue = fc.letrec<{ value: unknown; object: Record<string, unknown> }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, depthSize: 'small' },
    fc.jsonValue({ maxDepth: 0, noUnicodeString: false }),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.integer(),
    fc.string({ maxLength: 40 }),
    fc.array(tie('value'), { maxLength: 4 }),
    tie('object'),
  ),
  object: fc
    .array(fc.tuple(key, tie('value')), { maxLength: 5 })
    .map((entries) => Object.fromEntries(entries)),
}))

const gap = fc.oneof(
  { weight: 12, arbitrary: fc.constant('') },
  { weight: 1, arbitrary: fc.constantFrom(' ', '\n', '\t \r') },
)

const numberText = fc.oneof(
  fc.constantFrom('0', '-0', '1', '1.0', '1.5', '-1.50', '0.1', '1e400', '-1e-400', '1e21', '1E5'),
  fc.constantFrom('1e+21', '1.5e-7', '0.0000001', '0.000001', '5e-324', '9007199254740993'),
  fc.constantFrom('123456789012345', '1234567890123456', '3'.repeat(30), '-7', '0.1234567'),
  fc.constantFrom('01', '-', '1.', '.5', '+1', '1e', '0x1', 'NaN', '-Infinity'),
  fc.integer().map(String),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((it) => JSON.stringify(it)),
)

const stringText = fc
  .array(
    fc.oneof(
      {
        weight: 8,
        arbitrary: fc.constantFrom('a', 'b', ' ', '{', '"'.slice(1), ',', ':', ']', '7'),
      },
      {
        weight: 2,
        arbitrary: fc.constantFrom('\u00e9', '\u{1f600}', '\u2028', '\u007f', '\uffff'),
      },
      { weight: 1, arbitrary: fc.constantFrom('\\n', '\\"', '\\\\', '\\u0001', '\\ud800') },
      { weight: 1, arbitrary: fc.constantFrom('\\/', '\\u0041', '\\u000A', '\\uD800', '\\u00e9') },
      {
        weight: 1,
        arbitrary: fc.constantFrom('\ud800', '\\ud83d\\ude00', '\u0001', '\\x', 'x'.repeat(40)),
      },
    ),
    { maxLength: 12 },
  )
  .map((pieces) => `"${pieces.join('')}"`)

const keyText = fc.oneof(
  key.map((it) => JSON.stringify(it)),
  stringText.filter((it) => !it.includes('\\\\')),
)

/** JSON text of any spelling, and some that is nearly JSON. */
export const spelledJson = fc.letrec<{ value: string; object: string }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3, depthSize: 'small' },
    fc.constantFrom('null', 'true', 'false', '[]', '{}', 'nul', 'True', ''),
    numberText,
    stringText,
    fc
      .tuple(gap, fc.array(tie('value'), { maxLength: 4 }))
      .map(([gap, values]) => `[${gap}${values.join(`,${gap}`)}]`),
    tie('object'),
  ),
  object: fc
    .array(fc.tuple(gap, keyText, gap, tie('value')), { maxLength: 5 })
    .map((members) => `{${members.map((member) => spelledMember(...member)).join(',')}}`),
}))

function spelledMember(before: string, key: string, between: string, value: string): string {
  return `${before}${key}${between}:${value}`
}

const id = fc.oneof(
  fc.constantFrom('the-id', '', '3f2b8c1e-9d4a-4c6b-8e2f-0a1b2c3d4e5f', 'z\u00f6', '"', '\n'),
  fc.string({ maxLength: 8 }),
)

/** An object of which nothing at the top is unusual. */
const usualObject = fc.record(
  { b: jsonValue.value, a: jsonValue.value, cart: jsonValue.value },
  { requiredKeys: [] },
)

const anyObject = fc.oneof({ weight: 3, arbitrary: usualObject }, jsonValue.object)

/** The text of a payload as `JSON.stringify` writes it. */
export const canonicalPayload = fc
  .record({ id, data: anyObject, flash_next: anyObject })
  .map((payload) => JSON.stringify(payload))

/** The text of a payload of any spelling, with fields that may be missing or of a wrong type. */
export const spelledPayload = fc
  .tuple(
    fc.oneof(
      id.map((it) => JSON.stringify(it)),
      spelledJson.value,
    ),
    spelledJson.object,
    fc.oneof(spelledJson.object, spelledJson.value, fc.constant('{}')),
    fc.constantFrom<(id: string, data: string, flash: string) => string>(
      (id, data, flash) => `{"id":${id},"data":${data},"flash_next":${flash}}`,
      (id, data, flash) => `{"id":${id},"data":${data},"flash_next":${flash}}`,
      (id, data, flash) => `{"id":${id},"data":${data},"flash_next":${flash}}`,
      (id, data, flash) => `{"flash_next":${flash},"data":${data},"id":${id}}`,
      (id, data) => `{"id":${id},"data":${data}}`,
      (id, data, flash) => `{"id":${id},"data":${data},"more":1,"flash_next":${flash}}`,
      (id, data, flash) => `{"id":${id},"data":${data},"flash_next":${flash},"flash_next":{}}`,
      (id, data, flash) => `{"id":${id}, "data":${data},"flash_next":${flash}} `,
    ),
  )
  .map(([id, data, flash, assemble]) => assemble(id, data, flash))

/** Text that differs in one place from the text of a payload. */
export const damagedPayload = fc
  .tuple(
    fc.oneof(canonicalPayload, spelledPayload),
    fc.nat(),
    fc.nat({ max: 2 }),
    fc.constantFrom(...'{}[]",:\\ \n\u0000019-.etu\u00e9\ud800'),
  )
  .map(([text, place, removed, added]) => {
    const at = place % (text.length + 1)
    return text.slice(0, at) + added + text.slice(at + removed)
  })
  // No backslash in a key, as above.
  .filter((text) => !/\\\\[^"]*"\s*:/.test(text))
