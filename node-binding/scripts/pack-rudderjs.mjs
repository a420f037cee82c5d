// Makes the tarball that installs as @rudderjs/session.
//
//   node scripts/pack-rudderjs.mjs              with the binaries that lie beside package.json
//   node scripts/pack-rudderjs.mjs --release    to publish: they are optional dependencies
//
//   build/pack-rudderjs/package     what is packed: rudderjs/, and dist/ with the whole engine
//   build/pack-rudderjs/*.tgz       the tarball
//   build/pack-rudderjs-release     the same of the one to publish
//
// The framework's packages are peers and never part of it.

import { copyFileSync, cpSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { compile, pack, platformPackages, ROOT, readJson, writeJson } from './packing.mjs'

const RELEASE = process.argv.includes('--release')
const OUT = `${ROOT}build/pack-rudderjs${RELEASE ? '-release' : ''}/`
const PACKAGE = `${OUT}package/`

rmSync(OUT, { recursive: true, force: true })
mkdirSync(PACKAGE, { recursive: true })
cpSync(`${ROOT}rudderjs`, PACKAGE, { recursive: true })
compile(`${PACKAGE}dist`)
// The framework's CLI looks for this very file, and not into `exports`.
for (const name of ['doctor.js', 'doctor.d.ts']) {
  writeFileSync(`${PACKAGE}dist/${name}`, "import './rudderjs/doctor.js'\n")
}
copyFileSync(`${ROOT}native.d.ts`, `${PACKAGE}native.d.ts`)
addBinaries()
pack(PACKAGE, OUT)

function addBinaries() {
  if (RELEASE) {
    const manifest = readJson(`${PACKAGE}package.json`)
    manifest.repository = readJson(`${ROOT}package.json`).repository
    manifest.optionalDependencies = Object.fromEntries(
      platformPackages(`${OUT}npm`).map(({ name, version }) => [name, version]),
    )
    writeJson(`${PACKAGE}package.json`, manifest)
    return
  }
  const binaries = readdirSync(ROOT).filter((name) => name.endsWith('.node'))
  if (binaries.length === 0) throw new Error('no binary: run npm run build:addon first')
  for (const name of binaries) copyFileSync(ROOT + name, PACKAGE + name)
}
