/** To its handler a response that waits for the save behaves as Node's own. */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import * as http2 from 'node:http2'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { type TestContext, test } from 'node:test'
import { Session } from '@rudderjs/session-native'
import { session, withSession } from '@rudderjs/session-native/node'
import { captureConsole } from './support/console.js'
import { SECRET } from './support/pipeline.js'

type Handler = (req: IncomingMessage, res: ServerResponse) => unknown

/** Answers one request by a handler that has a session to save, which takes a while. */
async function answer(t: TestContext, handler: Handler, method = 'GET') {
  const listener = withSession({ secret: SECRET, driver: 'memory' }, (req, res) => {
    req.session.put('user', 1)
    return handler(req, res)
  })
  const server = createServer(listener).listen(0, '127.0.0.1')
  t.after(() => {
    server.closeAllConnections()
    server.close()
    listener.engine.close()
  })
  await once(server, 'listening')
  const sent = request({ port: (server.address() as AddressInfo).port, method, agent: false })
  sent.end()
  const [response] = (await once(sent, 'response')) as [IncomingMessage]
  return { response, body: await text(response) }
}

const heads: [name: string, head: (res: ServerResponse) => unknown][] = [
  ['an object', (res) => res.writeHead(201, { 'X-A': '1', 'Set-Cookie': ['a=1', 'b=2'] })],
  [
    'a reason and an object',
    (res) => res.writeHead(201, 'Made', { 'X-A': '1', 'Set-Cookie': ['a=1', 'b=2'] }),
  ],
  [
    'a flat list with a name twice',
    (res) => res.writeHead(201, ['X-A', '1', 'Set-Cookie', 'a=1', 'set-cookie', 'b=2']),
  ],
  [
    'a list of pairs',
    (res) => {
      const pairs = [
        ['X-A', '1'],
        ['Set-Cookie', 'a=1'],
        ['Set-Cookie', 'b=2'],
      ]
      return res.writeHead(201, pairs as unknown as string[])
    },
  ],
  [
    'what was set before',
    (res) => {
      res.setHeader('Set-Cookie', ['a=1', 'b=2'])
      return res.writeHead(201, { 'X-A': '1' })
    },
  ],
]
for (const [name, head] of heads) {
  test(`writeHead with ${name} keeps all fields beside the session cookie`, async (t) => {
    const { response, body } = await answer(t, (_req, res) => {
      assert.equal(head(res), res)
      res.end('body')
    })

    const cookies = response.headers['set-cookie'] ?? []
    assert.deepEqual([response.statusCode, response.headers['x-a'], body], [201, '1', 'body'])
    if (name.startsWith('a reason')) assert.equal(response.statusMessage, 'Made')
    assert.deepEqual(cookies.slice(0, 2), ['a=1', 'b=2'])
    assert.equal(cookies.length, 3)
  })
}

test('a wrong status is refused at once, and so is a second head', async (t) => {
  const { response } = await answer(t, (_req, res) => {
    assert.throws(() => res.writeHead(42), { code: 'ERR_HTTP_INVALID_STATUS_CODE' })
    assert.throws(() => res.writeHead(200, { 'X-A': 'a\r\nb' }), { code: 'ERR_INVALID_CHAR' })
    res.writeHead(202)
    assert.throws(() => res.writeHead(203), { code: 'ERR_HTTP_HEADERS_SENT' })
    res.end()
  })

  assert.equal(response.statusCode, 202)
})

/** What a response says to calls that come after its head. */
function lateCalls(res: ServerResponse): unknown[] {
  const calls = [
    () => res.setHeader('X-Late', '1'),
    () => res.appendHeader('X-A', '2'),
    () => res.setHeaders(new Map([['X-Late', '1']])),
    () => res.removeHeader('X-A'),
    () => res.writeHead(500),
  ]
  return calls.map((call) => {
    try {
      call()
      return 'accepted'
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException
      return `${code}: ${message}`
    }
  })
}

