/** Boots an application of the framework's stand-ins, and visits it as a browser does. */

import type { TestContext } from 'node:test'
import { Application } from '@rudderjs/core'
import { Server } from '@rudderjs/server-hono'
import type { SessionConfig } from '@rudderjs/session-native'
import { SessionProvider } from '@rudderjs/session-native/rudderjs'
import { cookieValueOf } from '../support/pipeline.js'

/** An application with sessions. Its engine is closed by the boot of another configuration. */
export async function boot(session: SessionConfig): Promise<Application> {
  const application = new Application({ session })
  await application.boot(SessionProvider)
  return application
}

/** The same, with a server in front of it. */
export async function serve(session: SessionConfig): Promise<Server> {
  await boot(session)
  return new Server()
}

/** Keeps the session cookie from one request to the next. */
export class Visitor {
  readonly #server: Server
  cookie: string | undefined

  constructor(server: Server) {
    this.#server = server
  }

  async request(path: string, options: RequestInit = {}): Promise<Response> {
    const cookie = this.cookie === undefined ? {} : { cookie: `sid=${this.cookie}` }
    const response = await this.#server.request(path, { ...options, headers: cookie })
    const [sent] = sessionCookies(response)
    if (sent !== undefined) this.cookie = cookieValueOf(sent)
    return response
  }

  async json(path: string): Promise<unknown> {
    return (await this.request(path)).json()
  }
}

export function sessionCookies(response: Response): string[] {
  return response.headers.getSetCookie().filter((text) => text.startsWith('sid='))
}

/** Sets environment variables until the end of the test. `undefined` removes one. */
export function setEnvironment(t: TestContext, changes: Record<string, string | undefined>): void {
  const before = Object.keys(changes).map((name) => [name, process.env[name]] as const)
  t.after(() => assign(before))
  assign(Object.entries(changes))
}

function assign(variables: readonly (readonly [string, string | undefined])[]): void {
  for (const [name, value] of variables) {
    if (value === undefined) delete process.env[name]
    else process.env[name] = value
  }
}
