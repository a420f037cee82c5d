/**
 * Reads the demo's settings from the environment.
 *
 *   PORT HOST SESSION_DRIVER SESSION_SECRET REDIS_URL  -->  Settings
 *
 * A variable that is set but empty counts as not set. Opens no port and no connection.
 */

import { randomBytes } from 'node:crypto'
import { SessionConfigError, type SessionOptions } from '@rudderjs/session-native'

export interface Settings {
  hostname: string
  /** 0 lets the system choose a free one. */
  port: number
  session: SessionOptions
  /** Whether the secret was made up for this start, so that no cookie outlives it. */
  secretIsRandom: boolean
}

/** A variable holds what the demo cannot use. The message is one line and names it. */
export class SettingsError extends Error {
  constructor(variable: string, reason: string) {
    super(`${variable}: ${reason}`)
  }
}

/** @throws {SettingsError} for a PORT or a SESSION_DRIVER that cannot be. */
export function readSettings(env: NodeJS.ProcessEnv): Settings {
  const secret = env.SESSION_SECRET?.trim()
  return {
    hostname: env.HOST || '127.0.0.1',
    port: readPort(env.PORT || '3000'),
    secretIsRandom: !secret,
    session: {
      driver: readDriver(env.SESSION_DRIVER || 'cookie'),
      secret: secret || randomBytes(32).toString('base64url'),
      // A name of its own: cookies do not tell ports apart, and the default name may well be
      // in use by an application on the same machine.
      cookie: { name: COOKIE_NAME, secure: false },
      redis: { url: env.REDIS_URL || 'redis://127.0.0.1:6379' },
    },
  }
}

/** Says in terms of variables what the session package refused; other errors pass unchanged. */
export function inTermsOfVariables(error: unknown): unknown {
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
      `expected cookie, memory or redis, got ${quoted(text)}`,
    )
  }
  return driver
}

function quoted(text: string): string {
  return JSON.stringify(text.slice(0, 40))
}

export const COOKIE_NAME = 'rudder_demo'

const DRIVERS = ['cookie', 'memory', 'redis'] as const
type Driver = (typeof DRIVERS)[number]

const SECRET_EXPECTED = 'expected a text of your own, not the public placeholder'
const URL_EXPECTED =
  'expected redis://[user:password@]host[:port][/database] or redis+unix:///path/to/socket'
