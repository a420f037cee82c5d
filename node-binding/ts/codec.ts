/**
 * Makes the functions that turn payloads and ids into cookie values, and `Cookie` headers back.
 *
 *   header --find the cookie--> value --decode--> text of a payload
 *                                     --verify--> id
 *
 * The only file that knows what the addon's codec is made of.
 */

import type { NativeCodec as Codec } from '../native.js'
import { fromNative } from './errors.js'
import { native } from './native.js'

export type { NativeCodec as Codec } from '../native.js'

/**
 * A codec that signs with the first of `secrets`, and verifies with all of them.
 *
 * @throws {SessionConfigError} for a secret that no key ring takes.
 */
export function openCodec(secrets: string[]): Codec {
  return translated(() => native().createCodec(secrets))
}

/** Makes a call into the addon, whose errors come out as this package's classes. */
export function translated<T>(call: () => T): T {
  try {
    return call()
  } catch (error) {
    throw fromNative(error)
  }
}
