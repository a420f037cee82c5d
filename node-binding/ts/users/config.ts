/** Checks the settings of `users` while the application boots, and fills in what was left out. */

import type { DriverName, FileConfig, MemoryConfig, RedisConfig } from '../config.js'
import { invalid, oneOf, positiveInteger, shown } from '../refusals.js'
import type { IndexStore } from './index-records.js'
import type { WhenFull } from './user-sessions.js'

/** Where the indexes of users are, if not in the store that has the sessions. */
export interface IndexStoreConfig {
  driver: 'memory' | 'file' | 'redis'
  memory?: MemoryConfig
  /** Wanted by `file`. */
  file?: FileConfig
  redis?: RedisConfig
}

/** Has the sessions of each user listed, so that they can be ended. */
export interface UsersConfig {
  /**
   * Where the indexes are. Default: in the store of the sessions. The `cookie` driver has none,
   * and wants to be told. A store of the subpath `/native` will do, which whoever opened it closes.
   */
  store?: IndexStoreConfig | IndexStore | undefined
  /** Sessions that a user may have at a time. Default: 1000, which is the most in any case. */
  maxSessions?: number | undefined
  /** What becomes of a sign-in that is one too many. Default `end-oldest`: the longest unseen. */
  whenFull?: WhenFull
  /** How exactly it is noted when a session was last seen: a write each time. Default 60. */
  seenEverySeconds?: number
  /**
   * How long a process takes a session for live without asking the store again. A session that
   * another process has ended lasts so much longer. Default 0: each request asks.
   */
  checkEverySeconds?: number
  /**
   * The key in the session that says who the user is. When its value comes, changes or goes, the
   * session is signed in or out of the index as it is saved. Default `auth_user_id`, which
   * `login` and `@rudderjs/auth` write; `false` for none.
   */
  key?: string | false
}

/** Settings of `users` that were checked. They may be checked again. */
export interface ResolvedUsers extends UsersConfig {
  maxSessions: number | undefined
  whenFull: WhenFull
  seenEverySeconds: number
  checkEverySeconds: number
  key: string | false
}

/** @throws {SessionConfigError} that names the field. */
export function resolveUsers(users: UsersConfig, driver: DriverName): ResolvedUsers {
  if (typeof users !== 'object' || users === null) throw invalid('users', 'expected an object')
  const { store, whenFull = 'end-oldest', maxSessions, key = 'auth_user_id' } = users
  oneOf('users.whenFull', whenFull, ['end-oldest', 'refuse'])
  const seenEverySeconds = positiveInteger('users.seenEverySeconds', users.seenEverySeconds ?? 60)
  const { checkEverySeconds = 0 } = users
  if (checkEverySeconds !== 0) positiveInteger('users.checkEverySeconds', checkEverySeconds)
  // The end of a session is remembered for so long after the last cookie that it may have got.
  if (checkEverySeconds > seenEverySeconds) {
    throw invalid('users.checkEverySeconds', 'expected no more than users.seenEverySeconds')
  }
  if (key !== false && (typeof key !== 'string' || key === '')) {
    throw invalid('users.key', `expected the name of a key, or false, got ${shown(key)}`)
  }
  return {
    store: checkStore(store, driver),
    maxSessions:
      maxSessions === undefined ? undefined : positiveInteger('users.maxSessions', maxSessions),
    whenFull,
    seenEverySeconds,
    checkEverySeconds,
    key,
  }
}

/** Whether it is one that somebody has opened. */
export function isOpenStore(store: IndexStoreConfig | IndexStore): store is IndexStore {
  return 'load' in store
}

function checkStore(store: UsersConfig['store'], driver: DriverName): UsersConfig['store'] {
  if (store === undefined) {
    if (driver !== 'cookie') return undefined
    throw invalid('users.store', 'the cookie driver has no store, so one must be named here')
  }
  if (typeof store !== 'object' || store === null) {
    throw invalid('users.store', 'expected an object')
  }
  if (!isOpenStore(store)) oneOf('users.store.driver', store.driver, ['memory', 'file', 'redis'])
  return store
}
