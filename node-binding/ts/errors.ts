/**
 * Names what can go wrong, by who is at fault.
 *
 *   SessionError             code, retryable
 *     SessionConfigError     the caller's configuration; thrown while constructing
 *     SessionPayloadError    the caller's data; thrown while saving
 *     SessionCookieSizeError the caller's data is more than a cookie can hold
 *     SessionLimitError      the caller's data is more than the configuration allows
 *     SessionStoreError      the system: Redis, the network, a full queue; has status 503
 *     SessionNativeError     the addon is missing, or does not fit this platform
 *     SessionUsersError      a sign-in that cannot be: too many sessions, or no key of a user
 *
 * No message holds a session id, a cookie value, a secret or a URL. What a client sends is
 * never an error: a refused cookie is a fresh session.
 */

import type { StoreFault } from '../native.js'

/**
 * The base of every error that this package throws on purpose. Tell errors apart by `code`.
 *
 * `cause` is what was caught, where another error led to this one.
 */
export class SessionError extends Error {
  /** Stable across releases; messages are not. */
  readonly code: string

  /** Whether the same call may succeed later with nothing changed by the caller. */
  readonly retryable: boolean = false

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = new.target.name
    this.code = code
  }
}

/** The configuration was refused. `field` says which part of it, as a path: `cookie.name`. */
export class SessionConfigError extends SessionError {
  readonly field: string

  constructor(field: string, message: string, options?: ErrorOptions) {
    super('ERR_SESSION_CONFIG', message, options)
    this.field = field
  }
}

/** The session's data cannot be saved: the text for it is not a session payload. */
export class SessionPayloadError extends SessionError {
  constructor(message: string, options?: ErrorOptions) {
    super('ERR_SESSION_PAYLOAD', message, options)
  }
}

/**
 * The cookie would be larger than browsers take, and was not sent. What was saved before is as
 * it was, and so is the visitor's cookie.
 */
export class SessionCookieSizeError extends SessionError {
  /** Of name and value. */
  readonly sizeBytes: number
  readonly limitBytes: number
  /** The key of the data or the flash that takes most; `null` if there is none. */
  readonly largestKey: string | null

  constructor(sizeBytes: number, limitBytes: number, largestKey: string | null) {
    const key = largestKey === null ? '' : ` Most of it is under ${JSON.stringify(largestKey)}.`
    super(
      'ERR_SESSION_COOKIE_SIZE',
      `[Rudder][session] The session cookie would have ${sizeBytes} bytes, and browsers drop ` +
        `those over ${limitBytes}.${key} Keep less in the session, or use a driver with a store.`,
    )
    this.sizeBytes = sizeBytes
    this.limitBytes = limitBytes
    this.largestKey = largestKey
  }
}

/**
 * The session has more of something than `limits` allows, and was not saved. What was saved
 * before is as it was, and so is the visitor's cookie.
 */
export class SessionLimitError extends SessionError {
  /** The limit's name in the configuration. */
  readonly option: 'limits.maxBytes' | 'limits.maxDepth' | 'limits.maxKeys'
  readonly limit: number
  /** How many bytes, levels or keys it has; `null` if it has more levels than can be written. */
  readonly found: number | null

  constructor(
    option: 'maxBytes' | 'maxDepth' | 'maxKeys',
    limit: number,
    found: number | null,
    options?: ErrorOptions,
  ) {
    const what = { maxBytes: 'bytes', maxDepth: 'levels of nesting', maxKeys: 'keys' }[option]
    super(
      'ERR_SESSION_LIMIT',
      `[Rudder][session] The session has ${found ?? 'too many'} ${what}, and limits.${option} ` +
        `is ${limit}.`,
      options,
    )
    this.option = `limits.${option}`
    this.limit = limit
    this.found = found
  }
}

/**
 * The store did not answer, or answered with an error. It is unknown whether there is a session.
 *
 * `code` is `ERR_SESSION_STORE_` and one of `BUSY`, `CLOSED`, `CONFLICT`, `FILE`, `INTERNAL`,
 * `NOT_REPLICATED`, `SERVER`, `TIMEOUT`, `TOO_LARGE`, `UNREACHABLE`.
 */
export class SessionStoreError extends SessionError {
  override readonly retryable: boolean

  /**
   * Whether the session is saved all the same, under the new id that `regenerate()` gave it, and
   * only the record under its old id may still be there.
   */
  readonly saved: boolean

  /** The HTTP status that fits, for frameworks which read `error.status`. */
  readonly status = 503

  constructor(
    code: string,
    message: string,
    options?: ErrorOptions & { retryable?: boolean; saved?: boolean },
  ) {
    super(code, message, options)
    this.retryable = options?.retryable ?? false
    this.saved = options?.saved ?? false
  }

  /** The same error, of which is now known that the session is saved. */
  butSaved(): SessionStoreError {
    const { code, message, retryable } = this
    return new SessionStoreError(code, message, { retryable, saved: true, cause: this })
  }
}

/** The addon could not be loaded. The message names the file that was looked for. */
export class SessionNativeError extends SessionError {
  constructor(message: string, options?: ErrorOptions) {
    super('ERR_SESSION_NATIVE', message, options)
  }
}

/**
 * A call about the sessions of a user that cannot be done. Nothing has changed.
 *
 * `code` is `ERR_SESSION_USERS_` and one of `FULL`: the user has all sessions that are allowed;
 * `KEY`: what was given is no key of a user; `OFF`: there is no `users` in the configuration.
 */
export class SessionUsersError extends SessionError {
  constructor(name: 'FULL' | 'KEY' | 'OFF', message: string) {
    super(`ERR_SESSION_USERS_${name}`, `[Rudder][session] ${message}.`)
  }
}

/** Gives an error of the addon the class that its `code` stands for. Others pass unchanged. */
export function fromNative(error: unknown): unknown {
  if (error instanceof SessionError || !(error instanceof Error)) return error
  if (!('code' in error) || !String(error.code).startsWith('ERR_SESSION_')) return error
  const { code, message } = error
  const retryable = 'retryable' in error && error.retryable === true
  // Another copy of this module may have made it, for a store that the two share.
  const saved = 'saved' in error && error.saved === true
  return fromFault({ code: String(code), message, retryable, saved }, { cause: error })
}

/** The error that a fault of the addon stands for. */
export function fromFault(
  { code, message, retryable, saved }: StoreFault,
  options?: ErrorOptions,
): SessionError {
  if (code === 'ERR_SESSION_CONFIG') {
    // The addon writes "field: what is wrong".
    const [, field = 'config', reason = message] = /^([\w.]+): (.*)$/s.exec(message) ?? []
    const text = `[Rudder][session] Invalid ${field}: ${reason}.`
    return new SessionConfigError(field, text, options)
  }
  if (code === 'ERR_SESSION_PAYLOAD') return new SessionPayloadError(message, options)
  return new SessionStoreError(code, message, { ...options, retryable, saved })
}
