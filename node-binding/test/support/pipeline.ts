/**
 * Plays the part of a RudderJS server for the middleware, and of a browser for the server.
 *
 *   Browser.visit(handler)   one request with the cookies so far; keeps what comes back
 */

import type {
  SessionConfig,
  SessionInstance,
  SessionMiddlewareHandler,
} from '@rudderjs/session-native'

export const SECRET = 'test-secret-32-chars-exactly!!xx'

/** A whole configuration, with `changes` put over it. */
export function config(changes: Partial<SessionConfig> = {}): SessionConfig {
  return {
    driver: 'cookie',
    lifetime: 120,
    secret: SECRET,
    ...changes,
    cookie: {
      name: 'sid',
      secure: false,
      httpOnly: true,
      sameSite: 'lax',
      path: '/',
      ...changes.cookie,
    },
  }
}

/** What one request left behind. */
export interface Visit {
  session: SessionInstance
  /** The texts of all `Set-Cookie` headers. */
  setCookies: string[]
}

type Handler = (session: SessionInstance) => unknown

/** Sends one request with this `Cookie` header through the middleware. */
export async function visit(
  middleware: SessionMiddlewareHandler,
  cookieHeader: string | undefined,
  handler: Handler = () => {},
): Promise<Visit> {
  const raw: { __rjs_session?: SessionInstance } = {}
  const headers: Record<string, string> = cookieHeader === undefined ? {} : { cookie: cookieHeader }
  const response = new Response('body')
  await middleware({ headers, raw }, { raw: { res: response } }, async () => {
    await handler(raw.__rjs_session as SessionInstance)
  })
  return {
    session: raw.__rjs_session as SessionInstance,
    setCookies: response.headers.getSetCookie(),
  }
}

/** A client that keeps its session cookie from one visit to the next. */
export class Browser {
  readonly #middleware: SessionMiddlewareHandler
  /** The value of the session cookie, as the server last sent it. */
  cookie: string | undefined

  constructor(middleware: SessionMiddlewareHandler, cookie?: string) {
    this.#middleware = middleware
    this.cookie = cookie
  }

  async visit(handler?: Handler): Promise<Visit> {
    const header = this.cookie === undefined ? undefined : `sid=${this.cookie}`
    const visited = await visit(this.#middleware, header, handler)
    const [sent] = visited.setCookies
    if (sent !== undefined) this.cookie = cookieValueOf(sent)
    return visited
  }
}

/** The value in the text of a `Set-Cookie` header. */
export function cookieValueOf(setCookie: string): string {
  const [pair = ''] = setCookie.split(';')
  return pair.slice(pair.indexOf('=') + 1)
}

/** The ids of either format. */
export const NEW_ID = /^([0-9a-f-]{36}|[A-Za-z0-9_-]{43})$/

export const UUID_V4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/
