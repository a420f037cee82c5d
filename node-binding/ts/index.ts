/**
 * Sessions for Node: what applications import.
 *
 *   sessionMiddleware   sessions on a RudderJS pipeline; the subpath `/hono` is for Hono
 *   SessionInstance     the session of a request
 *   Session             the session of the current request, from anywhere
 */

export type {
  CookieConfig,
  DriverName,
  FileConfig,
  MemoryConfig,
  OnStoreFailure,
  RedisConfig,
  SessionConfig,
  SessionOptions,
} from './config.js'
export type { OperationStats } from './counter.js'
export type { OperationName, SessionFailure, SessionOperation } from './diagnostics.js'
export {
  CookieDriver,
  FileDriver,
  MemoryDriver,
  RedisDriver,
  type SessionDriver,
} from './driver.js'
export type { EngineStats, SessionEngine } from './engine.js'
export {
  SessionConfigError,
  SessionCookieSizeError,
  SessionError,
  SessionLimitError,
  SessionNativeError,
  SessionPayloadError,
  SessionStoreError,
  SessionUsersError,
} from './errors.js'
export type { LimitsConfig } from './limits.js'
export type { NativeStatus } from './load.js'
export {
  type SessionMiddlewareHandler,
  type SessionRequest,
  sessionMiddleware,
} from './middleware.js'
export { nativeStatus, type StoreStats } from './native.js'
export type { SessionPayload } from './payload.js'
export { resolveSessionSecret } from './secret.js'
export { _runWithSession, Session } from './session.js'
export * from './session-data.js'
export { SessionInstance } from './session-instance.js'
export type { CookieResponse } from './set-cookie.js'
export type { IndexStoreConfig, UsersConfig } from './users/config.js'
export { deviceLabel } from './users/device-label.js'
export type { IndexStore } from './users/index-records.js'
export type { IndexStats } from './users/metered-index.js'
export type { UserKey } from './users/names.js'
export type { SessionDevice } from './users/session-user.js'
export type { Device, UserSessions, WhenFull } from './users/user-sessions.js'
