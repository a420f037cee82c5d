/**
 * The tarball that installs as @rudderjs/session has the shape that the framework looks for, and
 * runs in an application with nothing fetched from anywhere. The one that is published has the
 * addon fetched by the package manager.
 *
 * Run it by `make test-pack`, which makes the tarballs first.
 */

import assert from 'node:assert/strict'
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { startRegistry } from './registry.js'
import { run } from './running.js'

const TOOLS = fileURLToPath(new URL('../../test/packaging/node_modules/.bin/', import.meta.url))
const FRAMEWORK = fileURLToPath(new URL('../../test/rudderjs/packages/', import.meta.url))
const PACK = fileURLToPath(new URL('../pack-rudderjs/', import.meta.url))
const RELEASE = fileURLToPath(new URL('../pack-rudderjs-release/', import.meta.url))

const manifest = JSON.parse(await readFile(`${PACK}package/package.json`, 'utf8'))
const published = JSON.parse(await readFile(`${RELEASE}package/package.json`, 'utf8'))
const file = `rudderjs-session-${manifest.version}.tgz`
const tarball = PACK + file

/** Nobody listens there. */
const NO_REGISTRY = 'http://127.0.0.1:9/'

const PROGRAM = `
  import { Application } from '@rudderjs/core'
  import { registeredChecks } from '@rudderjs/console'
  import { Session, SessionProvider } from '@rudderjs/session'
  import { nativeStatus } from '@rudderjs/session/engine'
  import '@rudderjs/session/doctor'
  const cookie = { name: 'sid', secure: false, httpOnly: true, sameSite: 'lax', path: '/' }
  const session = { driver: 'memory', lifetime: 120, secret: 'the secret of this test', cookie }
  const application = new Application({ session })
  await application.boot(SessionProvider)
  const [middleware] = application.groups.web
  const visit = async (headers, next) => {
    let sent = ''
    await middleware({ headers, raw: {} }, { raw: { header: (_, text) => { sent = text } } }, next)
    return sent.split(';')[0]
  }
  const pair = await visit({}, () => Session.put('user', 1))
  let user
  await visit({ cookie: pair }, () => { user = Session.get('user') })
  const checks = registeredChecks().map(({ id }) => id)
  console.log(JSON.stringify({ native: nativeStatus().native, user, checks }))`

const TYPED = `
  import type { AppRequest, MiddlewareHandler } from '@rudderjs/contracts'
  import { type SessionConfig, Session, SessionMiddleware, sessionMiddleware } from '@rudderjs/session'
  declare const config: SessionConfig
  export const handlers: MiddlewareHandler[] = [SessionMiddleware(), sessionMiddleware(config)]
  export const visits = (req: AppRequest): number => req.session.get('visits', 0) + Session.get('n', 1)
  declare module '@rudderjs/session' { interface SessionData { cart: string[] } }
  export const cart = (): string[] => Session.get('cart', [])
  // @ts-expect-error A number is no cart.
  export const wrong = (): number | undefined => Session.get('cart')
  export const flash = (page: Vike.PageContext): unknown => page.flash?.ok`

const installers: [name: string, command: (folder: string) => string[]][] = [
  ['npm', (folder) => ['npm', 'install', '--no-audit', '--no-fund', '--cache', `${folder}/.cache`]],
  ['pnpm', (folder) => [`${TOOLS}pnpm`, 'install', '--store-dir', `${folder}/.store`]],
]

/** An application with the framework's stand-ins and one of the tarballs. */
async function application(
  t: TestContext,
  command: (folder: string) => string[],
  tarball: string,
  registry: string,
): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'rudder-session-'))
  t.after(() => rm(folder, { recursive: true }))
  await cp(FRAMEWORK, join(folder, 'framework'), { recursive: true })
  const framework = ['console', 'contracts', 'core', 'support'].map((name) => {
    return [`@rudderjs/${name}`, `file:framework/${name}`]
  })
  const dependencies = { ...Object.fromEntries(framework), '@rudderjs/session': `file:${tarball}` }
  const own = { private: true, type: 'module', dependencies }
  await writeFile(join(folder, 'package.json'), JSON.stringify(own))
  await writeFile(join(folder, 'program.js'), PROGRAM)
  await writeFile(join(folder, 'typed.ts'), TYPED)
  // npm asks for optional peers, too, and goes on without them.
  const from = ['--ignore-scripts', '--registry', registry, '--fetch-retries=0']
  const installed = await run([...command(folder), ...from], folder)
  assert.equal(installed.code, 0, installed.stdout + installed.stderr)
  return folder
}

