// Makes the sessions that are measured with: what an application keeps, of a given size.

import { randomUUID } from 'node:crypto'

/** The text of a payload of exactly `bytes` bytes, another one at each call. */
export function payloadText(bytes) {
  const payload = { id: randomUUID(), data: {}, flash_next: {} }
  const size = () => JSON.stringify(payload).length
  for (let n = 0; size() + 110 < bytes; n++) {
    payload.data[`item${n}`] = {
      sku: `A-${1000 + n}`,
      name: 'coffee "beans"',
      count: 2,
      price: 3.5,
    }
  }
  if (size() + 10 <= bytes) payload.data.note = ''
  if (payload.data.note === '') payload.data.note = 'x'.repeat(bytes - size())
  return flat(JSON.stringify(payload))
}

/** The same text in one piece: how it was put together must not be measured. */
export function flat(text) {
  return Buffer.from(text, 'utf8').toString('utf8')
}

export const SECRET = 'a secret of the benches, 32 chars'
