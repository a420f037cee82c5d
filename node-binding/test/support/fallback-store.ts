/** Opens the stores of the fallback, and says what a call to any store came to. */

import { fromNative } from '../../dist/errors.js'
import { fallback } from '../../dist/fallback/index.js'
import { NativeStore } from '../../dist/native-store.js'

export const { createMemoryCalls, createRedisCalls } = fallback('Of this test.')

export const NOW = 1_700_000_000_000

export function memoryStore(maxBytes = 1 << 20): NativeStore {
  return new NativeStore((drain) => createMemoryCalls({ maxBytes }, drain))
}

/** What a call came to, errors included. */
export async function outcome(call: Promise<unknown>): Promise<unknown> {
  try {
    return (await call) ?? null
  } catch (error) {
    const { name, code, message, retryable, saved } = fromNative(error) as Record<string, unknown>
    return { name, code, message, retryable, saved }
  }
}

export const record = (id: string, data: string, flash = '{}') =>
  `{"id":"${id}","data":${data},"flash_next":${flash}}`
