/**
 * Finds the addon's binary, or decides to do without. The only file that names it.
 *
 *   rudder-session.<platform>.node beside package.json     in a checkout
 *   @rudderjs/session-native-<platform>                     an optional dependency of this package
 *   fallback/                                               plain JavaScript
 *
 * SESSION_NATIVE=1 refuses the last one, SESSION_NATIVE=0 takes no other.
 */

import { createRequire } from 'node:module'
import { SessionNativeError } from './errors.js'
import { fallback } from './fallback/index.js'
import type { Binary } from './native.js'

/** Which of the two does the work, and why. */
export interface NativeStatus {
  /** Whether it is the addon. */
  native: boolean
  /** A sentence for the operator. Names the binary, or what is missing and how to install it. */
  reason: string
}

/** What does the work. */
export interface Loaded {
  binary: Binary
  status: NativeStatus
}

/**
 * Loads the addon, or the fallback with one warning.
 *
 * @throws {SessionNativeError} with SESSION_NATIVE=1, when there is no binary that fits.
 */
export function load(): Loaded {
  const wish = process.env.SESSION_NATIVE ?? ''
  if (!['', '0', '1'].includes(wish)) {
    throw new SessionNativeError('[Rudder][session] SESSION_NATIVE must be 0, 1 or unset.')
  }
  if (wish === '0') return withoutAddon('SESSION_NATIVE=0 turns the native addon off.')
  try {
    return loadAddon()
  } catch (error) {
    if (wish === '1' || !(error instanceof SessionNativeError)) throw error
    console.warn(
      `${error.message} Until then sessions run in plain JavaScript, which is slower; ` +
        'SESSION_NATIVE=0 says that this is fine.',
    )
    return withoutAddon(error.message.replace(/^\[.*?\]\[.*?\] /, ''))
  }
}

function withoutAddon(reason: string): Loaded {
  return { binary: fallback(reason), status: { native: false, reason } }
}

function loadAddon(): Loaded {
  const require = createRequire(import.meta.url)
  const tag = platformTag()
  const file = `rudder-session.${tag}.node`
  const places = { [file]: `../${file}`, [`${PACKAGE}-${tag}`]: `${PACKAGE}-${tag}` }
  for (const [name, place] of Object.entries(places)) {
    if (!isThere(require, place)) continue
    const binary = loadFrom(require, place, name)
    return { binary, status: { native: true, reason: `${name} is loaded.` } }
  }
  throw new SessionNativeError(
    `[Rudder][session] The package ${PACKAGE}-${tag} is missing, which has the native addon for ` +
      'this platform: install with optional dependencies, on the platform that it is to run on ' +
      '(in a checkout: npm run build:addon).',
  )
}

function isThere(require: NodeJS.Require, place: string): boolean {
  try {
    require.resolve(place)
    return true
  } catch {
    return false
  }
}

function loadFrom(require: NodeJS.Require, place: string, name: string): Binary {
  try {
    return require(place) as Binary
  } catch (cause) {
    throw new SessionNativeError(
      `[Rudder][session] The native addon ${name} is there but does not load in Node ` +
        `${process.version}: install ${PACKAGE} again, on the platform that it is to run on.`,
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

const PACKAGE = '@rudderjs/session-native'
