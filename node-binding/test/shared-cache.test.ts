/**
 * A cache between the users and the server, which keeps what it may: Flask CVE-2023-30861.
 *
 *   user --> cache, by URL and by what Vary names --> server
 *
 * The handler says that its page may be kept; the session's headers have the last word.
 */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import {
  createServer,
  type IncomingHttpHeaders,
  type RequestListener,
  type Server,
} from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, type TestContext, test } from 'node:test'
import { getRequestListener } from '@hono/node-server'
import type { SessionInstance, SessionOptions } from '@rudderjs/session-native'
import { type SessionEnv, session } from '@rudderjs/session-native/hono'
import { withSession } from '@rudderjs/session-native/node'
import { Hono } from 'hono'
import { SECRET } from './support/pipeline.js'

const MAY_BE_KEPT = 'public, max-age=60'

const SERVERS: Record<string, (options: SessionOptions) => RequestListener> = {
  'node:http': (options) =>
    withSession(options, (req, res) => {
      res.setHeader('Cache-Control', MAY_BE_KEPT)
      res.end(page(req.session, new URL(req.url ?? '', 'http://x').searchParams))
    }),
  Hono: (options) => {
    const app = new Hono<SessionEnv>().use(session(options))
    app.get('*', (c) => {
      const text = page(c.get('session'), new URL(c.req.url).searchParams)
      return c.text(text, 200, { 'Cache-Control': MAY_BE_KEPT })
    })
    return getRequestListener(app.fetch)
  },
}

/** Greets, and counts: so each answer has a cookie. */
function page(session: SessionInstance, query: URLSearchParams): string {
  const name = query.get('name')
  if (name !== null) session.put('name', name)
  session.increment('visits')
  return `Hello ${session.get('name', 'stranger')}`
}

for (const [name, listenerOf] of Object.entries(SERVERS)) {
  describe(name, () => {
    test('users behind one cache get their own pages, and their own cookies', async (t) => {
      const { ann, bob, stranger, kept } = await usersBehindCache(t, listenerOf, {})

      assert.equal(await ann.get('/'), 'Hello ann')
      assert.equal(await bob.get('/'), 'Hello bob')
      assert.equal(await stranger.get('/'), 'Hello stranger')
      assert.notEqual(ann.cookie, bob.cookie)
      assert.equal(kept(), 0)
    })

    test('without these headers the cache gives one user the page of another', async (t) => {
      const { ann, bob, kept } = await usersBehindCache(t, listenerOf, { cacheHeaders: false })

      assert.equal(await ann.get('/'), 'Hello ann')
      assert.equal(await bob.get('/'), 'Hello ann')
      assert.ok(kept() > 0)
    })
  })
}

async function usersBehindCache(
  t: TestContext,
  listenerOf: (options: SessionOptions) => RequestListener,
  changes: SessionOptions | object,
) {
  const secret = { driver: 'memory' as const, secret: SECRET }
  const origin = await listening(t, createServer(listenerOf({ ...secret, ...changes })))
  const cache = new Cache(origin)
  const url = await listening(t, createServer(cache.listener))
  const [ann, bob, stranger] = [new User(url), new User(url), new User(url)]
  await ann.get('/?name=ann')
  await bob.get('/?name=bob')
  return { ann, bob, stranger, kept: () => cache.kept }
}

async function listening(t: TestContext, server: Server): Promise<string> {
  await once(server.listen(0, '127.0.0.1'), 'listening')
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** A client that keeps its cookie. */
class User {
  readonly #url: string
  cookie = ''

  constructor(url: string) {
    this.#url = url
  }

  async get(path: string): Promise<string> {
    const answer = await fetch(this.#url + path, { headers: { cookie: this.cookie } })
    for (const text of answer.headers.getSetCookie()) this.cookie = text.split(';')[0] ?? ''
    return answer.text()
  }
}

interface Kept {
  headers: [string, string][]
  body: string
  /** The request's fields that `Vary` names, and their values. */
  vary: [name: string, value: string][]
}

/** Keeps what `Cache-Control` lets a shared cache keep, cookies included, as some do. */
class Cache {
  readonly #origin: string
  readonly #pages = new Map<string, Kept[]>()
  kept = 0

  constructor(origin: string) {
    this.#origin = origin
  }

  readonly listener: RequestListener = async (req, res) => {
    const url = req.url ?? ''
    const page = this.#find(url, req.headers) ?? (await this.#fetch(url, req.headers))
    for (const [name, value] of page.headers) res.appendHeader(name, value)
    res.end(page.body)
  }

  #find(url: string, headers: IncomingHttpHeaders): Kept | undefined {
    const pages = this.#pages.get(url) ?? []
    return pages.find(({ vary }) => vary.every(([name, value]) => fieldOf(headers, name) === value))
  }

  async #fetch(url: string, headers: IncomingHttpHeaders): Promise<Kept> {
    const cookie = headers.cookie ?? ''
    const answer = await fetch(this.#origin + url, { headers: { cookie } })
    const names = (answer.headers.get('vary') ?? '').split(',').map((it) => it.trim().toLowerCase())
    const page: Kept = {
      headers: [...answer.headers].filter(([name]) => PASSED_ON.includes(name)),
      body: await answer.text(),
      vary: names.filter(Boolean).map((name) => [name, fieldOf(headers, name)]),
    }
    const control = answer.headers.get('cache-control') ?? ''
    if (/\bmax-age=[1-9]/.test(control) && !/\b(private|no-store)\b/.test(control)) {
      this.kept += 1
      this.#pages.set(url, [...(this.#pages.get(url) ?? []), page])
    }
    return page
  }
}

function fieldOf(headers: IncomingHttpHeaders, name: string): string {
  return String(headers[name] ?? '')
}

const PASSED_ON = ['set-cookie', 'cache-control', 'vary', 'content-type']
