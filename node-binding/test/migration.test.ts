/** What docs/migration.md says of express-session, tried on both: the same requests, to each. */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import { promisify } from 'node:util'
import type { SessionInstance } from '@rudderjs/session-native'
import { session } from '@rudderjs/session-native/express'
import express, { type Request, type RequestHandler } from 'express'
import expressSession from 'express-session'
import { SECRET } from './support/pipeline.js'

/** One of the packages, behind the words of the tests. */
interface Package {
  middleware(): RequestHandler
  put(req: Request, key: string, value: unknown): void
  /** All keys, in order. */
  keys(req: Request): string[]
  regenerate(req: Request): Promise<void>
  logout(req: Request): Promise<void>
}

const THEIRS = { secret: SECRET, resave: false, saveUninitialized: false }

// Both say what `req.session` is; the types of one of them only can be in a program.
const theirs = (req: Request) =>
  (req as unknown as { session: expressSession.Session & Record<string, unknown> }).session
const ours = (req: Request) => (req as unknown as { session: SessionInstance }).session

const PACKAGES: Record<'express-session' | 'this package', Package> = {
  'express-session': {
    middleware: () => expressSession({ ...THEIRS, store: new expressSession.MemoryStore() }),
    put: (req, key, value) => {
      theirs(req)[key] = value
    },
    keys: (req) =>
      Object.keys(theirs(req))
        .filter((key) => key !== 'cookie')
        .sort(),
    regenerate: (req) =>
      promisify((done: (error: unknown) => void) => theirs(req).regenerate(done))(),
    logout: (req) => promisify((done: (error: unknown) => void) => theirs(req).destroy(done))(),
  },
  'this package': {
    middleware: () => session({ driver: 'memory', secret: SECRET }),
    put: (req, key, value) => ours(req).put(key, value),
    keys: (req) => Object.keys(ours(req).all()).sort(),
    regenerate: (req) => ours(req).regenerate(),
    logout: (req) => ours(req).logout(),
  },
}

type Handler = (req: Request) => unknown

/** A visitor who has put `user`. Each visit has a handler of its own, and answers its JSON. */
async function visitor(t: TestContext, it: Package) {
  const handlers: Handler[] = []
  const app = express().use(it.middleware())
  app.use(async (req, res) => {
    res.json((await handlers[Number(req.query.n)]?.(req)) ?? null)
  })
  const server = app.listen(0, '127.0.0.1')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  let cookie = ''
  const visit = async (handler: Handler): Promise<unknown> => {
    const n = handlers.push(handler) - 1
    const response = await fetch(`http://127.0.0.1:${port}/?n=${n}`, { headers: { cookie } })
    cookie ||= response.headers.getSetCookie()[0]?.split(';')[0] ?? ''
    return response.json()
  }
  await visit((req) => it.put(req, 'user', 1))
  return visit
}

/** What is in the session after `during` has happened inside a request that puts `slow`. */
async function keysAfter(t: TestContext, it: Package, during: Handler): Promise<unknown> {
  const visit = await visitor(t, it)
  await visit(async (req) => {
    it.put(req, 'slow', 1)
    await visit(during)
  })
  return visit(it.keys)
}

const rows: [what: string, expected: Record<keyof typeof PACKAGES, unknown>, tried: Tried][] = [
  [
    'two requests at once',
    { 'express-session': ['slow', 'user'], 'this package': ['fast', 'slow', 'user'] },
    (t, it) => keysAfter(t, it, (req) => it.put(req, 'fast', 1)),
  ],
  [
    'a logout while a request is under way',
    { 'express-session': ['slow', 'user'], 'this package': [] },
    (t, it) => keysAfter(t, it, it.logout),
  ],
  [
    'what is left after regenerate',
    { 'express-session': [], 'this package': ['user'] },
    async (t, it) =>
      (await visitor(t, it))(async (req) => {
        await it.regenerate(req)
        return it.keys(req)
      }),
  ],
]
type Tried = (t: TestContext, it: Package) => Promise<unknown>

for (const [what, expected, tried] of rows) {
  for (const [name, it] of Object.entries(PACKAGES)) {
    test(`${what}: ${name} does what the page says`, async (t) => {
      assert.deepEqual(await tried(t, it), expected[name as keyof typeof PACKAGES])
    })
  }
}
