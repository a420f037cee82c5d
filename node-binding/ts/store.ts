/**
 * Opens native stores, and lets those who want the same Redis share one.
 *
 *   settings  -->  OpenStore { store, release() }
 *
 * Sharing reaches across copies of this module: development servers build everything anew at
 * each edit, and connections must not pile up.
 */

import type { ResolvedConfig } from './config.js'
import { fromNative } from './errors.js'
import { type NativeStore, native } from './native.js'

/** A store, and how to say that one is done with it. */
export interface OpenStore {
  store: NativeStore
  /** Ends the store's connections and threads once nobody uses it any more. */
  release(): void
}

/** A store in this process. Never shared: two applications in one process must not mix. */
export function openMemoryStore(memory: ResolvedConfig['memory']): OpenStore {
  const store = create(() => native().NativeStore.memory(memory))
  return { store, release: () => store.close() }
}

/** A store in Redis, shared with whoever opened one with the same settings. */
export function openRedisStore(redis: ResolvedConfig['redis']): OpenStore {
  const registry = globalThis as { [SHARED]?: Map<string, SharedStore> }
  registry[SHARED] ??= new Map()
  const stores = registry[SHARED]

  const { url, prefix, poolSize, deadlineMs } = redis
  const settings = JSON.stringify([url, prefix, poolSize, deadlineMs])
  const shared = stores.get(settings) ?? {
    store: create(() => native().NativeStore.redis({ url, prefix, poolSize, deadlineMs })),
    users: 0,
  }
  stores.set(settings, shared)
  shared.users += 1

  let released = false
  const release = () => {
    if (released) return
    released = true
    shared.users -= 1
    if (shared.users > 0) return
    stores.delete(settings)
    shared.store.close()
  }
  return { store: shared.store, release }
}

interface SharedStore {
  store: NativeStore
  users: number
}

const SHARED = Symbol.for('rudderjs.session.redisStores')

function create(open: () => NativeStore): NativeStore {
  try {
    return open()
  } catch (error) {
    throw fromNative(error)
  }
}
