/**
 * Takes the text of a `Set-Cookie` header apart, for showing it.
 *
 *   name=value.signature; Attribute=...; ...  -->  CookieParts
 *
 * Verifies nothing.
 */

export interface CookieParts {
  name: string
  /** What is signed: the record itself, or the id of one. */
  value: string
  signature: string
  /** As sent: `Path=/`, `HttpOnly`. */
  attributes: string[]
  /** What counts against the browser's limit: name and value, attributes left out. */
  bytes: number
}

/** The most that browsers keep of one cookie; they drop a longer one without a word. */
export const MAX_COOKIE_BYTES = 4096

export function cookieParts(setCookie: string): CookieParts {
  const [pair = '', ...attributes] = setCookie.split('; ')
  const equals = pair.indexOf('=')
  const signed = pair.slice(equals + 1)
  const dot = signed.lastIndexOf('.')
  return {
    name: pair.slice(0, equals),
    value: signed.slice(0, dot),
    signature: signed.slice(dot + 1),
    attributes,
    bytes: Buffer.byteLength(pair) - 1,
  }
}
