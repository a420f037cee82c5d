/**
 * What the addon offers, or the fallback in its place.
 *
 * Either is loaded when a codec or a store is first made, so that importing this package never
 * throws.
 */

import type {
  createCodec,
  createFileCalls,
  createHardenedCodec,
  createMemberFinder,
  createMemoryCalls,
  createRedisCalls,
  FileOptions,
  MemoryOptions,
  RedisOptions,
} from '../native.js'
import { type Loaded, load, type NativeStatus } from './load.js'
import { NativeStore } from './native-store.js'

export type {
  FileOptions,
  MemoryOptions,
  NativeCodec,
  RedisOptions,
  StoreStats,
} from '../native.js'

/** What the addon offers. */
export interface NativeAddon {
  createCodec: Binary['createCodec']
  createHardenedCodec: Binary['createHardenedCodec']
  createMemberFinder: Binary['createMemberFinder']
  NativeStore: NativeStores
}

/** The kinds of stores. */
export interface NativeStores {
  /**
   * A store in the memory of this process.
   *
   * @throws An error with the code `ERR_SESSION_CONFIG`.
   */
  memory(options: MemoryOptions): NativeStore
  /**
   * A store in a file. Opens it, which repairs a file that was not closed in order.
   *
   * @throws An error with the code `ERR_SESSION_STORE_FILE`, whose message says why.
   */
  file(options: FileOptions): NativeStore
  /**
   * A store in Redis. Connects when it is first used.
   *
   * @throws An error with the code `ERR_SESSION_CONFIG`.
   */
  redis(options: RedisOptions): NativeStore
}

/**
 * The addon or the fallback, loaded once.
 *
 * @throws {SessionNativeError} when there is no binary that fits, and SESSION_NATIVE=1 wants one.
 */
export function native(): NativeAddon {
  addon ??= withPromises(loadOnce().binary)
  return addon
}

/**
 * Which of the two does the work, and why. Loads it if nothing has yet.
 *
 * @throws {SessionNativeError} when there is no binary that fits, and SESSION_NATIVE=1 wants one.
 */
export function nativeStatus(): NativeStatus {
  return loadOnce().status
}

/** What is in the binary. */
export interface Binary {
  createCodec: typeof createCodec
  createHardenedCodec: typeof createHardenedCodec
  createMemberFinder: typeof createMemberFinder
  createMemoryCalls: typeof createMemoryCalls
  createFileCalls: typeof createFileCalls
  createRedisCalls: typeof createRedisCalls
}

function loadOnce(): Loaded {
  loaded ??= load()
  return loaded
}

function withPromises(binary: Binary): NativeAddon {
  return {
    createCodec: binary.createCodec,
    createHardenedCodec: binary.createHardenedCodec,
    createMemberFinder: binary.createMemberFinder,
    NativeStore: {
      memory: (options) => new NativeStore((drain) => binary.createMemoryCalls(options, drain)),
      file: (options) => new NativeStore((drain) => binary.createFileCalls(options, drain)),
      redis: (options) => new NativeStore((drain) => binary.createRedisCalls(options, drain)),
    },
  }
}

let loaded: Loaded | undefined
let addon: NativeAddon | undefined
