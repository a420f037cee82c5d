/** The sessions of a user on a Redis Cluster: indexes and sessions are wherever their slots are. */

import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import {
  type SessionConfig,
  type SessionMiddlewareHandler,
  sessionMiddleware,
} from '@rudderjs/session-native'
import { Browser, config } from './support/pipeline.js'
import { type RedisNode, startCluster } from './support/redis-cluster.js'

const GUARD = { timeout: 120_000 }

/** So many that each node has some of their indexes, and some of their sessions. */
const USERS = Array.from({ length: 12 }, (_, n) => `user-${n}`)

/** A process of the application; it is told one node, and finds the others. */
function startApp(t: TestContext, node: RedisNode, changes: Partial<SessionConfig> = {}) {
  const cluster = [`127.0.0.1:${node.port}`]
  const redis = { url: `redis://${cluster[0]}`, cluster, deadlineMs: 10_000 }
  const middleware = sessionMiddleware(
    config({ driver: 'redis', redis, storeEmpty: false, users: {}, ...changes }),
  )
  t.after(() => middleware.engine.close())
  return middleware
}

async function signedIn(middleware: SessionMiddlewareHandler, user: string, label: string) {
  const browser = new Browser(middleware)
  await browser.visit((session) => session.signIn(user, { label }))
  return browser
}

async function isIn(browser: Browser, user: string): Promise<boolean> {
  const { session } = await browser.visit()
  assert.ok(session.available)
  return session.get('auth_user_id') === user
}

/** What `ask` answers in a request of `browser`. */
async function asked<T>(browser: Browser, ask: (session: Asked) => Promise<T>): Promise<T> {
  let answer: [T] | undefined
  await browser.visit(async (session) => {
    answer = [await ask(session)]
  })
  return (answer ?? assert.fail('the handler has run'))[0]
}

type Asked = Parameters<NonNullable<Parameters<Browser['visit']>[0]>>[0]

for (const format of ['v1', 'v2'] as const) {
  test(
    `users sign in, see their devices and end them on a cluster, format ${format}`,
    GUARD,
    async (t) => {
      const nodes = await startCluster(t)
      // Two processes, which know one node each.
      const [here, there] = [startApp(t, nodes[0], { format }), startApp(t, nodes[1], { format })]

      for (const user of USERS) {
        const phone = await signedIn(here, user, 'Phone')
        const laptop = await signedIn(there, user, 'Laptop')
        const tablet = await signedIn(here, user, 'Tablet')

        const devices = await asked(phone, (session) => session.devices())
        const labels = devices.map(({ label, current }) => `${label}${current ? ', this one' : ''}`)
        assert.deepEqual(labels.sort(), ['Laptop', 'Phone, this one', 'Tablet'])

        const handle = devices.find(({ label }) => label === 'Laptop')?.handle ?? ''
        assert.equal(await asked(phone, (session) => session.revoke(handle)), true)
        assert.deepEqual([await isIn(laptop, user), await isIn(tablet, user)], [false, true])

        const back = await signedIn(there, user, 'Laptop')
        assert.equal(await asked(back, (session) => session.revokeOthers()), 2)
        const left = [phone, tablet, back].map((browser) => isIn(browser, user))
        assert.deepEqual(await Promise.all(left), [false, false, true])

        const again = await signedIn(here, user, 'Phone')
        assert.equal(await asked(again, (session) => session.revokeAll()), 2)
        assert.deepEqual([await isIn(again, user), await isIn(back, user)], [false, false])
        assert.deepEqual(await there.engine.users?.list(user), [])
      }

      const kept = await Promise.all(nodes.map(({ client }) => client.call('DBSIZE')))
      assert.equal(Number(kept[0]) + Number(kept[1]), USERS.length, 'the indexes are what is left')
      assert.ok(Number(kept[0]) > 0 && Number(kept[1]) > 0, `${kept}`)
      const stats = here.engine.stats()
      assert.deepEqual([stats.users?.load.errors, stats.users?.save.errors], [0, 0])
    },
  )
}

test('of sign-ins at the same time on two processes none is lost', GUARD, async (t) => {
  const nodes = await startCluster(t)
  const apps = [startApp(t, nodes[0]), startApp(t, nodes[1])]

  const browsers = await Promise.all(
    Array.from({ length: 16 }, (_, n) =>
      signedIn(apps[n % 2] as SessionMiddlewareHandler, 'busy', `Device ${n}`),
    ),
  )

  const listed = (await apps[0]?.engine.users?.list('busy')) ?? []
  const labels = listed.map(({ label }) => label)
  assert.deepEqual(labels.sort(), Array.from({ length: 16 }, (_, n) => `Device ${n}`).sort())
  assert.equal(await apps[1]?.engine.users?.revokeAll('busy'), 16)
  const left = await Promise.all(browsers.map((browser) => isIn(browser, 'busy')))
  assert.ok(!left.includes(true))
})
