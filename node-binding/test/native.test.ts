/** A missing or broken binary is an error that says which file, and what to do. */

import assert from 'node:assert/strict'
import { cp, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type * as Package from '@rudderjs/session-native'
import { config } from './support/pipeline.js'

const ROOT = fileURLToPath(new URL('../', import.meta.url))

/** The package without its binary. */
async function copyOfPackage(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'rudder-session-'))
  t.after(() => rm(folder, { recursive: true }))
  await cp(join(ROOT, 'package.json'), join(folder, 'package.json'))
  await cp(join(ROOT, 'dist'), join(folder, 'dist'), { recursive: true })
  return folder
}

async function refusalOf(folder: string): Promise<Error & { code?: string }> {
  const entry = pathToFileURL(join(folder, 'dist/index.js')).href
  const { sessionMiddleware } = (await import(entry)) as typeof Package
  try {
    sessionMiddleware(config())
  } catch (error) {
    return error as Error
  }
  throw new assert.AssertionError({ message: 'no error without a binary' })
}

test('a missing binary is named, with the command that builds it', async (t) => {
  const error = await refusalOf(await copyOfPackage(t))

  assert.deepEqual([error.name, error.code], ['SessionNativeError', 'ERR_SESSION_NATIVE'])
  assert.match(error.message, /rudder-session\.[\w-]+\.node is missing/)
  assert.match(error.message, /npm run build:addon/)
})

test('a binary that does not load is not called missing', async (t) => {
  const folder = await copyOfPackage(t)
  const [binary] = (await readdir(ROOT)).filter((name) => name.endsWith('.node'))
  await writeFile(join(folder, binary ?? ''), 'not a binary')

  const error = await refusalOf(folder)

  assert.equal(error.code, 'ERR_SESSION_NATIVE')
  assert.match(error.message, /is there but does not load in Node v\d+/)
  assert.ok(error.cause instanceof Error)
})
