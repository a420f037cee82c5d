/**
 * Loads the addon. The only file that names the binary.
 *
 * The binary lies beside package.json as `rudder-session.<platform>.node`. It is loaded when a
 * codec or a store is first made, so that importing this package never throws.
 */

import { createRequire } from 'node:module'
import type {
  FileOptions,
  MemoryOptions,
  NativeCodec,
  RedisOptions,
  StoreCalls,
} from '../native.js'
import { SessionNativeError } from './errors.js'
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
  NativeCodec: typeof NativeCodec
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
 * The addon, loaded once.
 *
 * @throws {SessionNativeError} when there is no binary for this platform, or it does not load.
 */
export function native(): NativeAddon {
  loaded ??= withPromises(load())
  return loaded
}

/** What is in the binary. */
interface Binary {
  NativeCodec: typeof NativeCodec
  StoreCalls: typeof StoreCalls
}

function withPromises({ NativeCodec, StoreCalls }: Binary): NativeAddon {
  return {
    NativeCodec,
    NativeStore: {
      memory: (options) => new NativeStore((drain) => StoreCalls.memory(options, drain)),
      file: (options) => new NativeStore((drain) => StoreCalls.file(options, drain)),
      redis: (options) => new NativeStore((drain) => StoreCalls.redis(options, drain)),
    },
  }
}

let loaded: NativeAddon | undefined

function load(): Binary {
  const file = `rudder-session.${platformTag()}.node`
  try {
    return createRequire(import.meta.url)(`../${file}`) as Binary
  } catch (cause) {
    const missing = (cause as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND'
    throw new SessionNativeError(
      missing
        ? `[Rudder][session] The native addon ${file} is missing. Build it with ` +
            '"npm run build:addon" in node-binding (needs Rust), or install a package that has it.'
        : `[Rudder][session] The native addon ${file} is there but does not load ` +
            `in Node ${process.version}.`,
      { cause },
    )
  }
}

/** `linux-x64-gnu`, `darwin-arm64`, `win32-x64-msvc`: the names that napi-rs gives its outputs. */
function platformTag(): string {
  const { platform, arch } = process
  if (platform === 'linux') return `linux-${arch}-${hasGlibc() ? 'gnu' : 'musl'}`
  if (platform === 'win32') return `win32-${arch}-msvc`
  return `${platform}-${arch}`
}

function hasGlibc(): boolean {
  const report = process.report?.getReport() as { header?: { glibcVersionRuntime?: string } }
  return report?.header?.glibcVersionRuntime !== undefined
}
