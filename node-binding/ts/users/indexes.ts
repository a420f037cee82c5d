/** Opens the store that the indexes of an engine's users are in, which may be its sessions'. */

import type { ResolvedConfig } from '../config.js'
import { resolveFile, resolveMemory, resolveRedis } from '../config.js'
import { type OpenStore, openFileStore, openMemoryStore, openRedisStore } from '../store.js'
import { ttlSecondsOf } from '../time.js'
import { type IndexStoreConfig, isOpenStore } from './config.js'
import type { IndexStore } from './index-records.js'
import { type IndexStats, MeteredIndex } from './metered-index.js'
import type { UserBinding } from './session-user.js'
import { UserSessions } from './user-sessions.js'

/** What `openIndexes` gives. */
export interface Indexes {
  /** `null` without `users`. */
  binding: UserBinding | null
  close: () => void
  /** `null` without `users`. */
  stats: () => IndexStats | null
}

/** @param sessions What has the store of the sessions; `null` if there is none. */
export function openIndexes(
  { users, lifetime }: ResolvedConfig,
  sessions: { store: IndexStore } | null,
): Indexes {
  const nothing = () => {}
  if (users === undefined) return { binding: null, close: nothing, stats: () => null }
  const { key, store: wanted, maxSessions, whenFull, seenEverySeconds, checkEverySeconds } = users
  const opened = wanted && !isOpenStore(wanted) ? openStore(wanted) : null
  const given = wanted && isOpenStore(wanted) ? wanted : undefined
  const store = opened?.store ?? given ?? sessions?.store
  if (store === undefined) throw new TypeError('The cookie driver was let pass without a store.')
  const metered = new MeteredIndex(store)
  const lifetimeSeconds = ttlSecondsOf(lifetime)
  const rules = { lifetimeSeconds, maxSessions, whenFull, seenEverySeconds, checkEverySeconds }
  return {
    binding: {
      sessions: new UserSessions(metered, rules),
      key: key === false ? null : key,
      // A verdict may have been old when it was taken. Together they are half of the margin for
      // which the end of a session is remembered after the last that can be left of it.
      checkedForSeconds: seenEverySeconds - checkEverySeconds,
    },
    close: () => opened?.release(),
    stats: () => metered.stats(),
  }
}

function openStore({ driver, memory, file, redis }: IndexStoreConfig): OpenStore {
  switch (driver) {
    case 'memory':
      return openMemoryStore(resolveMemory(memory ?? {}))
    case 'file':
      return openFileStore(resolveFile(file))
    case 'redis':
      return openRedisStore(resolveRedis(redis ?? {}))
  }
}
