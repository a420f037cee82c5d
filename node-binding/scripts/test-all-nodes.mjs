// Runs the compiled tests under each Node release that the package supports.
//
// The binaries are npm packages for linux x64 (test/node-versions). On any other platform, or
// where they are not installed, only the current Node is tested, and that is said.

import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { runTestsBriefly } from './test.mjs'

const PACKAGES = fileURLToPath(new URL('../test/node-versions/node_modules/', import.meta.url))
const RELEASES = ['node-20', 'node-22', 'node-24']

const outcomes = []
for (const node of binaries()) {
  const version = execFileSync(node, ['--version'], { encoding: 'utf8' }).trim()
  console.log(`\n=== tests under Node ${version}`)
  outcomes.push({ version, code: await runTestsBriefly(node, process.argv.slice(2)) })
}
console.log('')
for (const { version, code } of outcomes) {
  console.log(`Node ${version}: ${code === 0 ? 'all tests passed' : `FAILED, exit code ${code}`}`)
}
process.exitCode = outcomes.every(({ code }) => code === 0) ? 0 : 1

function binaries() {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    console.log(
      `No Node binaries for ${process.platform} ${process.arch}: testing the current one.`,
    )
    return [process.execPath]
  }
  const found = RELEASES.map((name) => `${PACKAGES}${name}/bin/node`)
  const missing = found.filter((path) => !existsSync(path))
  if (missing.length > 0) {
    throw new Error(`run "npm ci" in test/node-versions first: there is no ${missing.join(', ')}`)
  }
  return found
}
