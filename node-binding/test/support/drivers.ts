/** Runs the same tests on every driver: a law that holds for one must hold for all. */

import { after, before, describe } from 'node:test'
import {
  type DriverName,
  type SessionConfig,
  type SessionMiddlewareHandler,
  sessionMiddleware,
} from '@rudderjs/session-native'
import { config } from './pipeline.js'
import { RedisServer } from './redis-server.js'

/** What a suite gets. The functions work inside tests only. */
export interface DriverUnderTest {
  name: DriverName
  /** A configuration for the driver, with `changes` put over it. */
  config(changes?: Partial<SessionConfig>): SessionConfig
  /** A middleware for the driver, whose engine is closed when the suite ends. */
  middleware(changes?: Partial<SessionConfig>): SessionMiddlewareHandler
}

/** Declares `suite` once for each driver. */
export function onEveryDriver(suite: (driver: DriverUnderTest) => void): void {
  for (const name of ['cookie', 'memory', 'redis'] as const) {
    describe(`${name} driver`, () => {
      let server: RedisServer | undefined
      const opened: SessionMiddlewareHandler[] = []

      before(async () => {
        if (name === 'redis') server = await RedisServer.start()
      })
      after(async () => {
        for (const middleware of opened) middleware.engine.close()
        await server?.stop()
      })

      const configured = (changes: Partial<SessionConfig> = {}) =>
        config({
          driver: name,
          ...(server ? { redis: { url: server.url, deadlineMs: 10_000 } } : {}),
          ...changes,
        })
      suite({
        name,
        config: configured,
        middleware: (changes) => {
          const middleware = sessionMiddleware(configured(changes))
          opened.push(middleware)
          return middleware
        },
      })
    })
  }
}
