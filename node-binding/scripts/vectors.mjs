// Runs the recorded cases of tests/vectors/vectors.json, or of the file that VECTORS names.
//
//   VECTORS=/path/to/file.json node scripts/vectors.mjs
//
// Prints each case that failed, and at the end "node: N passed, M failed". With SESSION_NATIVE=0 they
// go through the fallback.

import { resolve } from 'node:path'
import { run } from 'node:test'
import { fileURLToPath } from 'node:url'

// No silent way around the addon.
process.env.SESSION_NATIVE ??= '1'
if (process.env.VECTORS) process.env.VECTORS = resolve(process.env.VECTORS)

const file = fileURLToPath(new URL('../build/vectors.test.js', import.meta.url))
let passed = 0
let failed = 0
const path = []

run({ files: [file], timeout: 120_000 })
  .on('test:start', ({ name, nesting }) => {
    path.length = nesting
    path.push(name)
  })
  .on('test:pass', ({ name, nesting, details, skip, todo }) => {
    if (details.type === 'suite') return
    if (skip !== undefined || todo !== undefined) failed += 1
    else passed += 1
    console.log(`ok      ${[...path.slice(0, nesting), name].join(' > ')}`)
  })
  .on('test:fail', ({ name, nesting, details }) => {
    // A suite fails when one of its cases does, which is counted already.
    if (details.type === 'suite' && details.error.failureType === 'subtestsFailed') return
    failed += 1
    console.log(`FAILED  ${[...path.slice(0, nesting), name].join(' > ')}`)
    console.log(String(details.error.cause?.message ?? details.error).replace(/^/gm, '        '))
  })
  .on('end', () => {
    const way = process.env.SESSION_NATIVE === '0' ? 'node without the addon' : 'node'
    console.log(`${way}: ${passed} passed, ${failed} failed`)
    process.exitCode = failed > 0 || passed === 0 ? 1 : 0
  })
  .resume()
