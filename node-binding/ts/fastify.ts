/**
 * Mounts sessions on a Fastify application.
 *
 *   await app.register(session, { secret: process.env.SESSION_SECRET })
 *   app.get('/', (request) => `Hello ${request.session.get('user', 'stranger')}`)
 *
 * The session is saved before the first byte of the response leaves, whoever writes it: a handler,
 * an error page, a redirect, a stream, or a reply that was hijacked. What is put into it later is
 * not saved.
 */

import type { FastifyPluginAsync } from 'fastify'
import type { SessionOptions } from './config.js'
import { engineOf, startSession } from './connect.js'
import type { SessionEngine } from './engine.js'
import { _runWithSession } from './session.js'
import type { SessionInstance } from './session-instance.js'

declare module 'fastify' {
  interface FastifyRequest {
    session: SessionInstance
  }
  interface FastifyInstance {
    /** What stands behind the sessions: `stats()`. It is closed with the application. */
    sessionEngine: SessionEngine
  }
}

/**
 * A plugin that sets `request.session` and the current session of the `Session` facade, for all
 * routes of the application that registers it.
 *
 * @throws {SessionConfigError} while registering, if the options are wrong.
 */
export const session: FastifyPluginAsync<SessionOptions> = async (app, options) => {
  // First, since it throws where there is a session already. The type says that there always is
  // one: before this plugin's onRequest there is not.
  app.decorateRequest('session', null as unknown as SessionInstance)
  const engine = engineOf(options)
  app.decorate('sessionEngine', engine)
  app.addHook('onClose', async () => engine.close())
  app.addHook('onRequest', (request, reply, done) => {
    startSession(engine, request.raw, reply.raw, fail(done), (session) => {
      request.session = session
      _runWithSession(session, done)
    })
  })
}

function fail(done: (error: Error) => void): (error: unknown) => void {
  return (error) => done(error as Error)
}

// Not for a scope of its own: the routes beside the plugin are to have sessions.
Object.assign(session, {
  [Symbol.for('skip-override')]: true,
  [Symbol.for('fastify.display-name')]: '@rudderjs/session-native',
  [Symbol.for('plugin-meta')]: { name: '@rudderjs/session-native', fastify: '4.x || 5.x' },
})
