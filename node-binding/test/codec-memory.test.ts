/** What a codec holds is given back when it is garbage, and calls leave nothing behind. */

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { test } from 'node:test'
import { promisify } from 'node:util'

/** In all. More in the slow run: see package.json. */
const CALLS = Number(process.env.CODEC_CALLS ?? 1_000_000)

/** Calls in one round of the loop below. */
const ROUND = 6

const MIB = 1 << 20

const NATIVE = import.meta.resolve('@rudderjs/session-native/native')

/** Runs `script` in a process of its own, whose memory nobody else touches. */
async function run(script: string): Promise<unknown> {
  const program = `
    import { once } from 'node:events'
    import { Worker } from 'node:worker_threads'
    import { createCodec } from ${JSON.stringify(NATIVE)}
    const NATIVE = ${JSON.stringify(NATIVE)}
    const PAYLOAD = '{"id":"a","data":{"text":"${'x'.repeat(900)}"},"flash_next":{}}'
    async function rssAfterGc() {
      for (let round = 0; round < 5; round++) {
        gc()
        await new Promise(setImmediate) // finalizers run between turns
      }
      return process.memoryUsage.rss()
    }
    ${script}`
  const args = ['--expose-gc', '--input-type=module', '--eval', program]
  const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 110_000 })
  return JSON.parse(stdout)
}

test(`${CALLS} calls leave nothing behind`, async () => {
  const grown = await run(`
    const codec = createCodec(['secret'])
    const value = codec.encode(PAYLOAD, 1e12)
    const header = 'a=1; sid=' + value
    function work(rounds) {
      for (let n = 0; n < rounds; n++) {
        codec.verify(codec.sign('3f2b8c1e-9d4a-4c6b-8e2f-0a1b2c3d4e5f'))
        codec.encode(PAYLOAD, 1e12)
        codec.decode(value, 1e12, true)
        codec.load(header, 'sid', 1e12, true)
        codec.loadId(header, 'sid')
        if (n % 5000 === 0) codec.sign('y'.repeat(1 << 20))
        if (n % 100 === 0) try { codec.sign(n) } catch {}
      }
    }
    work(20_000)
    const before = await rssAfterGc()
    work(${CALLS / ROUND})
    console.log(await rssAfterGc() - before)`)

  assert.ok(Number(grown) < 24 * MIB, `${grown} bytes`)
})

test('the keys of 10,000 codecs are given back', async () => {
  // 4 KiB of keys each: 40 MiB in all if they stayed.
  const grown = await run(`
    const secrets = Array.from({ length: 64 }, (_, n) => 'secret ' + n)
    async function work(codecs) {
      for (let n = 0; n < codecs; n++) {
        const { verify } = createCodec(secrets)
        verify('x')
        if (n % 500 === 0) await rssAfterGc()
      }
    }
    await work(1000)
    const before = await rssAfterGc()
    await work(10_000)
    console.log(await rssAfterGc() - before)`)

  assert.ok(Number(grown) < 20 * MIB, `${grown} bytes`)
})

test('one function of a codec lives on without the others', async () => {
  const verified = await run(`
    let { sign, verify } = createCodec(['secret'])
    const signed = sign('a')
    sign = null
    await rssAfterGc()
    for (let n = 0; n < 1000; n++) createCodec(['other'])
    await rssAfterGc()
    console.log(JSON.stringify([verify(signed), verify('a.b')]))`)

  assert.deepEqual(verified, ['a', null])
})

test('each worker has codecs of its own, which end with it at any moment', async () => {
  const signed = await run(`
    const source = \`
      import { parentPort, workerData } from 'node:worker_threads'
      import { createCodec } from \${JSON.stringify(NATIVE)}
      const codec = createCodec(['secret ' + workerData])
      parentPort.postMessage(codec.sign('a'))
      for (;;) codec.verify(codec.sign('a'))\`
    const url = new URL('data:text/javascript,' + encodeURIComponent(source))
    const signed = []
    for (let round = 0; round < 5; round++) {
      const workers = [0, 1, 2, 3].map((workerData) => new Worker(url, { workerData }))
      await Promise.all(workers.map(async (worker, n) => {
        const [text] = await once(worker, 'message')
        signed.push(createCodec(['secret ' + n]).verify(text))
        await worker.terminate()
      }))
    }
    console.log(JSON.stringify(signed))`)

  assert.deepEqual(signed, Array(20).fill('a'))
})