const sendings: [name: string, send: (res: ServerResponse) => unknown][] = [
  ['writeHead', (res) => res.writeHead(201)],
  ['write', (res) => res.write('a')],
  ['flushHeaders', (res) => res.flushHeaders()],
]
for (const [name, send] of sendings) {
  test(`after ${name} the head stays as it is, and Node's errors say so`, async (t) => {
    const said: unknown[][] = []
    const handler = (_req: unknown, res: ServerResponse) => {
      res.statusCode = 201
      res.setHeader('X-A', '1')
      send(res)
      said.push(lateCalls(res))
      res.statusCode = 500
      res.end()
    }
    const plain = createServer(handler).listen(0, '127.0.0.1')
    t.after(() => plain.close())
    await once(plain, 'listening')
    const { port } = plain.address() as AddressInfo
    await text((await once(request({ port, agent: false }).end(), 'response'))[0])

    const { response } = await answer(t, handler)

    assert.deepEqual(said[1], said[0])
    assert.ok(said[0]?.every((it) => String(it).startsWith('ERR_HTTP_HEADERS_SENT: ')))
    assert.equal(response.statusCode, 201)
    assert.deepEqual([response.headers['x-a'], response.headers['x-late']], ['1', undefined])
    assert.equal(response.headers['set-cookie']?.length, 1)
  })
}

test('a response that waits looks sent and ended, and stays so', async (t) => {
  const seen: unknown[] = []
  await answer(t, async (_req, res) => {
    seen.push([res.headersSent, res.writableEnded])
    assert.equal(res.write('a'), false)
    seen.push([res.headersSent, res.writableEnded])
    assert.equal(res.end(), res)
    seen.push([res.headersSent, res.writableEnded])
    await once(res, 'finish')
    seen.push([res.headersSent, res.writableEnded])
  })

  assert.deepEqual(seen, [
    [false, false],
    [true, false],
    [true, true],
    [true, true],
  ])
})

test('callbacks are called, in order, and so is drain', async (t) => {
  const calls: string[] = []
  const { body } = await answer(t, async (_req, res) => {
    res.write('a', () => calls.push('a'))
    res.write('62', 'hex', () => calls.push('b'))
    await once(res, 'drain')
    res.end('c', () => calls.push('c'))
    await once(res, 'finish')
  })

  assert.deepEqual([body, calls], ['abc', ['a', 'b', 'c']])
})

test('flushHeaders sends the head, cookie included, before there is a body', async (t) => {
  let finish = () => {}
  const listener = withSession({ secret: SECRET, driver: 'memory' }, (req, res) => {
    req.session.put('user', 1)
    res.flushHeaders()
    finish = () => res.end()
  })
  const server = createServer(listener).listen(0, '127.0.0.1')
  t.after(() => server.close())
  await once(server, 'listening')
  const sent = request({ port: (server.address() as AddressInfo).port, agent: false }).end()

  const [response] = (await once(sent, 'response')) as [IncomingMessage]

  assert.equal(response.headers['set-cookie']?.length, 1)
  finish()
  assert.equal(await text(response), '')
})

test('a handler that fails is answered with 500, and what it put is saved', async (t) => {
  const errors = captureConsole(t, 'error')
  const { response } = await answer(t, async (_req, res) => {
    res.setHeader('X-Half', 'done')
    throw new Error('of the handler')
  })

  assert.deepEqual([response.statusCode, response.headers['x-half']], [500, undefined])
  assert.equal(response.headers['set-cookie']?.length, 1)
  assert.equal(errors.length, 1)
})

test('a body that Node refuses ends the connection, not the process', async (t) => {
  await assert.rejects(
    answer(t, (_req, res) => {
      res.end(42 as unknown as string)
    }),
    { code: 'ECONNRESET' },
  )
})

test('a middleware that is installed twice saves once, and warns once', async (t) => {
  const warnings = captureConsole(t, 'warn')
  const second = session({ secret: SECRET, driver: 'memory' })
  const { response, body } = await answer(t, (req, res) => {
    second(req, res, () => second(req, res, () => res.end('ok')))
  })

  assert.equal(body, 'ok')
  assert.equal(response.headers['set-cookie']?.length, 1)
  assert.equal(warnings.length, 1)
})

test('HTTP/2 responses wait, too', async (t) => {
  const middleware = session({ secret: SECRET, driver: 'memory' })
  const server = http2.createServer((req, res) => {
    const [request, response] = [req, res] as unknown as [IncomingMessage, ServerResponse]
    middleware(request, response, () => {
      Session.put('a', 1)
      res.writeHead(200, { 'x-a': '1' })
      assert.throws(() => res.setHeader('x-a', '2'), { code: 'ERR_HTTP2_HEADERS_SENT' })
      res.write('a')
      res.end('b')
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = http2.connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  t.after(() => {
    client.close()
    server.close()
    middleware.engine.close()
  })

  const stream = client.request({ ':path': '/' })
  const [headers] = await once(stream, 'response')

  assert.deepEqual([headers['x-a'], headers['set-cookie']?.length], ['1', 1])
  assert.equal(await text(stream), 'ab')
})
