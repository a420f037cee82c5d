/**
 * Sessions for RudderJS: what `@rudderjs/session` exports, under the same names.
 *
 *   SessionProvider      binds everything, and installs the middleware on the "web" group
 *   SessionMiddleware    the middleware that the provider made, for a single route
 *   sessionMiddleware    a middleware with a configuration of its own
 *   Session              the session of the current request, from anywhere
 *
 * The engine behind it (errors, drivers, statistics) is the main entry of this package.
 */

import type { SessionInstance } from '../session-instance.js'

export type {
  CookieConfig,
  DriverName,
  FileConfig,
  MemoryConfig,
  OnStoreFailure,
  RedisConfig,
  SessionConfig,
} from '../config.js'
export type { SessionDriver } from '../driver.js'
export type { SessionPayload } from '../payload.js'
export { resolveSessionSecret } from '../secret.js'
export { _runWithSession, Session } from '../session.js'
export * from '../session-data.js'
export { SessionInstance } from '../session-instance.js'
export { type RudderMiddleware, sessionMiddleware } from './middleware.js'
export { SessionMiddleware, SessionProvider } from './provider.js'
export { type RedisClient, RedisDriver } from './redis-driver.js'

declare module '@rudderjs/contracts' {
  interface AppRequest {
    session: SessionInstance
  }
}

declare global {
  namespace Vike {
    interface PageContext {
      /** What the previous request flashed. */
      flash?: Record<string, unknown>
    }
  }
}
