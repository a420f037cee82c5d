/** A change inside of a value that nothing saves is warned about, in development. */

import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { type SessionConfig, sessionMiddleware } from '@rudderjs/session-native'
import { captureConsole } from './support/console.js'
import { Browser, config } from './support/pipeline.js'

async function browserWith(key: string, changes: Partial<SessionConfig> = {}) {
  const settings = config({ driver: 'memory', warnOnNestedChange: true, ...changes })
  const browser = new Browser(sessionMiddleware(settings))
  await browser.visit((session) => session.put(key, { items: [1] }))
  return browser
}

type Cart = { items: number[] }

test('a value that was changed in place and is not saved is named, once', async (t) => {
  const warnings = captureConsole(t, 'warn')
  const browser = await browserWith('cart one')

  for (let visits = 0; visits < 2; visits++) {
    await browser.visit((session) => session.get<Cart>('cart one')?.items.push(2))
  }

  assert.equal(warnings.length, 1)
  assert.match(String(warnings[0]), /The value of "cart one" was changed in place.*markDirty\(\)/)
})

test('a value that was changed in the copy of all() is named, too', async (t) => {
  const warnings = captureConsole(t, 'warn')
  const browser = await browserWith('cart two')

  await browser.visit((session) => (session.all()['cart two'] as Cart).items.push(2))

  assert.match(String(warnings[0]), /"cart two"/)
})

const quiet: [string, string, (browser: Browser) => Promise<unknown>][] = [
  ['it was only read', 'cart three', (it) => it.visit((s) => s.get<Cart>('cart three')?.items)],
  [
    'it was saved',
    'cart four',
    (it) =>
      it.visit((session) => {
        session.get<Cart>('cart four')?.items.push(2)
        session.markDirty()
      }),
  ],
]
for (const [why, key, act] of quiet) {
  test(`there is no warning if ${why}`, async (t) => {
    const warnings = captureConsole(t, 'warn')

    await act(await browserWith(key))

    assert.deepEqual(warnings, [])
  })
}

function environment(t: TestContext, variables: Record<string, string>): void {
  for (const [name, value] of Object.entries(variables)) {
    const before = process.env[name]
    process.env[name] = value
    t.after(() => {
      if (before === undefined) delete process.env[name]
      else process.env[name] = before
    })
  }
}

const environments: [Record<string, string>, boolean][] = [
  [{ NODE_ENV: 'development' }, true],
  [{ NODE_ENV: '', APP_ENV: 'local' }, true],
  [{ NODE_ENV: 'test' }, false],
  [{ NODE_ENV: 'production' }, false],
]
for (const [variables, warns] of environments) {
  test(`it warns by itself: ${warns}, with ${JSON.stringify(variables)}`, (t) => {
    environment(t, { APP_ENV: '', ...variables })

    assert.equal(sessionMiddleware(config()).engine.config.warnOnNestedChange, warns)
  })
}
