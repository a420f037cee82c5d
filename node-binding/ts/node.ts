/**
 * Gives a plain `node:http` server sessions, or anything with middleware of `(req, res, next)`.
 *
 *   createServer(withSession({ secret }, (req, res) => {
 *     res.end(`Hello ${req.session.get('user', 'stranger')}`)
 *   }))
 *
 * The session is saved before the first byte of the response leaves. What is put into it later is
 * not saved. Responses of HTTP/2 (`http2.createServer`) are held in the same way.
 */

import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import type { SessionOptions } from './config.js'
import { connectMiddleware } from './connect.js'
import type { SessionEngine } from './engine.js'
import { Seldom } from './seldom.js'
import type { SessionInstance } from './session-instance.js'

export type { ConnectMiddleware as SessionHandler } from './connect.js'
export { connectMiddleware as session }

/** A request that has a session. */
export type SessionRequest = IncomingMessage & { session: SessionInstance }

/** A listener for `createServer` that also offers its engine: `stats()` and `close()`. */
export type SessionListener = RequestListener & { readonly engine: SessionEngine }

/**
 * A listener that calls `handler` with a session on its request.
 *
 * What the handler throws or rejects with is printed, and answered with the error's `status` or
 * 500: Node would end the process.
 *
 * @throws {SessionConfigError} at once, if the options are wrong.
 */
export function withSession(
  options: SessionOptions,
  handler: (req: SessionRequest, res: ServerResponse) => unknown,
): SessionListener {
  const middleware = connectMiddleware(options)
  const failures = new Seldom(10)

  function listener(req: IncomingMessage, res: ServerResponse): void {
    middleware(req, res, async (error) => {
      try {
        if (error !== undefined) throw error
        await handler(req as SessionRequest, res)
      } catch (error) {
        failures.tell((note) => console.error(`[Rudder] A request handler failed.${note}`, error))
        answerFailure(res, error)
      }
    })
  }

  return Object.assign(listener, { engine: middleware.engine })
}

function answerFailure(res: ServerResponse, error: unknown): void {
  if (res.headersSent) {
    res.destroy()
    return
  }
  for (const name of res.getHeaderNames()) res.removeHeader(name)
  const { status } = (error ?? {}) as { status?: unknown }
  res.statusCode = typeof status === 'number' && status >= 400 && status < 600 ? status : 500
  res.end()
}
