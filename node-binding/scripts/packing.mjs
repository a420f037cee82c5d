// What the scripts that make tarballs share.

import { execFileSync } from 'node:child_process'
import { copyFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { relative } from 'node:path'
import { fileURLToPath } from 'node:url'

export const ROOT = fileURLToPath(new URL('../', import.meta.url))

/** Folders in `out` with a package.json in each, which napi makes of `napi.targets`. */
export function platformPackages(out) {
  const napi = `${ROOT}node_modules/.bin/napi`
  execFileSync(napi, ['create-npm-dirs', '--npm-dir', relative(ROOT, out)], {
    cwd: ROOT,
    stdio: 'pipe',
  })
  return readdirSync(out).map((folder) => {
    const manifest = readJson(`${out}/${folder}/package.json`)
    // Node looks for it before it loads anything of a package.
    writeJson(`${out}/${folder}/package.json`, { ...manifest, type: 'commonjs' })
    return { folder, name: manifest.name, version: manifest.version, binary: manifest.main }
  })
}

/** Compiles `ts` into `out`. Anew: `dist` may hold what is no longer there in `ts`. */
export function compile(out) {
  execFileSync(`${ROOT}node_modules/.bin/tsc`, ['-p', 'tsconfig.json', '--outDir', out], {
    cwd: ROOT,
  })
}

/** Packs `folder` into a tarball in `out`. */
export function pack(folder, out) {
  copyFileSync(`${ROOT}../LICENSE`, `${folder}/LICENSE`)
  const args = ['pack', '--json', '--pack-destination', out]
  const [{ filename }] = JSON.parse(execFileSync('npm', args, { cwd: folder, encoding: 'utf8' }))
  console.log(relative(ROOT, `${out}/${filename}`))
}

export function readJson(path) {
  return JSON.parse(readFileSync(path, 'utf8'))
}

export function writeJson(path, value) {
  writeFileSync(path, `${JSON.stringify(value, null, 2)}\n`)
}
