/**
 * Mounts sessions on a RudderJS pipeline: `(req, res, next)`, with the session in
 * `req.raw.__rjs_session` and the cookie on `res.raw`.
 *
 * Requests and responses of any other shape run through without a crash: what has no place for
 * a session or for a cookie does not get one.
 */

import { type ResolvedConfig, resolveConfig, type SessionConfig } from './config.js'
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
import { appendSetCookie, type CookieResponse } from './set-cookie.js'

/** A RudderJS request, as far as a session concerns it. */
export interface SessionRequest {
  headers?: unknown
  raw?: unknown
}

/** A RudderJS middleware that also offers its engine. */
export interface SessionMiddlewareHandler {
  (req: SessionRequest, res: CookieResponse, next: () => unknown): Promise<unknown>
  readonly engine: SessionEngine
}

/**
 * A middleware that loads the session before `next` and saves it after, even if `next` threw.
 *
 * @throws {SessionConfigError} at once, if the configuration is wrong.
 */
export function sessionMiddleware(config: SessionConfig): SessionMiddlewareHandler {
  const engine = new SessionEngine(resolveConfig(config, true))
  let warned = false

  async function SessionMiddleware(
    req: SessionRequest,
    res: CookieResponse,
    next: () => unknown,
  ): Promise<unknown> {
    const bag = sessionBag(req)
    if (bag?.__rjs_session) {
      if (!warned) console.warn(INSTALLED_TWICE)
      warned = true
      return _runWithSession(bag.__rjs_session, next)
    }

    const opened = openSession(engine, headerOf(req, 'cookie'))
    const session = opened instanceof Promise ? await opened : opened
    if (engine.userBinding !== null) noteUserAgent(session, headerOf(req, 'user-agent'))
    if (session.isDirty() && isUpgrade(headerOf(req, 'upgrade'))) leaveAsItIs(session)
    if (bag) putInto(bag, session)
    try {
      const answer = _runWithSession(session, next)
      // No waiting where there is nothing to wait for, as in `openSession`.
      return isThenable(answer) ? await answer : answer
    } finally {
      const saved = closeSession(session)
      const text = saved instanceof Promise ? await saved : saved
      if (text !== null) appendCookie(res, text, engine.config)
    }
  }

  return Object.assign(SessionMiddleware, {
    [Symbol.for('rudderjs.requestContext')]: true,
    [Symbol.for('rudderjs.sessionMiddleware')]: true,
    engine,
  })
}

function isThenable(value: unknown): boolean {
  return typeof (value as { then?: unknown } | null | undefined)?.then === 'function'
}

function appendCookie(res: CookieResponse, text: string, config: ResolvedConfig): void {
  try {
    appendSetCookie(res, text, config.cacheHeaders)
  } catch (error) {
    // Headers that cannot change.
    reportSaveFailure(error, config)
  }
}

interface SessionBag {
  __rjs_session?: SessionInstance
}

function sessionBag(req: SessionRequest): SessionBag | null {
  const raw = req?.raw
  return typeof raw === 'object' && raw !== null ? raw : null
}

function putInto(bag: SessionBag, session: SessionInstance): void {
  try {
    bag.__rjs_session = session
  } catch {
    // One that takes nothing new. Trying costs less than asking it first.
  }
}

/** From `req.headers`, be it an object or Headers, else from the Hono context in `req.raw`. */
function headerOf(req: SessionRequest, name: 'cookie' | 'upgrade' | 'user-agent'): string {
  const headers = req?.headers as HeaderSource | null | undefined
  const own = typeof headers?.get === 'function' ? headers.get(name) : headers?.[name]
  if (Array.isArray(own)) return own.join('; ')
  if (typeof own === 'string') return own
  const context = req?.raw as { req?: { header?: unknown } } | null | undefined
  const header = context?.req?.header
  const outer = typeof header === 'function' ? header.call(context?.req, name) : undefined
  return typeof outer === 'string' ? outer : ''
}

interface HeaderSource {
  get?: (name: string) => unknown
  cookie?: unknown
  upgrade?: unknown
  'user-agent'?: unknown
}

const INSTALLED_TWICE =
  '[Rudder] sessionMiddleware is installed more than once on this request pipeline. The first ' +
  'one has the session; this one adds nothing. The "web" group installs it by itself.'
