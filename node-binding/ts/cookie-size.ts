/**
 * Refuses a cookie that browsers would drop without a word, before it is sent.
 *
 * Knows which part of a session to name: the key whose value is longest as JSON.
 */

import type { PlainObject } from './bag.js'
import { type CookieConfig, DEFAULT_MAX_BYTES } from './config.js'
import { SessionCookieSizeError } from './errors.js'

/**
 * @param contents What is in the session. Asked for only if the cookie does not fit.
 * @throws {SessionCookieSizeError} if name and value are more than the cookie may have.
 */
export function checkCookieSize(
  value: string,
  cookie: CookieConfig,
  contents: () => PlainObject[],
): void {
  // Characters are bytes: the name is a token, and the value base64url.
  const sizeBytes = cookie.name.length + value.length
  const limitBytes = cookie.maxBytes ?? DEFAULT_MAX_BYTES
  if (sizeBytes <= limitBytes) return
  throw new SessionCookieSizeError(sizeBytes, limitBytes, largestKey(contents()))
}

function largestKey(contents: PlainObject[]): string | null {
  const sizes = contents.flatMap((it) =>
    Object.entries(it).map(([key, value]) => [key, JSON.stringify(value)?.length ?? 0] as const),
  )
  return sizes.sort(([, a], [, b]) => b - a)[0]?.[0] ?? null
}
