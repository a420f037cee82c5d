/**
 * Checks the settings of the cookie format.
 *
 *   v1   that of @rudderjs/session
 *   v2   the hardened one: bound to key, purpose, cookie name and expiry; may be encrypted
 */

import type { DriverName } from './config.js'
import { instantMs } from './instant.js'
import { flag, invalid, oneOf, shown } from './refusals.js'

export type FormatName = 'v1' | 'v2'

/** Settings of the cookie format. */
export interface FormatConfig {
  /**
   * `v1` is the format of @rudderjs/session. `v2` binds each value to its cookie name, purpose,
   * key and expiry, has ids of 256 bits, and shows stores their hashes only. Default `v1`.
   */
  format?: FormatName | undefined
  /**
   * With `v2`: the last instant at which cookies of `v1` are still read. A session that comes with
   * one leaves with a cookie of `v2`. Default: never.
   */
  acceptV1Until?: Date | string | number | undefined
  /** With `v2` and the `cookie` driver: whether payloads are encrypted. Default `false`. */
  encrypt?: boolean | undefined
  /**
   * With `encrypt`: the length that a cookie shows is a multiple of this many bytes, from 1 to
   * 4096. Default 1: it shows how long the payload is.
   */
  padTo?: number | undefined
}

/** The same, checked. */
export interface ResolvedFormat {
  format: FormatName
  /** Unix milliseconds; `null` for never. */
  acceptV1UntilMs: number | null
  /** `null` if payloads are not encrypted. */
  sealPaddedTo: number | null
}

/** @throws {SessionConfigError} at the first field that is wrong. */
export function resolveFormat(config: FormatConfig & { driver: DriverName }): ResolvedFormat {
  const { format = 'v1', acceptV1Until, padTo } = config
  oneOf('format', format, ['v1', 'v2'])
  const encrypt = flag('encrypt', config.encrypt ?? false)
  if (format === 'v1') {
    const set = { acceptV1Until: acceptV1Until !== undefined, encrypt, padTo: padTo !== undefined }
    for (const [field, isSet] of Object.entries(set)) {
      if (isSet) throw invalid(field, "expected format 'v2' with it")
    }
    return { format, acceptV1UntilMs: null, sealPaddedTo: null }
  }
  if (encrypt && config.driver !== 'cookie') {
    throw invalid('encrypt', 'expected driver cookie with it, since no other sends data')
  }
  if (padTo !== undefined) {
    if (!encrypt) throw invalid('padTo', 'expected encrypt with it')
    if (!Number.isInteger(padTo) || padTo < 1 || padTo > 4096) {
      throw invalid('padTo', `expected a whole number from 1 to 4096, got ${shown(padTo)}`)
    }
  }
  return {
    format,
    acceptV1UntilMs: acceptV1Until === undefined ? null : instantMs('acceptV1Until', acceptV1Until),
    sealPaddedTo: encrypt ? (padTo ?? 1) : null,
  }
}
