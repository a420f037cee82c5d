/**
 * Opens native stores, and lets those who want the same Redis or the same file share one.
 *
 *   settings  -->  OpenStore { store, release() }
 *
 * Sharing reaches across copies of this module: development servers build everything anew at
 * each edit, and connections must not pile up.
 */

import { resolve } from 'node:path'
import type { ResolvedConfig, ResolvedRedis } from './config.js'
import { fromNative, SessionStoreError } from './errors.js'
import { native } from './native.js'
import type { NativeStore } from './native-store.js'

/** A store, and how to say that one is done with it. */
export interface OpenStore extends AsyncDisposable {
  store: NativeStore
  /** Ends the store's connections and threads once nobody uses it any more. */
  release(): void
  /** Waits for the calls that are out, and releases. */
  [Symbol.asyncDispose](): Promise<void>
}

/**
 * A store in this process. Never shared: two applications in one process must not mix.
 *
 * @param hashIds Whether the store gets hashes in place of ids of v2, as in the others here.
 */
export function openMemoryStore(memory: ResolvedConfig['memory'], hashIds = false): OpenStore {
  const store = create(() => native().NativeStore.memory({ ...memory, hashIds }))
  return openStore(store, () => store.close())
}

/**
 * A store in a file, shared with whoever opened one with the same settings.
 *
 * @throws {SessionStoreError} with the code `ERR_SESSION_STORE_FILE` if it does not open.
 */
export function openFileStore(
  file: NonNullable<ResolvedConfig['file']>,
  hashIds = false,
): OpenStore {
  const { durability, deadlineMs } = file
  const path = resolve(file.path)
  return share(['file', path, durability, deadlineMs, hashIds], () => {
    try {
      return native().NativeStore.file({ path, durability, deadlineMs, hashIds })
    } catch (error) {
      const known = fromNative(error)
      if (!(known instanceof SessionStoreError)) throw known
      const { code, message, retryable } = known
      const text = `[Rudder][session] ${message} (file.path: ${path}).`
      throw new SessionStoreError(code, text, { retryable, cause: known })
    }
  })
}

/** A store in Redis, shared with whoever opened one with the same settings. */
export function openRedisStore(redis: ResolvedRedis, hashIds = false): OpenStore {
  const { url, ca, sentinels, cluster, minReplicas, prefix, poolSize, deadlineMs } = redis
  const common = { url, sentinels, cluster, minReplicas, prefix, poolSize, deadlineMs }
  const options = { ...common, hashIds }
  return share(['redis', ca, ...Object.values(options)], () =>
    create(() => native().NativeStore.redis(ca === undefined ? options : { ...options, ca })),
  )
}

function share(settings: unknown[], open: () => NativeStore): OpenStore {
  const registry = globalThis as { [SHARED]?: Map<string, SharedStore> }
  registry[SHARED] ??= closedAtExit(new Map())
  const stores = registry[SHARED]

  const name = JSON.stringify(settings)
  const shared = stores.get(name) ?? { store: open(), users: 0 }
  stores.set(name, shared)
  shared.users += 1

  let released = false
  const release = () => {
    if (released) return
    released = true
    shared.users -= 1
    if (shared.users > 0) return
    stores.delete(name)
    shared.store.close()
  }
  return openStore(shared.store, release)
}

function openStore(store: NativeStore, release: () => void): OpenStore {
  const dispose = async () => {
    await store.settled()
    release()
  }
  return { store, release, [Symbol.asyncDispose]: dispose }
}

interface SharedStore {
  store: NativeStore
  users: number
}

/** process.exit() says nothing to the addon, which may have to write a file out. */
function closedAtExit(stores: Map<string, SharedStore>): Map<string, SharedStore> {
  process.once('exit', () => {
    for (const { store } of stores.values()) store.close()
  })
  return stores
}

const SHARED = Symbol.for('rudderjs.session.sharedStores')

function create(open: () => NativeStore): NativeStore {
  try {
    return open()
  } catch (error) {
    throw fromNative(error)
  }
}
