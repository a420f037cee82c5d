/**
 * What this package uses of express-session.
 *
 * Not `@types/express-session`: that says for all of a program that `req.session` is of
 * express-session, and the subpath `/express` says that it is of this package.
 */

declare module 'express-session' {
  import { EventEmitter } from 'node:events'
  import type { IncomingMessage, ServerResponse } from 'node:http'

  interface Session {
    id: string
    cookie: { expires: Date | null; maxAge: number | null }
    [key: string]: unknown
    save(callback: (error?: unknown) => void): this
    reload(callback: (error?: unknown) => void): this
    regenerate(callback: (error?: unknown) => void): this
    destroy(callback: (error?: unknown) => void): this
  }

  class Store extends EventEmitter {
    createSession(req: unknown, session: object): object
  }

  class MemoryStore extends Store {}

  function session(options: {
    secret: string
    store: Store
    resave: boolean
    saveUninitialized: boolean
    name?: string
    cookie?: { maxAge?: number }
  }): (req: IncomingMessage, res: ServerResponse, next: (error?: unknown) => void) => void

  namespace session {
    export { MemoryStore, Session, Store }
  }
  export default session
}
