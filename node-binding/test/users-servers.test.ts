/** A user's devices on a real server of every framework, by the adapter's own way to the request. */

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  deviceLabel,
  Session,
  SessionConfigError,
  type UsersConfig,
} from '@rudderjs/session-native'
import { session } from '@rudderjs/session-native/hono'
import { config, SECRET } from './support/pipeline.js'
import { FRAMEWORKS, type Routes } from './support/servers.js'

const routes: Routes = {
  'POST /login': async (session, reply) => {
    await session.login('alice')
    return reply.json('in')
  },
  'POST /key': (session, reply) => {
    session.put('auth_user_id', 'alice')
    return reply.json('in')
  },
  'GET /me': (session, reply) => reply.json(session.get('auth_user_id', null)),
  'GET /devices': async (_session, reply) =>
    reply.json((await Session.devices()).map(({ label, current }) => [label, current])),
  'POST /others': async (_session, reply) => reply.json(await Session.revokeOthers()),
}

const FIREFOX = 'Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0'
const PHONE =
  'Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like ' +
  'Gecko) Version/18.5 Mobile/15E148 Safari/604.1'

for (const [name, start] of FRAMEWORKS) {
  for (const driver of ['memory', 'cookie'] as const) {
    describe(`${name}, ${driver} driver`, () => {
      test('devices are listed with what they are, and logged out from elsewhere', async (t) => {
        const users = driver === 'cookie' ? { store: { driver: 'memory' as const } } : {}
        const server = await start({ driver, secret: SECRET, users }, routes)
        t.after(() => server.close())
        const [desk, phone] = [new Client(server.url, FIREFOX), new Client(server.url, PHONE)]
        await desk.send('POST', '/login')
        await phone.send('POST', '/key')

        const listed = await desk.send('GET', '/devices')
        const sorted = (listed as [string, boolean][]).sort(([a], [b]) => (a < b ? -1 : 1))
        assert.deepEqual(sorted, [
          ['Firefox on Linux', true],
          ['Safari on iPhone', false],
        ])

        assert.equal(await desk.send('POST', '/others'), 1)
        assert.equal(await phone.send('GET', '/me'), null)
        assert.equal(await desk.send('GET', '/me'), 'alice')
      })
    })
  }
}

test('a label names browser and system, and nothing for what is neither', () => {
  const chrome = 'AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0'
  const labels: [userAgent: string | undefined, label: string][] = [
    [FIREFOX, 'Firefox on Linux'],
    [PHONE, 'Safari on iPhone'],
    [`Mozilla/5.0 (Windows NT 10.0; Win64; x64) ${chrome} Safari/537.36`, 'Chrome on Windows'],
    [`Mozilla/5.0 (Windows NT 10.0) ${chrome} Safari/537.36 Edg/138.0.0.0`, 'Edge on Windows'],
    [`Mozilla/5.0 (Macintosh; Intel Mac OS X) ${chrome} Safari/537.36 OPR/99`, 'Opera on macOS'],
    [`Mozilla/5.0 (Linux; Android 10; K) ${chrome} Mobile Safari/537.36`, 'Chrome on Android'],
    [`Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) ${chrome} Safari/537.36`, 'Chrome on ChromeOS'],
    ['Mozilla/5.0 (iPad; CPU OS 18_5) CriOS/138.0 Mobile/15E148 Safari/604.1', 'Chrome on iPad'],
    ['Firefox/1', 'Firefox'],
    ['curl/8.14.1', ''],
    ['', ''],
    [undefined, ''],
    [`${' '.repeat(10_000)}Firefox/128.0 Linux`, ''],
    [`Version/1 ${'Version/1 '.repeat(100_000)}`, ''],
  ]
  for (const [userAgent, label] of labels) assert.equal(deviceLabel(userAgent), label, userAgent)
})

test('settings of users that are wrong are refused at boot, by name', () => {
  const wrong: [users: unknown, field: string][] = [
    [5, 'users'],
    [{ maxSessions: 0 }, 'users.maxSessions'],
    [{ whenFull: 'later' }, 'users.whenFull'],
    [{ seenEverySeconds: 0.5 }, 'users.seenEverySeconds'],
    [{ checkEverySeconds: -1 }, 'users.checkEverySeconds'],
    [{ checkEverySeconds: 61 }, 'users.checkEverySeconds'],
    [{ key: '' }, 'users.key'],
    [{ key: 5 }, 'users.key'],
    [{ store: 5 }, 'users.store'],
    [{ store: { driver: 'cookie' } }, 'users.store.driver'],
    [{ store: { driver: 'file' } }, 'file.path'],
  ]
  for (const [users, field] of wrong) {
    const options = config({ driver: 'memory', users: users as UsersConfig })
    assert.throws(
      () => session(options),
      (error) => error instanceof SessionConfigError && error.field === field,
      field,
    )
  }
  assert.throws(
    () => session({ secret: SECRET, users: {} }),
    (error) => error instanceof SessionConfigError && error.field === 'users.store',
  )
})

/** A client that keeps its cookie, and says what it is. */
class Client {
  readonly #url: string
  readonly #userAgent: string
  #cookie = ''

  constructor(url: string, userAgent: string) {
    this.#url = url
    this.#userAgent = userAgent
  }

  async send(method: string, path: string): Promise<unknown> {
    const headers = { cookie: this.#cookie, 'user-agent': this.#userAgent }
    const answer = await fetch(this.#url + path, { method, headers })
    for (const text of answer.headers.getSetCookie()) this.#cookie = text.split(';')[0] ?? ''
    return answer.json()
  }
}
