/** Which binary is loaded, what is done without one, and what is said about it. */

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { config } from './support/pipeline.js'

const ROOT = fileURLToPath(new URL('../', import.meta.url))

/** `rudder-session.linux-x64-gnu.node` on the machine that built it. */
async function binaryName(): Promise<string> {
  const [name] = (await readdir(ROOT)).filter((name) => name.endsWith('.node'))
  assert.ok(name, 'run npm run build:addon first')
  return name
}

async function platformPackage(): Promise<string> {
  return `@rudderjs/session-native-${(await binaryName()).split('.')[1]}`
}

/** The package without its binary, and without anything that it could find in node_modules. */
async function copyOfPackage(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'rudder-session-'))
  t.after(() => rm(folder, { recursive: true }))
  await cp(join(ROOT, 'package.json'), join(folder, 'package.json'))
  await cp(join(ROOT, 'dist'), join(folder, 'dist'), { recursive: true })
  return folder
}

/** Runs `script` as a program of its own, with the package's exports in scope. */
async function run(folder: string, sessionNative: string | undefined, script = PRINT_STATUS) {
  const { SESSION_NATIVE: _, ...env } = process.env
  const program = `
    import { join } from 'node:path'
    const session = await import(${JSON.stringify(join(folder, 'dist/index.js'))})
    const config = ${JSON.stringify(config())}
    try { ${script} } catch (error) {
      const { name, code, message, cause } = error
      console.log(JSON.stringify({ name, code, message, cause: cause instanceof Error }))
    }`
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
    env: sessionNative === undefined ? env : { ...env, SESSION_NATIVE: sessionNative },
  })
  const ended = once(child, 'close')
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)])
  await ended
  return { said: JSON.parse(stdout), warnings: stderr.split('\n').filter((line) => line !== '') }
}

const PRINT_STATUS = `
  const driver = new session.CookieDriver(config)
  const cookie = await driver.persist({ id: 'a', data: { n: 1 }, flash_next: {} }, 60)
  const { data } = await driver.load(cookie)
  new session.CookieDriver(config)
  console.log(JSON.stringify({ ...session.nativeStatus(), data }))`

test('a missing binary costs speed and one warning, which names the package', async (t) => {
  const name = await platformPackage()

  const { said, warnings } = await run(await copyOfPackage(t), undefined)

  assert.deepEqual([said.native, said.data], [false, { n: 1 }])
  assert.ok(said.reason.includes(`${name} is missing`), said.reason)
  assert.equal(warnings.length, 1)
  assert.ok(warnings[0]?.includes(`The package ${name} is missing`), warnings[0])
  assert.match(String(warnings[0]), /install with optional dependencies/)
})

test('SESSION_NATIVE=1 does not start without a binary, and says what to install', async (t) => {
  const { said, warnings } = await run(await copyOfPackage(t), '1')

  assert.deepEqual([said.name, said.code], ['SessionNativeError', 'ERR_SESSION_NATIVE'])
  assert.ok(said.message.includes(`${await platformPackage()} is missing`), said.message)
  assert.match(said.message, /npm run build:addon/)
  assert.deepEqual(warnings, [])
})

test('SESSION_NATIVE=0 does without the binary that is there, and is silent', async () => {
  const { said, warnings } = await run(ROOT, '0')

  assert.deepEqual([said.native, said.data, warnings], [false, { n: 1 }, []])
  assert.match(said.reason, /SESSION_NATIVE=0/)
})

test('SESSION_NATIVE with any other value is refused', async () => {
  const { said } = await run(ROOT, 'yes')

  assert.deepEqual([said.code, said.name], ['ERR_SESSION_NATIVE', 'SessionNativeError'])
  assert.match(said.message, /SESSION_NATIVE must be 0, 1 or unset/)
})

test('the binary beside package.json comes first', async () => {
  const { said, warnings } = await run(ROOT, undefined)

  const reason = `${await binaryName()} is loaded.`
  assert.deepEqual([said, warnings], [{ native: true, reason, data: { n: 1 } }, []])
})

test('without one beside package.json the package of the platform is loaded', async (t) => {
  const folder = await copyOfPackage(t)
  const [name, binary] = [await platformPackage(), await binaryName()]
  const home = join(folder, 'node_modules', name)
  await mkdir(home, { recursive: true })
  await cp(join(ROOT, binary), join(home, binary))
  await writeFile(join(home, 'package.json'), JSON.stringify({ name, main: binary }))

  const { said, warnings } = await run(folder, '1')

  const reason = `${name} is loaded.`
  assert.deepEqual([said, warnings], [{ native: true, reason, data: { n: 1 } }, []])
})

test('a binary that does not load is not called missing', async (t) => {
  const folder = await copyOfPackage(t)
  await writeFile(join(folder, await binaryName()), 'not a binary')

  const { said: refused } = await run(folder, '1')
  const { said, warnings } = await run(folder, undefined)

  assert.equal(refused.code, 'ERR_SESSION_NATIVE')
  assert.match(refused.message, /is there but does not load in Node v\d+/)
  assert.equal(refused.cause, true)
  assert.deepEqual([said.native, warnings.length], [false, 1])
  assert.match(String(warnings[0]), /is there but does not load/)
})

test('without the binary the file driver says what it needs', async (t) => {
  const script = `new session.FileDriver({ ...config, driver: 'file', file: { path: 'x' } })`

  const { said } = await run(await copyOfPackage(t), undefined, script)

  assert.equal(said.code, 'ERR_SESSION_NATIVE')
  assert.match(said.message, /The file driver needs the native addon/)
  assert.ok(said.message.includes(await platformPackage()), said.message)
  assert.match(said.message, /another driver: memory, cookie or redis/)
})

test('without the binary the redis driver says that it needs ioredis', async (t) => {
  const script = `new session.RedisDriver({ ...config, driver: 'redis' })`

  const { said } = await run(await copyOfPackage(t), '0', script)

  assert.equal(said.code, 'ERR_SESSION_NATIVE')
  assert.match(said.message, /needs the package "ioredis".*npm install ioredis/)
})