for (const [installer, command] of installers) {
  test(`installed by ${installer} from the tarball alone, an application has sessions`, async (t) => {
    await hasSessions(await application(t, command, tarball, NO_REGISTRY))
  })

  test(`installed by ${installer} as it is published, the addon is fetched`, async (t) => {
    await hasSessions(await application(t, command, RELEASE + file, await startRegistry(t)))
  })
}

async function hasSessions(folder: string): Promise<void> {
  const { code, stdout, stderr } = await run([process.execPath, 'program.js'], folder)

  assert.deepEqual({ code, stderr }, { code: 0, stderr: '' })
  const checks = ['session:secret', 'session:cookie-secure']
  assert.deepEqual(JSON.parse(stdout), { native: true, user: 1, checks })
}

test('what is published is the same but for the binaries', async () => {
  const files = async (folder: string) => (await readdir(folder, { recursive: true })).sort()
  const { optionalDependencies, ...rest } = published
  const own = JSON.parse(await readFile(`${PACK}../../package.json`, 'utf8'))

  assert.deepEqual(rest, manifest)
  assert.deepEqual([...new Set(Object.values(optionalDependencies))], [own.version])
  assert.equal(Object.keys(optionalDependencies).length, own.napi.targets.length)
  assert.deepEqual(
    await files(`${RELEASE}package`),
    (await files(`${PACK}package`)).filter((name) => !name.endsWith('.node')),
  )
})

test('an application that uses the types compiles', async (t) => {
  const install = (folder: string) => installers[0]?.[1](folder) ?? []
  const folder = await application(t, install, tarball, NO_REGISTRY)
  const tsc = fileURLToPath(new URL('../../node_modules/.bin/tsc', import.meta.url))
  const types = fileURLToPath(new URL('../../node_modules/@types', import.meta.url))
  const options = ['--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2022']

  const checked = await run(
    [tsc, ...options, '--typeRoots', types, '--types', 'node', 'typed.ts'],
    folder,
  )

  assert.equal(checked.code, 0, checked.stdout)
})

test('the package has the shape that the framework looks for', async () => {
  assert.equal(manifest.name, '@rudderjs/session')
  assert.match(manifest.version, /^2\.6\.\d+$/)
  assert.deepEqual(manifest.rudderjs, { provider: 'SessionProvider', stage: 'infrastructure' })
  assert.equal(typeof manifest.exports['.'].import, 'string')
  assert.equal(manifest.exports['.'].require, undefined)
  for (const name of ['core', 'contracts', 'support', 'console']) {
    assert.ok(manifest.peerDependencies[`@rudderjs/${name}`])
    assert.equal(manifest.peerDependenciesMeta[`@rudderjs/${name}`], undefined)
  }
  assert.equal(manifest.peerDependenciesMeta['@rudderjs/vite'].optional, true)
  assert.deepEqual([manifest.dependencies, manifest.scripts], [undefined, undefined])

  const { stdout } = await run(['tar', 'tzf', tarball], tmpdir())
  const files = stdout.split('\n')
  for (const file of ['dist/doctor.js', 'boost/guidelines.md', 'README.md', 'LICENSE']) {
    assert.ok(files.includes(`package/${file}`), file)
  }
  assert.deepEqual(
    files.filter((file) => file.includes('node_modules')),
    [],
  )
})

test('the framework is imported and never copied', async () => {
  const folder = `${PACK}package/dist/`
  const names = (await readdir(folder, { recursive: true })).filter((it) => it.endsWith('.js'))
  const imported = new Set<string>()
  for (const name of names) {
    const text = await readFile(folder + name, 'utf8')
    for (const [, from = ''] of text.matchAll(/(?:from|import|import\()\s*'(@rudderjs\/[^']+)'/g)) {
      imported.add(from)
    }
  }

  const expected = ['@rudderjs/console', '@rudderjs/core', '@rudderjs/vite/page-context-enhancers']
  assert.deepEqual([...imported].sort(), expected)
})

test('publint finds nothing to say', async (t) => {
  const { code, stdout } = await run([`${TOOLS}publint`, tarball, '--strict'], tmpdir())

  t.diagnostic(stdout)
  assert.equal(code, 0, stdout)
})

test('the types are those of the JavaScript, for every entry', async () => {
  const attw = [`${TOOLS}attw`, tarball, '--profile', 'esm-only', '--format', 'json']

  const { code, stdout } = await run(attw, tmpdir())

  assert.equal(code, 0, stdout)
  const { analysis } = JSON.parse(stdout)
  assert.deepEqual(Object.keys(analysis.entrypoints), Object.keys(manifest.exports))
})
