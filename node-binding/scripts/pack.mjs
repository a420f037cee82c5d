// Makes the tarballs to publish: the package itself, and one for each platform.
//
//   node scripts/pack.mjs              the platforms whose binaries lie beside package.json
//   node scripts/pack.mjs --release    all of `napi.targets`, or none
//
//   build/pack/main, build/pack/npm/<platform>   what is packed
//   build/pack/*.tgz                             the tarballs
//
// The platform packages become optional dependencies here and not in package.json: a checkout
// must install before they are published.

import { execFileSync } from 'node:child_process'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../', import.meta.url))
const OUT = `${ROOT}build/pack/`

rmSync(OUT, { recursive: true, force: true })
mkdirSync(`${OUT}main`, { recursive: true })

if (
  process.argv.includes('--release') &&
  readJson(`${ROOT}package.json`).repository === undefined
) {
  throw new Error('package.json names no repository, and npm takes no provenance without one')
}
const platforms = platformPackages()
const missing = platforms.filter(({ binary }) => !existsSync(ROOT + binary))
if (process.argv.includes('--release') && missing.length > 0) {
  throw new Error(`no binary for ${missing.map(({ folder }) => folder).join(', ')}`)
}
for (const { folder, binary } of platforms) {
  if (!existsSync(ROOT + binary)) continue
  copyFileSync(ROOT + binary, `${OUT}npm/${folder}/${binary}`)
  pack(`npm/${folder}`)
}
stageMain()
pack('main')

/** Folders with a package.json in each, which napi makes of `napi.targets`. */
function platformPackages() {
  const napi = `${ROOT}node_modules/.bin/napi`
  execFileSync(napi, ['create-npm-dirs', '--npm-dir', 'build/pack/npm'], {
    cwd: ROOT,
    stdio: 'pipe',
  })
  return readdirSync(`${OUT}npm`).map((folder) => {
    const manifest = readJson(`${OUT}npm/${folder}/package.json`)
    // Node looks for it before it loads anything of a package.
    writeJson(`${OUT}npm/${folder}/package.json`, { ...manifest, type: 'commonjs' })
    return { folder, name: manifest.name, version: manifest.version, binary: manifest.main }
  })
}

function stageMain() {
  const { devDependencies, scripts, napi, ...manifest } = readJson(`${ROOT}package.json`)
  // The version without a range: a binary fits the JavaScript that it was built with.
  manifest.optionalDependencies = Object.fromEntries(
    platforms.map(({ name, version }) => [name, version]),
  )
  writeJson(`${OUT}main/package.json`, manifest)
  // Anew: `dist` may hold what is no longer there in `ts`.
  execFileSync(
    `${ROOT}node_modules/.bin/tsc`,
    ['-p', 'tsconfig.json', '--outDir', `${OUT}main/dist`],
    {
      cwd: ROOT,
    },
  )
  for (const file of ['native.d.ts', 'README.md']) copyFileSync(ROOT + file, `${OUT}main/${file}`)
}

function pack(folder) {
  copyFileSync(`${ROOT}../LICENSE`, `${OUT}${folder}/LICENSE`)
  const [{ filename }] = JSON.parse(
    execFileSync('npm', ['pack', '--json', '--pack-destination', OUT], {
      cwd: OUT + folder,
      encoding: 'utf8',
    }),
  )
  console.log(`build/pack/${filename}`)
}

function readJson(path) {
  return JSON.parse(readFileSync(path, 'utf8'))
}

function writeJson(path, value) {
  writeFileSync(path, `${JSON.stringify(value, null, 2)}\n`)
}
