/** Browsers that are signed in, and what is asked of them. */

import type {
  SessionConfig,
  SessionDevice,
  SessionInstance,
  SessionMiddlewareHandler,
  UsersConfig,
} from '@rudderjs/session-native'
import { openMemoryStore } from '@rudderjs/session-native/native'
import type { DriverUnderTest } from './drivers.js'
import { Browser } from './pipeline.js'

/** Makes middlewares with users; a driver without records gets a store for the index. */
export function withUsersOn(driver: DriverUnderTest) {
  return (users: UsersConfig = {}, changes: Partial<SessionConfig> = {}) => {
    const store = driver.name === 'cookie' ? { store: openMemoryStore().store } : {}
    return driver.middleware({ ...changes, users: { ...store, ...users } })
  }
}

export async function signedIn(
  middleware: SessionMiddlewareHandler,
  user: string | number,
  label = 'Test',
): Promise<Browser> {
  const browser = new Browser(middleware)
  await browser.visit((session) => session.signIn(user, { label }))
  MIDDLEWARES.set(browser, middleware)
  return browser
}

export async function twoSignedIn(middleware: SessionMiddlewareHandler, user: string | number) {
  return [await signedIn(middleware, user), await signedIn(middleware, user)] as const
}

export async function visited<T>(
  browser: Browser,
  handler: (session: SessionInstance) => Promise<T>,
) {
  let result: T | undefined
  await browser.visit(async (session) => {
    result = await handler(session)
  })
  return { result }
}

export async function isIn(browser: Browser): Promise<boolean> {
  const { session } = await browser.visit()
  return session.available && session.get('auth_user_id') !== undefined
}

export async function devicesOf(browser: Browser): Promise<SessionDevice[]> {
  return (await visited(browser, (session) => session.devices())).result ?? []
}

export function middlewareOf(browser: Browser): SessionMiddlewareHandler {
  return MIDDLEWARES.get(browser) as SessionMiddlewareHandler
}

/** Where a browser has signed in. */
const MIDDLEWARES = new WeakMap<Browser, SessionMiddlewareHandler>()
