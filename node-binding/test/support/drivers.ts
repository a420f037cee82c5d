/** Runs the same tests on every driver: a law that holds for one must hold for all. */

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe } from 'node:test'
import {
  type DriverName,
  type SessionConfig,
  type SessionMiddlewareHandler,
  sessionMiddleware,
} from '@rudderjs/session-native'
import { STORES } from './addon.js'
import { config } from './pipeline.js'
import { RedisServer } from './redis-server.js'

/** Of the cookies of all drivers: the suites hold in the hardened format, too. */
const FORMAT = process.env.SESSION_TEST_FORMAT

/** What a suite gets. The functions work inside tests only. */
export interface DriverUnderTest {
  name: DriverName
  /** A configuration for the driver, with `changes` put over it. */
  config(changes?: Partial<SessionConfig>): SessionConfig
  /** Changes that give a middleware a store of its own, which no other one shares. */
  ownStore(): Partial<SessionConfig>
  /** A middleware for the driver, whose engine is closed when the suite ends. */
  middleware(changes?: Partial<SessionConfig>): SessionMiddlewareHandler
}

/** Declares `suite` once for each driver. */
export function onEveryDriver(suite: (driver: DriverUnderTest) => void): void {
  onDrivers(['cookie', ...STORES], suite)
}

/** Declares `suite` once for each driver that keeps records. */
export function onEveryStore(suite: (driver: DriverUnderTest) => void): void {
  onDrivers(STORES, suite)
}

function onDrivers(names: DriverName[], suite: (driver: DriverUnderTest) => void): void {
  for (const name of names) {
    describe(`${name} driver`, () => {
      let server: RedisServer | undefined
      let folder: string | undefined
      const opened: SessionMiddlewareHandler[] = []

      before(async () => {
        if (name === 'redis') server = await RedisServer.start()
        if (name === 'file') folder = await mkdtemp(join(tmpdir(), 'rudder-session-'))
      })
      after(async () => {
        for (const middleware of opened) middleware.engine.close()
        await server?.stop()
        if (folder) await rm(folder, { recursive: true })
      })

      const configured = (changes: Partial<SessionConfig> = {}) =>
        config({
          driver: name,
          ...(FORMAT === 'v2' ? { format: FORMAT } : {}),
          ...(server ? { redis: { url: server.url, deadlineMs: 10_000 } } : {}),
          ...(folder ? { file: { path: join(folder, 'sessions.redb') } } : {}),
          ...changes,
        })
      let stores = 0
      const ownStore = (): Partial<SessionConfig> => {
        stores += 1
        if (server) return { redis: { url: server.url, deadlineMs: 10_000 + stores } }
        return folder ? { file: { path: join(folder, `own-${stores}.redb`) } } : {}
      }
      suite({
        name,
        config: configured,
        ownStore,
        middleware: (changes) => {
          const middleware = sessionMiddleware(configured(changes))
          opened.push(middleware)
          return middleware
        },
      })
    })
  }
}
