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

import { copyFileSync, cpSync, existsSync, mkdirSync, rmSync } from 'node:fs'
import { compile, pack, platformPackages, ROOT, readJson, writeJson } from './packing.mjs'

const OUT = `${ROOT}build/pack/`

rmSync(OUT, { recursive: true, force: true })
mkdirSync(`${OUT}main`, { recursive: true })

if (
  process.argv.includes('--release') &&
  readJson(`${ROOT}package.json`).repository === undefined
) {
  throw new Error('package.json names no repository, and npm takes no provenance without one')
}
const platforms = platformPackages(`${OUT}npm`)
const missing = platforms.filter(({ binary }) => !existsSync(ROOT + binary))
if (process.argv.includes('--release') && missing.length > 0) {
  throw new Error(`no binary for ${missing.map(({ folder }) => folder).join(', ')}`)
}
for (const { folder, binary } of platforms) {
  if (!existsSync(ROOT + binary)) continue
  copyFileSync(ROOT + binary, `${OUT}npm/${folder}/${binary}`)
  pack(`${OUT}npm/${folder}`, OUT)
}
stageMain()
pack(`${OUT}main`, OUT)

function stageMain() {
  const { devDependencies, scripts, napi, ...manifest } = readJson(`${ROOT}package.json`)
  // The version without a range: a binary fits the JavaScript that it was built with.
  manifest.optionalDependencies = Object.fromEntries(
    platforms.map(({ name, version }) => [name, version]),
  )
  writeJson(`${OUT}main/package.json`, manifest)
  compile(`${OUT}main/dist`)
  for (const file of ['native.d.ts', 'README.md']) copyFileSync(ROOT + file, `${OUT}main/${file}`)
  cpSync(`${ROOT}docs`, `${OUT}main/docs`, { recursive: true })
}
