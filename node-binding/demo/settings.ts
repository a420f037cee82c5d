/**
 * Reads the demo's settings from the environment.
 *
 *   PORT HOST SESSION_DRIVER SESSION_SECRET SESSION_FILE REDIS_URL  -->  Settings
 *
 * A variable that is set but empty counts as not set. Opens no port, no connection and no store.
 */

import { randomBytes } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import {
  SessionConfigError,
  type SessionOptions,
  SessionStoreError,
} from '@rudderjs/session-native'
import { keptSecret } from './kept-secret.js'

export interface Settings {
  hostname: string
  /** 0 lets the system choose a free one. */
  port: number
  session: SessionOptions
  secret: SecretOrigin
}

/** Where the secret is from; of a kept one, the file. */
export type SecretOrigin = 'SESSION_SECRET' | 'random' | { keptIn: string }

/** A variable holds what the demo cannot use. The message is one line and names it. */
export class SettingsError extends Error {
  constructor(variable: string, reason: string) {
    super(`${variable}: ${reason}`)
  }
}

/** @throws {SettingsError} for a PORT, a SESSION_DRIVER or a SESSION_FILE that cannot be. */
export function readSettings(env: NodeJS.ProcessEnv): Settings {
  const port = readPort(env.PORT || '3000')
  const driver = readDriver(env.SESSION_DRIVER || 'file')
  const path = env.SESSION_FILE || DEFAULT_FILE
  const { secret, origin } = readSecret(env.SESSION_SECRET?.trim(), driver, path)
  return {
    hostname: env.HOST || '127.0.0.1',
    port,
    secret: origin,
    session: {
      driver,
      secret,
      file: { path },
      // A name of its own: cookies do not tell ports apart, and the default name may well be
      // in use by an application on the same machine.
      cookie: { name: COOKIE_NAME, secure: false },
      redis: { url: env.REDIS_URL || 'redis://127.0.0.1:6379' },
    },
  }
}

/** Says in terms of variables what the session package refused; other errors pass unchanged. */
export function inTermsOfVariables(error: unknown): unknown {
  if (error instanceof SessionStoreError && error.code === 'ERR_SESSION_STORE_FILE') {
    const hint = error.retryable ? ' Is another demo running? SESSION_FILE=... names another.' : ''
    return new SettingsError('SESSION_FILE', error.message.replace(PACKAGE_MARK, '') + hint)
  }
  if (!(error instanceof SessionConfigError)) return error
  if (error.field === 'secret') return new SettingsError('SESSION_SECRET', SECRET_EXPECTED)
  // The value itself is not repeated: it may hold a password.
  if (error.field.startsWith('redis')) return new SettingsError('REDIS_URL', URL_EXPECTED)
  return error
}

function readPort(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN
  if (!(port <= 65535)) {
    throw new SettingsError('PORT', `expected a number from 0 to 65535, got ${quoted(text)}`)
  }
  return port
}

function readDriver(text: string): Driver {
  const driver = DRIVERS.find((one) => one === text)
  if (!driver) {
    throw new SettingsError(
      'SESSION_DRIVER',
      `expected cookie, memory, file or redis, got ${quoted(text)}`,
    )
  }
  return driver
}

function readSecret(
  own: string | undefined,
  driver: Driver,
  path: string,
): { secret: string; origin: SecretOrigin } {
  if (own) return { secret: own, origin: 'SESSION_SECRET' }
  if (driver !== 'file') {
    return { secret: randomBytes(32).toString('base64url'), origin: 'random' }
  }
  const keptIn = `${path}.secret`
  try {
    return { secret: keptSecret(keptIn), origin: { keptIn } }
  } catch (error) {
    throw new SettingsError('SESSION_FILE', (error as Error).message)
  }
}

function quoted(text: string): string {
  return JSON.stringify(text.slice(0, 40))
}

export const COOKIE_NAME = 'rudder_demo'

const DRIVERS = ['cookie', 'memory', 'file', 'redis'] as const
type Driver = (typeof DRIVERS)[number]

/** Beside the compiled demo, which is not under version control. */
const DEFAULT_FILE = fileURLToPath(new URL('sessions.redb', import.meta.url))

/** What the package's own messages begin with. */
const PACKAGE_MARK = /^\[Rudder\]\[session\] /

const SECRET_EXPECTED = 'expected a text of your own, not the public placeholder'
const URL_EXPECTED =
  'expected redis://[user:password@]host[:port][/database] or redis+unix:///path/to/socket'
