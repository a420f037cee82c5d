// What a request pays for a session in its cookie, middleware included.

import assert from 'node:assert/strict'
import { sessionMiddleware } from '../../../node-binding/dist/index.js'
import { createCodec } from '../../../node-binding/dist/raw.js'
import { inTurnsAsync } from '../measure.mjs'
import { plainMiddleware } from '../plain.mjs'
import { flat, payloadText, SECRET } from '../sessions.mjs'

const CONFIG = {
  driver: 'cookie',
  secret: SECRET,
  lifetime: 120,
  // The largest sessions measured make a cookie that browsers would drop.
  cookie: {
    ...{ name: 'sid', path: '/', sameSite: 'lax', secure: false, httpOnly: true },
    maxBytes: 8192,
  },
}
const HEADERS = 64

export async function* cookieRequestRows() {
  yield row('cookie request that reads nothing, 1024 B', 1024, readsNothing, 5)
  yield row('cookie request that reads one key and writes one, 1024 B', 1024, readsAndWrites, 3)
  yield row('cookie request that reads one key and writes one, 3072 B', 3072, readsAndWrites, 3.5)
}

const readsNothing = { handler: () => {}, cookies: 0 }

const readsAndWrites = {
  handler(session) {
    assert.equal(session.get('item1').sku, 'A-1001')
    session.put('visits', 7)
  },
  cookies: 1,
}

async function row(name, bytes, { handler, cookies }, target) {
  const codec = createCodec([SECRET])
  const headers = Array.from({ length: HEADERS }, () => {
    const value = codec.encode(payloadText(bytes), Date.now() + 7_200_000)
    return flat(`theme=dark; sid=${value}; lang=en`)
  })
  const ours = request(sessionMiddleware(CONFIG), (raw) => handler(raw.__rjs_session), headers)
  const theirs = request(plainMiddleware(CONFIG), (raw) => handler(raw.session), headers)

  const sent = [await ours(0), await theirs(0)]
  for (const setCookies of sent) assert.equal(setCookies.length, cookies)
  if (cookies > 0) assert.deepEqual(...sent.map(([text]) => sessionIn(codec, text)))

  return { name, peer: 'plain', target, ...(await inTurnsAsync(ours, theirs)) }
}

/** Sends one request through `middleware`, and answers the cookies that it set. */
function request(middleware, handler, headers) {
  return async (n) => {
    const raw = {}
    const setCookies = []
    const req = { headers: { cookie: headers[n % HEADERS] }, raw }
    const res = { raw: { header: (_name, text) => setCookies.push(text) } }
    await middleware(req, res, () => handler(raw))
    return setCookies
  }
}

/** What a `Set-Cookie` text would bring back. */
function sessionIn(codec, setCookie) {
  const text = codec.load(setCookie, 'sid', Date.now(), true)
  assert.equal(typeof text, 'string')
  return JSON.parse(text)
}
