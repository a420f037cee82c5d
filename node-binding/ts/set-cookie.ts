/**
 * Writes the text of a `Set-Cookie` header, and hands it to a response.
 *
 *   name=value; Path=/; Max-Age=7200; SameSite=lax[; HttpOnly][; Secure]
 *
 * Attributes were checked when the configuration was (see config), so nothing is checked here.
 */

import type { CookieConfig } from './config.js'

/** The header's text. `Secure` is added for `sameSite: 'none'`, which browsers refuse without. */
export function setCookieText(value: string, cookie: CookieConfig, maxAgeSeconds: number): string {
  let text = `${cookie.name}=${value}; Path=${cookie.path}; Max-Age=${maxAgeSeconds}`
  text += `; SameSite=${cookie.sameSite}`
  if (cookie.httpOnly) text += '; HttpOnly'
  if (cookie.secure || cookie.sameSite === 'none') text += '; Secure'
  return text
}

/** A RudderJS response as far as a cookie concerns it: `raw` is a Hono context or looks alike. */
export interface CookieResponse {
  raw?: unknown
}

/**
 * Adds the header to `res`.
 *
 * To the finished Response if there is one, in place: a copy would fold several `Set-Cookie`
 * headers into one. Else to the context, which keeps it for the Response to come.
 *
 * A response of any other shape has nowhere to put a cookie and stays as it is.
 */
export function appendSetCookie(res: CookieResponse, text: string): void {
  const raw = res?.raw as RawContext | null | undefined
  if (raw?.res?.headers) raw.res.headers.append('Set-Cookie', text)
  else if (typeof raw?.header === 'function') raw.header('Set-Cookie', text)
}

interface RawContext {
  res?: { headers?: Headers }
  header?: (name: string, value: string) => unknown
}
