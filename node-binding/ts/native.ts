/**
 * Loads the addon. The only file that names the binary.
 *
 * The binary lies beside package.json as `rudder-session.<platform>.node`. It is loaded when a
 * codec or a store is first made, so that importing this package never throws.
 */

import { createRequire } from 'node:module'
import type { NativeCodec, NativeStore } from '../native.js'
import { SessionNativeError } from './errors.js'

export type {
  MemoryOptions,
  NativeCodec,
  NativeStore,
  RedisOptions,
  StoreStats,
} from '../native.js'

/** What the addon exports. */
export interface NativeAddon {
  NativeCodec: typeof NativeCodec
  NativeStore: typeof NativeStore
}

/**
 * The addon, loaded once.
 *
 * @throws {SessionNativeError} when there is no binary for this platform, or it does not load.
 */
export function native(): NativeAddon {
  loaded ??= load()
  return loaded
}

let loaded: NativeAddon | undefined

function load(): NativeAddon {
  const file = `rudder-session.${platformTag()}.node`
  try {
    return createRequire(import.meta.url)(`../${file}`) as NativeAddon
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
