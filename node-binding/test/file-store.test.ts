/** The store in a file: what it keeps, and when it does not open. Only the addon has one. */

import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { native } from '../dist/native.js'

async function temporaryFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'rudder-session-'))
  t.after(() => rm(folder, { recursive: true }))
  return folder
}

const record = (id: string, n: number) => `{"id":"${id}","data":{"n":${n}},"flash_next":{}}`

/** An instant at which every record of these tests is alive. */
const NOW = 1_700_000_000_000

for (const durability of ['immediate', 'eventual'] as const) {
  test(`a file keeps its sessions for the next store (${durability})`, async (t) => {
    const path = join(await temporaryFolder(t), 'sessions.redb')
    const options = { path, durability, deadlineMs: 5000 }
    const first = native().NativeStore.file(options)
    await first.save(record('a', 1), 60, NOW)
    first.close()

    const second = native().NativeStore.file(options)
    t.after(() => second.close())

    assert.equal(await second.load('a', NOW), record('a', 1))
    assert.equal(await second.load('a', NOW + 60_000), null)
  })
}

test('a file that was just closed opens again at once', async (t) => {
  const path = join(await temporaryFolder(t), 'sessions.redb')

  for (let round = 0; round < 30; round++) {
    const store = native().NativeStore.file({ path, durability: 'immediate', deadlineMs: 5000 })
    const saves = Array.from({ length: 20 }, (_, n) => store.save(record(`id-${n}`, n), 60, NOW))
    store.close()
    await Promise.all(saves)
  }
})

test('a file that does not open says why, and stays as it is', async (t) => {
  const folder = await temporaryFolder(t)
  const open = (name: string) =>
    native().NativeStore.file({
      path: join(folder, name),
      durability: 'immediate',
      deadlineMs: 5000,
    })
  const store = open('sessions.redb')
  t.after(() => store.close())
  await writeFile(join(folder, 'letter.txt'), 'Dear reader')

  const code = 'ERR_SESSION_STORE_FILE'
  assert.throws(() => open('sessions.redb'), { code, message: 'session file is in use' })
  assert.throws(() => open('letter.txt'), { code, message: /not a session file/ })
  assert.throws(() => open('no/folder'), { code, message: /cannot be opened/ })
  assert.equal(await readFile(join(folder, 'letter.txt'), 'utf8'), 'Dear reader')
})
