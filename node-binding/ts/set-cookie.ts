/**
 * Writes the text of a `Set-Cookie` header, and hands it to a response.
 *
 *   name=value; Path=/; Max-Age=7200; SameSite=lax[; HttpOnly][; Secure]
 *     [; Domain=example.org][; Partitioned][; Priority=High]
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
  if (cookie.domain) text += `; Domain=${cookie.domain}`
  if (cookie.partitioned) text += '; Partitioned'
  if (cookie.priority) text += `; Priority=${PRIORITIES[cookie.priority]}`
  return text
}

/**
 * A response as far as a cookie concerns it: one of Node, one whose `raw` is one of Node, or one
 * of RudderJS, whose `raw` is a Hono context or looks alike.
 */
export interface CookieResponse {
  raw?: unknown
  setHeader?: unknown
}

/**
 * Adds the header to `res`.
 *
 * To the finished Response if there is one, in place: a copy would fold several `Set-Cookie`
 * headers into one. Else to the context, which keeps it for the Response to come.
 *
 * A response of any other shape has nowhere to put a cookie and stays as it is.
 *
 * @param cacheHeaders Whether to tell caches about it, too; see `keepFromOthers`.
 */
export function appendSetCookie(res: CookieResponse, text: string, cacheHeaders: boolean): void {
  const raw = res?.raw as RawContext | null | undefined
  const headers = raw?.res?.headers
  if (headers) {
    headers.append('Set-Cookie', text)
    if (cacheHeaders) keepFromOthers(headers, raw.finalized !== false)
  } else if (typeof raw?.header === 'function') raw.header('Set-Cookie', text)
  else {
    const node = [res as unknown, raw].find(isOfNode)
    if (node) appendToNode(node, text, cacheHeaders)
  }
}

/** Adds the header to a response of Node, next to the cookies that are there already. */
export function appendToNode(res: NodeResponse, text: string, cacheHeaders: boolean): void {
  const others = [res.getHeader('Set-Cookie') ?? []].flat().map(String)
  res.setHeader('Set-Cookie', [...others, text])
  if (!cacheHeaders) return
  const get = (name: string) => {
    const value = res.getHeader(name)
    return value === undefined ? null : [value].flat().join(', ')
  }
  keepFromOthers({ get, set: (name, value) => void res.setHeader(name, value) }, true)
}

function isOfNode(res: unknown): res is NodeResponse {
  const { getHeader, setHeader } = (res ?? {}) as Partial<NodeResponse>
  return typeof getHeader === 'function' && typeof setHeader === 'function'
}

interface NodeResponse {
  getHeader(name: string): number | string | string[] | undefined
  setHeader(name: string, value: string | string[]): unknown
}

/**
 * Tells caches that a response is for one visitor: `Vary: Cookie` and `Cache-Control: private`,
 * next to what is there already. `no-store` says more and stays as it is.
 *
 * @param isFinal Whether the handler's own headers are in there. If not, these will be put over
 *   them, and only what is safe over anything may be said.
 */
export function keepFromOthers(headers: HeaderFields, isFinal: boolean): void {
  if (!isFinal) {
    headers.set('Cache-Control', 'private, no-store')
    return
  }
  const vary = directives(headers.get('Vary'))
  if (!vary.some((name) => name === '*' || /^cookie$/i.test(name))) {
    headers.set('Vary', [...vary, 'Cookie'].join(', '))
  }
  const cache = directives(headers.get('Cache-Control'))
  if (cache.some((name) => /^(private|no-store)$/i.test(name))) return
  const others = cache.filter((name) => !/^public$/i.test(name))
  headers.set('Cache-Control', ['private', ...others].join(', '))
}

/** The header fields of a response: `Headers`, or what stands for them. */
type HeaderFields = Pick<Headers, 'get' | 'set'>

function directives(value: string | null): string[] {
  return value === null
    ? []
    : value
        .split(',')
        .map((it) => it.trim())
        .filter(Boolean)
}

interface RawContext {
  /** Of Hono: whether `res` is what a handler has answered. */
  finalized?: boolean
  res?: { headers?: Headers }
  header?: (name: string, value: string) => unknown
}

const PRIORITIES = { low: 'Low', medium: 'Medium', high: 'High' }
