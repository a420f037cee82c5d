/**
 * Puts sessions into a RudderJS application while it boots.
 *
 *   config('session') --> session.config, session.middleware, session.facade
 *                         the middleware on the "web" group, flash on every Vike page
 *
 * A development server boots anew at each edit. As long as the configuration is the same it gets
 * the same engine, so connections are kept, and so are the sessions of the `memory` driver.
 */

import { createHash } from 'node:crypto'
import * as core from '@rudderjs/core'
import type { SessionConfig } from '../config.js'
import { inProduction } from '../environment.js'
import { invalid } from '../refusals.js'
import { resolveSessionSecret } from '../secret.js'
import { Session } from '../session.js'
import { addFlashToPages } from './flash-pages.js'
import { type RudderMiddleware, sessionMiddleware } from './middleware.js'

/** Listed in bootstrap/providers.ts, or found by the `rudderjs` field of package.json. */
export class SessionProvider extends core.ServiceProvider {
  override register(): void {}

  /** @throws {SessionConfigError} if config/session.ts is missing, or something in it is wrong. */
  override async boot(): Promise<void> {
    const config = configured()
    this.app.instance('session.config', config)
    const middleware = middlewareFor(config)
    this.app.instance('session.middleware', middleware)
    this.app.instance('session.facade', Session)
    core.appendToGroup('web', middleware)
    await addFlashToPages()
  }
}

/**
 * The middleware that the provider made. For a route outside of the "web" group, such as one of
 * an API that needs a session.
 *
 * @throws {Error} if the provider is not registered.
 */
export function SessionMiddleware(): RudderMiddleware {
  try {
    return core.app().make<RudderMiddleware>('session.middleware')
  } catch (cause) {
    throw new Error(NO_PROVIDER, { cause })
  }
}

function configured(): SessionConfig {
  const config = core.config<SessionConfig | undefined>('session')
  if (typeof config !== 'object' || config === null) {
    throw invalid('config', 'there is no config/session.ts, or it exports nothing')
  }
  if (typeof config.secret === 'object' && config.secret !== null) return config
  return { ...config, secret: resolveSessionSecret(config.secret, process.env.APP_KEY, notice) }
}

/** Collected by the framework, which prints it when it has booted. */
function notice(text: string): void {
  const { bootNotice } = core as { bootNotice?: typeof core.bootNotice }
  if (bootNotice) bootNotice('session', text)
  else console.warn(`[session] ${text}`)
}

/** The middleware of the last boot if the configuration is still the same, else a new one. */
function middlewareFor(config: SessionConfig): RudderMiddleware {
  const home = globalThis as { [LAST_BOOT]?: { digest: string; middleware: RudderMiddleware } }
  // A digest, since the configuration holds secrets. What is refused depends on both.
  const settings = JSON.stringify([config, inProduction()])
  const digest = createHash('sha256').update(settings).digest('hex')
  const last = home[LAST_BOOT]
  if (last?.digest === digest && !last.middleware.engine.closed) return last.middleware

  const middleware = sessionMiddleware(config)
  home[LAST_BOOT] = { digest, middleware }
  // After the new one is made: if both use the same server, its connections stay.
  last?.middleware.engine.close()
  return middleware
}

const LAST_BOOT = Symbol.for('rudderjs.session.lastBoot')

const NO_PROVIDER =
  '[Rudder Session] SessionMiddleware() requires SessionProvider to be registered. Add ' +
  'SessionProvider to the list in bootstrap/providers.ts.'
