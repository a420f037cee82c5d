/**
 * Makes the middleware of a RudderJS pipeline from a RudderJS configuration.
 *
 * That of the main entry, but for one thing: an application that never set a secret still runs,
 * except in production.
 */

import type { MiddlewareHandler } from '@rudderjs/contracts'
import type { SessionConfig } from '../config.js'
import type { SessionEngine } from '../engine.js'
import { inProduction } from '../environment.js'
import { sessionMiddleware as middlewareOf } from '../middleware.js'
import { PLACEHOLDER_SECRET } from '../secret.js'

/** A middleware that also offers its engine. */
export type RudderMiddleware = MiddlewareHandler & { readonly engine: SessionEngine }

/**
 * A middleware that loads the session before `next` and saves it after, even if `next` threw.
 *
 * @throws {SessionConfigError} at once, if the configuration is wrong, or has the public
 *   placeholder for a secret in production.
 */
export function sessionMiddleware(config: SessionConfig): RudderMiddleware {
  return middlewareOf(inProduction() ? config : withPlaceholderAllowed(config))
}

/** The configuration, with the placeholder spelled so that it passes for a secret. */
function withPlaceholderAllowed(config: SessionConfig): SessionConfig {
  return config?.secret === PLACEHOLDER_SECRET ? { ...config, secret: SPELLED_OTHERWISE } : config
}

/** HMAC fills a short key up with zeros, so this signs what the placeholder signs. */
const SPELLED_OTHERWISE = `${PLACEHOLDER_SECRET}\0`
