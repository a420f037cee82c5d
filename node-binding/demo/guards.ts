/** Stands before every route: headers for every answer, and no changes on behalf of other sites. */

import type { MiddlewareHandler } from 'hono'
import { Refusal } from './refusal.js'

/** Sets what every answer carries, error pages and redirects included. */
export const securityHeaders: MiddlewareHandler = async (c, next) => {
  await next()
  for (const [name, value] of Object.entries(HEADERS)) c.res.headers.set(name, value)
  // Pages show a session, so no cache may keep them; files say themselves how long they last.
  if (!c.res.headers.has('Cache-Control')) c.res.headers.set('Cache-Control', 'no-store')
}

/**
 * Refuses changes that another site's page asks for with the visitor's cookie.
 *
 * Browsers say where a request comes from, and scripts cannot change what they say. A request
 * that says nothing is not from a browser, so it carries nobody's cookie but its own.
 */
export const refuseCrossSite: MiddlewareHandler = async (c, next) => {
  if (c.req.method !== 'GET' && c.req.method !== 'HEAD') {
    const site = c.req.header('sec-fetch-site')
    const origin = c.req.header('origin')
    const ours = site ? OWN_SITES.has(site) : !origin || hostOf(origin) === c.req.header('host')
    if (!ours) throw new Refusal(403, 'Not from here', CROSS_SITE)
  }
  await next()
}

function hostOf(origin: string): string | null {
  return URL.canParse(origin) ? new URL(origin).host : null
}

const HEADERS = {
  'Content-Security-Policy': [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    "connect-src 'self'",
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ].join('; '),
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  // Not `no-referrer`: with that, browsers send our own forms with `Origin: null`.
  'Referrer-Policy': 'same-origin',
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
}

/** `none` is a person: an address typed in, a bookmark, a form sent again. */
const OWN_SITES = new Set(['same-origin', 'none'])

const CROSS_SITE = 'This request was sent by a page of another site, so nothing was changed.'
