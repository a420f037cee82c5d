/** How the demo starts and ends, and what it says if it cannot start. */

import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { Browser } from './testing/browser.js'
import { DemoProcess, runToEnd } from './testing/demo-process.js'

test('a port that is in use is answered with one line that names it and PORT', async (t) => {
  const demo = await DemoProcess.start()
  t.after(() => demo.end())

  const second = await runToEnd({ PORT: String(demo.port) })

  assert.deepEqual(second, {
    exitCode: 1,
    stderr:
      `PORT: port ${demo.port} is already in use on 127.0.0.1; ` +
      `choose another, as in PORT=${demo.port + 1}\n`,
  })
})

test('a variable that cannot be used is answered with one line that names it', async () => {
  const cases = [
    [{ PORT: 'eighty' }, 'PORT: expected a number from 0 to 65535, got "eighty"'],
    [{ PORT: '70000' }, 'PORT: expected a number from 0 to 65535, got "70000"'],
    [
      { SESSION_DRIVER: 'mysql' },
      'SESSION_DRIVER: expected cookie, memory, file or redis, got "mysql"',
    ],
    [
      { SESSION_SECRET: 'change-me-in-production' },
      'SESSION_SECRET: expected a text of your own, not the public placeholder',
    ],
    [{ PORT: '0', HOST: '192.0.2.1' }, 'HOST: 192.0.2.1 is not an address of this machine'],
  ] as const

  for (const [env, line] of cases) {
    assert.deepEqual(await runToEnd(env), { exitCode: 1, stderr: `${line}\n` })
  }
})

test('a REDIS_URL that cannot be used is named, and the password in it is not', async () => {
  const line =
    'REDIS_URL: expected redis://[user:password@]host[:port][/database] ' +
    'or redis+unix:///path/to/socket\n'

  for (const url of [
    'localhost:6379',
    'http://:hidden@h',
    'redis://:hidden@h/nine',
    'redis://h:x',
  ]) {
    const end = await runToEnd({ PORT: '0', SESSION_DRIVER: 'redis', REDIS_URL: url })

    assert.deepEqual(end, { exitCode: 1, stderr: line })
  }
})

test('a second demo on the same file is told so in one line', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'rudder-demo-'))
  t.after(() => rm(folder, { recursive: true }))
  const file = join(folder, 'sessions.redb')
  const demo = await DemoProcess.start({ SESSION_FILE: file })
  t.after(() => demo.end())

  const second = await runToEnd({ PORT: '0', SESSION_FILE: file })

  assert.deepEqual(second, {
    exitCode: 1,
    stderr:
      `SESSION_FILE: session file is in use (file.path: ${file}). ` +
      'Is another demo running? SESSION_FILE=... names another.\n',
  })
})

test('a SESSION_FILE that cannot be used is named, and is left as it is', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'rudder-demo-'))
  t.after(() => rm(folder, { recursive: true }))
  const letter = join(folder, 'letter.txt')
  await writeFile(letter, 'Dear reader')

  const foreign = await runToEnd({ PORT: '0', SESSION_FILE: letter })
  const nowhere = await runToEnd({ PORT: '0', SESSION_FILE: join(folder, 'no', 'folder') })

  assert.equal(foreign.exitCode, 1)
  assert.match(foreign.stderr, /^SESSION_FILE: file exists, and is not a session file .*\n$/)
  assert.equal(await readFile(letter, 'utf8'), 'Dear reader')
  assert.equal(nowhere.exitCode, 1)
  assert.match(nowhere.stderr, /^SESSION_FILE: .*no such file or directory.*\n$/)
})

test('a variable that is set but empty counts as not set', async (t) => {
  const demo = await DemoProcess.start({ SESSION_DRIVER: '', SESSION_SECRET: '', HOST: '' })
  t.after(() => demo.end())

  const health = await new Browser(demo.url).get('/healthz')

  assert.deepEqual(JSON.parse(health.html), { status: 'ok', driver: 'file' })
})

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  test(`${signal} ends it with exit code 0, also while a browser holds a connection`, async (t) => {
    const demo = await DemoProcess.start({ SESSION_DRIVER: 'memory' })
    t.after(() => demo.end())
    await new Browser(demo.url).get('/')

    assert.equal(await demo.end(signal), 0)
  })
}

test('SIGTERM lets a slow request end, and what it wrote is kept', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'rudder-demo-'))
  t.after(() => rm(folder, { recursive: true }))
  const env = { SESSION_FILE: join(folder, 'sessions.redb') }
  const demo = await DemoProcess.start(env)
  t.after(() => demo.end())
  const browser = new Browser(demo.url)
  await browser.get('/')

  const answer = browser.post('/note', { note: 'Full speed' })
  let loaded: number
  do loaded = await loads(browser)
  while (loaded < 2)
  assert.equal(await demo.end(), 0)
  assert.equal((await answer).status, 303)

  const second = await DemoProcess.start(env)
  t.after(() => second.end())
  const page = await browser.copy(second.url).get('/')
  assert.deepEqual([page.note, page.flash], ['Full speed', 'The note is kept.'])
})

/** How many sessions the demo has loaded. Asking loads none. */
async function loads(browser: Browser): Promise<number> {
  const { operations } = JSON.parse((await browser.get('/api/figures')).html)
  return operations.load.calls
}
