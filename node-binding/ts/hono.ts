/**
 * Mounts sessions on a Hono application.
 *
 *   const app = new Hono<SessionEnv>()
 *   app.use(session({ secret: process.env.SESSION_SECRET }))
 *   app.get('/', (c) => c.text(`Hello ${c.get('session').get('user', 'stranger')}`))
 *
 * The session is saved when the handler has answered and before the first header leaves. What
 * a streamed body writes to the session later is not saved.
 */

import type { Context, MiddlewareHandler } from 'hono'
import { type ResolvedConfig, resolveConfig, type SessionOptions, withDefaults } from './config.js'
import { SessionEngine } from './engine.js'
import {
  closeSession,
  isUpgrade,
  leaveAsItIs,
  noteUserAgent,
  openSession,
  reportSaveFailure,
} from './request.js'
import { _runWithSession } from './session.js'
import type { SessionInstance } from './session-instance.js'
import { appendSetCookie, keepFromOthers } from './set-cookie.js'

/** For `new Hono<SessionEnv>()`: gives `c.get('session')` its type. */
export interface SessionEnv {
  Variables: {
    session: SessionInstance
  }
}

/** A Hono middleware that also offers its engine: `stats()` and `close()`. */
export type SessionHandler = MiddlewareHandler<SessionEnv> & { readonly engine: SessionEngine }

/**
 * A middleware that sets `c.get('session')` and the current session of the `Session` facade.
 *
 * Unlike `sessionMiddleware` it stores and sends nothing for a visitor until there is data
 * (`storeEmpty: false`).
 *
 * @throws {SessionConfigError} at once, if the options are wrong.
 */
export function session(options: SessionOptions): SessionHandler {
  const engine = new SessionEngine(resolveConfig(withDefaults(options), false))
  let warned = false

  const handler: MiddlewareHandler<SessionEnv> = async (c, next) => {
    const outer = c.get('session') as SessionInstance | undefined
    if (outer) {
      if (!warned) console.warn(INSTALLED_TWICE)
      warned = true
      return _runWithSession(outer, next)
    }

    const opened = openSession(engine, c.req.header('cookie') ?? '')
    const session = opened instanceof Promise ? await opened : opened
    if (engine.userBinding !== null) noteUserAgent(session, c.req.header('user-agent'))
    if (session.isDirty() && isUpgrade(c.req.header('upgrade'))) leaveAsItIs(session)
    c.set('session', session)
    try {
      await _runWithSession(session, next)
    } finally {
      const saved = closeSession(session)
      const text = saved instanceof Promise ? await saved : saved
      if (text !== null) appendCookie(c, text, engine.config)
    }
  }

  return Object.assign(handler, { engine })
}

/** Adds one `Set-Cookie`, next to those that the handler has set. */
function appendCookie(c: Context, text: string, config: ResolvedConfig): void {
  if (!c.finalized) {
    // An error page is still to be made, of these headers and its own.
    c.header('Set-Cookie', text, { append: true })
    if (config.cacheHeaders) c.header('Cache-Control', 'private, no-store')
    return
  }
  try {
    appendSetCookie({ raw: c }, text, config.cacheHeaders)
  } catch {
    replaceResponse(c, text, config)
  }
}

/** For responses whose headers cannot change: `Response.redirect()`, and what `fetch` answers. */
function replaceResponse(c: Context, text: string, config: ResolvedConfig): void {
  const { body, status, statusText, headers } = c.res
  try {
    const copy = new Response(body, { status, statusText, headers: new Headers(headers) })
    copy.headers.append('Set-Cookie', text)
    if (config.cacheHeaders) keepFromOthers(copy.headers, true)
    // Hono merges the headers of a response that is replaced into the new one, and by that
    // loses the cookies of the new one. So there is none to merge.
    c.res = undefined
    c.res = copy
  } catch (error) {
    // Response.error() and upgrades have a status that no copy can have.
    reportSaveFailure(error, config)
  }
}

const INSTALLED_TWICE =
  '[Rudder] The session middleware is installed more than once on this Hono pipeline. The first ' +
  'one has the session; this one adds nothing.'
