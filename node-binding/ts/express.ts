/**
 * Mounts sessions on an Express application.
 *
 *   app.use(session({ secret: process.env.SESSION_SECRET }))
 *   app.get('/', (req, res) => res.send(`Hello ${req.session.get('user', 'stranger')}`))
 *
 * The session is saved before the first byte of the response leaves, whoever writes it: a handler,
 * an error page, a redirect or a stream. What is put into it later is not saved.
 */

import { connectMiddleware } from './connect.js'
import type { SessionInstance } from './session-instance.js'

export type { ConnectMiddleware as SessionHandler } from './connect.js'
export { connectMiddleware as session }

declare global {
  namespace Express {
    interface Request {
      session: SessionInstance
    }
  }
}
