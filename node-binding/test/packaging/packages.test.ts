/**
 * What is published can be installed and used, by npm and by pnpm, with install scripts off.
 *
 * Run it by `make test-pack`, which makes the tarballs first.
 */

import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { packed, startRegistry } from './registry.js'
import { run } from './running.js'

const TOOLS = fileURLToPath(new URL('../../test/packaging/node_modules/.bin/', import.meta.url))

const [main, ...platforms] = packed()
assert.ok(main)
const { name, version } = main.manifest

/** The package of the platform that this is. */
const here = platforms.find(({ manifest: { os, cpu, libc = [libcOfThis()] } }) => {
  return os.includes(process.platform) && cpu.includes(process.arch) && libc.includes(libcOfThis())
})
assert.ok(here && existsSync(here.tarball), 'run node scripts/pack.mjs first')

function libcOfThis(): string {
  const report = process.report?.getReport() as { header?: { glibcVersionRuntime?: string } }
  return report?.header?.glibcVersionRuntime ? 'glibc' : 'musl'
}

const PROGRAM = `
  import { CookieDriver, MemoryDriver, nativeStatus } from '${name}'
  const config = {
    driver: 'cookie', lifetime: 120, secret: 'the secret of this test',
    cookie: { name: 'sid', secure: false, httpOnly: true, sameSite: 'lax', path: '/' },
  }
  const read = []
  for (const driver of [new CookieDriver(config), new MemoryDriver(config)]) {
    const cookie = await driver.persist({ id: 'some-id', data: { user: 1 }, flash_next: {} }, 60)
    read.push((await driver.load(cookie)).data.user)
  }
  console.log(JSON.stringify({ native: nativeStatus().native, read }))`

const installers: [name: string, install: (registry: string, folder: string) => string[]][] = [
  [
    'npm',
    (registry, folder) => [
      ...['npm', 'install', `${name}@${version}`, '--ignore-scripts', '--no-audit', '--no-fund'],
      ...['--registry', registry, '--cache', join(folder, '.cache')],
    ],
  ],
  [
    'pnpm',
    (registry, folder) => [
      ...[`${TOOLS}pnpm`, 'add', `${name}@${version}`, '--ignore-scripts'],
      ...['--registry', registry, '--store-dir', join(folder, '.store')],
      `--config.cacheDir=${join(folder, '.cache')}`,
    ],
  ],
]

async function project(t: TestContext, install: (typeof installers)[number][1], without?: string) {
  const registry = await startRegistry(t, without ? [without] : [])
  const folder = await mkdtemp(join(tmpdir(), 'rudder-session-'))
  t.after(() => rm(folder, { recursive: true }))
  await writeFile(join(folder, 'package.json'), '{ "private": true, "type": "module" }')
  await writeFile(join(folder, 'program.js'), PROGRAM)
  const installed = await run(install(registry, folder), folder)
  assert.equal(installed.code, 0, installed.stdout + installed.stderr)
  return {
    folder,
    program: (sessionNative?: string) =>
      run([process.execPath, 'program.js'], folder, { SESSION_NATIVE: sessionNative }),
  }
}

for (const [installer, install] of installers) {
  test(`installed by ${installer}, it runs on the addon of this platform`, async (t) => {
    const { folder, program } = await project(t, install)

    const { code, stdout, stderr } = await program()

    assert.deepEqual({ code, stderr }, { code: 0, stderr: '' })
    assert.deepEqual(JSON.parse(stdout), { native: true, read: [1, 1] })
    if (installer === 'npm') {
      const scope = await readdir(join(folder, 'node_modules', '@rudderjs'))
      const expected = [name, here.manifest.name].map((it) => it.split('/')[1])
      assert.deepEqual(scope.sort(), expected.sort(), 'no package of another platform')
    }
  })

  test(`installed by ${installer} without the addon, it runs in JavaScript and says so`, async (t) => {
    const { program } = await project(t, install, here.manifest.name)

    const { code, stdout, stderr } = await program()

    assert.equal(code, 0, stderr)
    assert.deepEqual(JSON.parse(stdout), { native: false, read: [1, 1] })
    assert.ok(stderr.includes(`The package ${here.manifest.name} is missing`), stderr)
    assert.equal(stderr.trim().split('\n').length, 1)

    const refused = await program('1')

    assert.notEqual(refused.code, 0)
    assert.ok(refused.stderr.includes('SessionNativeError'), refused.stderr)
    assert.ok(refused.stderr.includes(`The package ${here.manifest.name} is missing`))
  })
}

test('every platform is an optional dependency of the same version, without a range', () => {
  const expected = Object.fromEntries(platforms.map(({ manifest }) => [manifest.name, version]))

  assert.deepEqual(main.manifest.optionalDependencies, expected)
  assert.equal(platforms.length, 8)
  for (const { manifest } of platforms) assert.equal(manifest.version, version)
})

test('publint finds nothing to say', async (t) => {
  for (const { tarball } of [main, here]) {
    const { code, stdout } = await run([`${TOOLS}publint`, tarball, '--strict'], tmpdir())

    t.diagnostic(stdout)
    assert.equal(code, 0, stdout)
    assert.match(stdout, /All good!/)
  }
})

test('the types are those of the JavaScript, for every entry', async () => {
  const attw = [`${TOOLS}attw`, main.tarball, '--profile', 'esm-only', '--format', 'json']

  const { code, stdout } = await run(attw, tmpdir())

  assert.equal(code, 0, stdout)
  const { analysis } = JSON.parse(stdout)
  assert.deepEqual(Object.keys(analysis.entrypoints), Object.keys(main.manifest.exports))
})
