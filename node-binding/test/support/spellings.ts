/** Makes JSON text in all the ways that one can write it, and damages text. For properties. */

import fc from 'fast-check'

/** Any string, halves of surrogate pairs included. */
export const anyString = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.array(fc.nat(0xffff)).map((units) => String.fromCharCode(...units)),
)

const space = fc.constantFrom('', '', '', ' ', '\n', '\t \r')

const number = fc.constantFrom(
  ...['0', '-0', '1', '1.0', '1e2', '100', '-1.5E-7', '1e400', '-1E+400', '0.1', '1e21'],
  '123456789012345678901234567890',
)

const letters = ['a', '\u00e9', '\ud83c\udf6a', '\u2028', '\\n', '\\"', '\\\\', '\\u0061', '\\/']
const halves = ['\\ud800', '\\uDC00', '\\u0000']
const string = fc
  .array(fc.constantFrom(...letters, ...halves, '"'.repeat(0), '{', '}', '[', ']', ',', ':', ' '))
  .map((pieces) => `"${pieces.join('')}"`)

/** Few of them, so that they meet: some are one key in two spellings. */
const key = fc.constantFrom(
  ...['"a"', '"\\u0061"', '"b"', '"1"', '"10"', '"__proto__"', '"\\ud800"', '"\\uD800"', '""'],
)

const { value } = fc.letrec<{ value: string }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.constantFrom('null', 'true', 'false'),
    number,
    string,
    spelledArray(tie('value')),
    spelledObject(key, tie('value')),
  ),
}))

/** A JSON value as text. */
export const spelledValue = value

/** The data of a session as text. */
export const spelledData = spelledObject(key, value)

/** What a client may have got signed: mostly payloads, in all spellings, and other JSON. */
export const spelledPayload = fc.oneof(
  { weight: 4, arbitrary: payloadWith(fc.constant('"id":"some-id"')) },
  { weight: 1, arbitrary: payloadWith(fc.constantFrom('"id":7', '"id":"\\u0069"', '"ID":"x"')) },
  { weight: 1, arbitrary: value },
)

function payloadWith(id: fc.Arbitrary<string>): fc.Arbitrary<string> {
  const named = (names: string[], value: fc.Arbitrary<string>) =>
    fc.tuple(fc.constantFrom(...names), space, space, value).map((parts) => {
      const [name, before, after, value] = parts
      return `${before}"${name}"${before}:${after}${value}${after}`
    })
  const field = fc.oneof(
    named(['data', 'd\\u0061ta'], fc.oneof(spelledData, value)),
    named(['flash_next'], fc.oneof(spelledData, value)),
    named(
      ['exp', '\\u0065xp'],
      fc.oneof(fc.constantFrom('1000', '1001.5', '1e400', '"1"'), number),
    ),
    named(['other', 'toString'], value),
  )
  return fc
    .tuple(id, fc.array(field, { maxLength: 5 }), fc.nat(), space)
    .map(([id, fields, at, space]) => {
      const place = at % (fields.length + 1)
      return `${space}{${fields.toSpliced(place, 0, id).join()}}${space}`
    })
}

function spelledArray(element: fc.Arbitrary<string>): fc.Arbitrary<string> {
  return fc
    .tuple(fc.array(element, { maxLength: 4 }), space, space)
    .map(([elements, before, after]) => `[${before}${elements.join(`${after},${before}`)}${after}]`)
}

function spelledObject(
  key: fc.Arbitrary<string>,
  value: fc.Arbitrary<string>,
): fc.Arbitrary<string> {
  const member = fc
    .tuple(key, space, space, value)
    .map(([key, before, after, value]) => `${key}${before}:${after}${value}`)
  return fc
    .tuple(fc.array(member, { maxLength: 4 }), space, space)
    .map(([members, before, after]) => `{${before}${members.join(`${after},${before}`)}${after}}`)
}

/** A text, and mostly a slightly damaged one. */
export function damaged(text: fc.Arbitrary<string>): fc.Arbitrary<string> {
  const piece = fc.oneof(
    fc.constantFrom(
      '',
      '.',
      '=',
      '-',
      '_',
      '+',
      'A',
      'w',
      '\n',
      ' ',
      '"',
      '\\',
      '{',
      '}',
      ',',
      '0',
    ),
    fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
  )
  return fc
    .tuple(text, fc.nat(), fc.nat(3), piece, fc.boolean())
    .map(([text, at, cut, piece, isWhole]) => {
      if (isWhole) return text
      // Often near the end, where signatures and brackets are.
      const place = at % 3 === 0 ? Math.max(text.length - 1 - (at % 44), 0) : at % (text.length + 1)
      return text.slice(0, place) + piece + text.slice(place + cut)
    })
}
