/**
 * Gives a Node request its session: what the adapters for servers on `node:http` share.
 *
 *   request --openSession--> req.session ... first byte of the response --closeSession--> Set-Cookie
 */

import type { IncomingMessage, ServerResponse } from 'node:http'
import { resolveConfig, type SessionOptions, withDefaults } from './config.js'
import { SessionEngine } from './engine.js'
import { holdResponse } from './held-response.js'
import { closeSession, isUpgrade, leaveAsItIs, noteUserAgent, openSession } from './request.js'
import { _runWithSession } from './session.js'
import { SessionInstance } from './session-instance.js'

/** A middleware of `(req, res, next)` that also offers its engine: `stats()` and `close()`. */
export interface ConnectMiddleware {
  (req: IncomingMessage, res: ServerResponse, next: (error?: unknown) => void): void
  readonly engine: SessionEngine
}

/**
 * An engine with the defaults of the adapters, which store and send nothing for a visitor until
 * there is data (`storeEmpty: false`).
 *
 * @throws {SessionConfigError} at once, if the options are wrong.
 */
export function engineOf(options: SessionOptions): SessionEngine {
  return new SessionEngine(resolveConfig(withDefaults(options), false))
}

/**
 * A middleware that sets `req.session` and the current session of the `Session` facade.
 *
 * @throws {SessionConfigError} at once, if the options are wrong.
 */
export function connectMiddleware(options: SessionOptions): ConnectMiddleware {
  const engine = engineOf(options)
  let warned = false

  function session(
    req: IncomingMessage & { session?: unknown },
    res: ServerResponse,
    next: (error?: unknown) => void,
  ): void {
    const outer = req.session
    if (outer !== undefined) {
      if (!warned) console.warn(INSTALLED_TWICE)
      warned = true
      if (outer instanceof SessionInstance) _runWithSession(outer, next)
      else next()
      return
    }
    startSession(engine, req, res, next, (session) => {
      req.session = session
      _runWithSession(session, next)
    })
  }

  return Object.assign(session, { engine })
}

/**
 * Opens the session of `req`, and has it saved before the first byte of `res` leaves.
 *
 * @param failed Gets the error if the store is out of reach and `onStoreFailure` is `fail`.
 */
export function startSession(
  engine: SessionEngine,
  req: IncomingMessage,
  res: ServerResponse,
  failed: (error: unknown) => void,
  started: (session: SessionInstance) => void,
): void {
  const start = (session: SessionInstance) => {
    if (engine.userBinding !== null) noteUserAgent(session, req.headers['user-agent'])
    if (session.isDirty() && isUpgrade(req.headers.upgrade)) leaveAsItIs(session)
    holdResponse(res, engine.config, () => closeSession(session))
    started(session)
  }
  let opened: SessionInstance | Promise<SessionInstance>
  try {
    opened = openSession(engine, req.headers.cookie ?? '')
  } catch (error) {
    failed(error)
    return
  }
  if (opened instanceof Promise) opened.then(start, failed)
  else start(opened)
}

const INSTALLED_TWICE =
  '[Rudder] The session middleware found a req.session that is there already, and adds nothing.'
