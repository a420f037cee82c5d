/** A process with stores in it ends by itself, and cleanly when something is under way. */

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { DURABILITIES } from './support/addon.js'
import { listen } from './support/misbehaving-server.js'
import { RedisServer } from './support/redis-server.js'

const GUARD = { timeout: 30_000 }
const INDEX = new URL('../dist/index.js', import.meta.url).href
const NATIVE = new URL('../dist/native.js', import.meta.url).href
const RECORD = JSON.stringify('{"id":"some-id","data":{},"flash_next":{}}')

let server: RedisServer

before(async () => {
  server = await RedisServer.start()
})
after(() => server.stop())

/** Runs `script` as a program of its own; `store` is in scope, for this URL. */
async function run(url: string, script: string) {
  const program = `
    import { Worker } from 'node:worker_threads'
    import { native } from ${JSON.stringify(NATIVE)}
    const { NativeStore } = native()
    const options = { url: ${JSON.stringify(url)}, prefix: '', poolSize: 2, deadlineMs: 700 }
    const store = NativeStore.redis(options)
    ${script}`
  // A program that does not end must not outlive its test.
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
    timeout: GUARD.timeout,
    killSignal: 'SIGKILL',
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
  }
  const [code, signal] = await once(child, 'close')
  return { code, signal, output: output.trim() }
}

const ended = (output: string, code = 0) => ({ code, signal: null, output })

test('a store that was never used keeps no process alive', GUARD, async () => {
  assert.deepEqual(await run(server.url, ''), ended(''))
})

test('a store that was used and has nothing to do keeps no process alive', GUARD, async () => {
  const script = `
    await store.save(${RECORD}, 60, Date.now())
    console.log(await store.load('some-id', Date.now()))`

  assert.deepEqual(await run(server.url, script), ended(JSON.parse(RECORD)))
})

test('a pending call keeps the process alive until it is answered', GUARD, async () => {
  const script = `store.load('some-id', Date.now()).then(
    () => console.log('answered'), () => console.log('rejected'))`

  assert.deepEqual(await run(server.url, script), ended('answered'))
})

test('a pending call at a silent server ends with its deadline', GUARD, async (t) => {
  const { port } = await listen(t)
  const script = `store.load('some-id', Date.now()).catch(({ code }) => console.log(code))`

  assert.deepEqual(
    await run(`redis://127.0.0.1:${port}`, script),
    ended('ERR_SESSION_STORE_TIMEOUT'),
  )
})

test('process.exit with calls pending ends cleanly', GUARD, async (t) => {
  const { port } = await listen(t)
  const script = `
    for (let n = 0; n < 100; n++) store.load('some-id', Date.now()).catch(() => {})
    setTimeout(() => process.exit(7), 20)`

  assert.deepEqual(await run(`redis://127.0.0.1:${port}`, script), ended('', 7))
})

test('what was submitted before a normal end has arrived by then', GUARD, async () => {
  // Nobody waits for them, and none has been handed over when the program has run through.
  const saves = (prefix: string) => `
    const mine = NativeStore.redis({ ...options, prefix: '${prefix}', deadlineMs: 10_000 })
    for (let n = 0; n < 500; n++) mine.save('{"id":"id-' + n + '","data":{}}', 60, 0)`
  const script = `${saves('main:')}
    const source = \`
      import { native } from \${JSON.stringify(${JSON.stringify(NATIVE)})}
      const { NativeStore } = native()
      const options = \${JSON.stringify(options)}
      \${${JSON.stringify(saves('worker:'))}}\`
    new Worker(new URL('data:text/javascript,' + encodeURIComponent(source)))`

  const client = await server.client()
  // Longer than an exit waits for what is under way: here the calls keep the process alive.
  await client.call('CLIENT', 'PAUSE', '1500')

  assert.deepEqual(await run(server.url, script), ended(''))

  for (const thread of ['main', 'worker']) {
    const names = Array.from({ length: 500 }, (_, n) => `${thread}:id-${n}`)
    assert.equal(await client.call('EXISTS', ...names), 500, thread)
  }
  client.close()
})

test('process.exit in the middle of saves ends cleanly, with whole records', GUARD, async () => {
  const script = `
    const mine = NativeStore.redis({ ...options, prefix: 'exit:' })
    const save = (n) => mine.save('{"id":"id-' + n + '","data":{},"flash_next":{}}', 60, 0)
    const first = save(0)
    for (let n = 1; n < 2000; n++) save(n)
    first.then(() => process.exit(7))`

  assert.deepEqual(await run(server.url, script), ended('', 7))

  const client = await server.client()
  for (const name of (await client.call('KEYS', 'exit:*')) as string[]) {
    const record = `{"id":"${name.slice('exit:'.length)}","data":{},"flash_next":{}}`
    assert.equal(await client.call('GET', name), record)
  }
  assert.equal(await client.call('EXISTS', 'exit:id-0'), 1)
  client.close()
})

for (const place of ['a server that answers', 'a silent server']) {
  test(
    `process.exit in a worker with calls pending ends the worker only: ${place}`,
    GUARD,
    async (t) => {
      const { port } = await listen(t)
      const url = place === 'a silent server' ? `redis://127.0.0.1:${port}` : server.url
      const script = `
      const source = \`
        import { native } from \${JSON.stringify(${JSON.stringify(NATIVE)})}
        const url = ${JSON.stringify(url)}
        const store = native().NativeStore.redis({ ...\${JSON.stringify(options)}, url })
        for (let n = 0; n < 100; n++) store.load('some-id', Date.now()).catch(() => {})
        setImmediate(() => process.exit(5))\`
      const url = new URL('data:text/javascript,' + encodeURIComponent(source))
      for (let round = 0; round < 5; round++) {
        const worker = new Worker(url)
        const loaded = store.load('nothing', 0)
        const [code] = await new Promise((resolve) => worker.once('exit', (...it) => resolve(it)))
        console.log(code, await loaded)
      }`

      assert.deepEqual(await run(server.url, script), ended(Array(5).fill('5 null').join('\n')))
    },
  )
}

test('a worker that is terminated with calls pending takes nothing down', GUARD, async (t) => {
  const { port } = await listen(t)
  const script = `
    const source = \`
      import { parentPort } from 'node:worker_threads'
      import { native } from \${JSON.stringify(${JSON.stringify(NATIVE)})}
      const store = native().NativeStore.redis(\${JSON.stringify(options)})
      for (let n = 0; n < 100; n++) store.load('some-id', Date.now()).catch(() => {})
      parentPort.postMessage('pending')\`
    const url = new URL('data:text/javascript,' + encodeURIComponent(source))
    for (let round = 0; round < 5; round++) {
      const worker = new Worker(url)
      await new Promise((resolve) => worker.once('message', resolve))
      await worker.terminate()
    }
    console.log('all ended')`

  assert.deepEqual(await run(`redis://127.0.0.1:${port}`, script), ended('all ended'))
})

test('a store that is garbage with calls pending still answers them', GUARD, async () => {
  const program = `
    const loads = []
    for (let n = 0; n < 50; n++) loads.push(NativeStore.redis(options).load('x', Date.now()))
    const outcomes = await Promise.allSettled(loads)
    console.log(outcomes.length)`

  assert.deepEqual(await run(server.url, program), ended('50'))
})

test('a call that is answered at once keeps no process alive', GUARD, async () => {
  const program = `
    const memory = NativeStore.memory({ maxBytes: 1 << 20 })
    await memory.save(${RECORD}, 60, Date.now())
    console.log(await memory.load('some-id', Date.now()))`

  assert.deepEqual(await run(server.url, program), ended(JSON.parse(RECORD)))
})

test('in a worker too a call keeps the thread alive until it is answered', GUARD, async () => {
  const script = `
    const source = \`
      import { parentPort } from 'node:worker_threads'
      import { native } from \${JSON.stringify(${JSON.stringify(NATIVE)})}
      const store = native().NativeStore.redis(\${JSON.stringify(options)})
      for (let round = 0; round < 3; round++) await store.save(\${JSON.stringify(${RECORD})}, 60, 0)
      store.load('some-id', 0).then((record) => parentPort.postMessage(record))\`
    const url = new URL('data:text/javascript,' + encodeURIComponent(source))
    const workers = Array.from({ length: 3 }, () => new Worker(url))
    for (const worker of workers) {
      worker.once('message', (record) => console.log(record))
      worker.once('exit', (code) => console.log('ended', code))
    }`

  const { output, ...end } = await run(server.url, script)

  const lines = output.split('\n').sort()
  assert.deepEqual(end, { code: 0, signal: null })
  const records = Array.from({ length: 3 }, () => JSON.parse(RECORD))
  assert.deepEqual(lines, ['ended 0', 'ended 0', 'ended 0', ...records].sort())
})

for (const durability of DURABILITIES) {
  test(
    `what a file acknowledged is there when the process has ended (${durability})`,
    GUARD,
    async (t) => {
      const folder = await mkdtemp(join(tmpdir(), 'rudder-session-'))
      t.after(() => rm(folder, { recursive: true }))
      const path = join(folder, 'sessions.redb')
      const open = `const file = NativeStore.file(${JSON.stringify({ path, durability, deadlineMs: 5000 })})`

      const write = `${open}
      await file.save(${RECORD}, 60, Date.now())
      console.log('saved')`
      const exit = `
      const { FileDriver } = await import(${JSON.stringify(INDEX)})
      const cookie = { name: 'sid', secure: false, httpOnly: true, sameSite: 'lax', path: '/' }
      const file = new FileDriver({ driver: 'file', lifetime: 1, secret: 'the secret of this test', cookie,
        file: ${JSON.stringify({ path, durability })} })
      await file.persist({ id: 'other-id', data: {}, flash_next: {} }, 60)
      process.exit(0)`
      const read = `${open}
      console.log(await file.load('some-id', Date.now()))
      console.log(await file.load('other-id', Date.now()))`

      assert.deepEqual(await run(server.url, write), ended('saved'))
      assert.deepEqual(await run(server.url, exit), ended(''))
      const record = JSON.parse(RECORD)
      const both = [record, record.replace('some-id', 'other-id')].join('\n')
      assert.deepEqual(await run(server.url, read), ended(both))
    },
  )
}

test('a listening application still ends when its server closes', GUARD, async () => {
  const program = `
    const { createServer } = await import('node:http')
    const http = createServer(async (_, res) => res.end(String(await store.load('x', 0))))
    http.listen(0, async () => {
      console.log(await (await fetch('http://127.0.0.1:' + http.address().port)).text())
      http.close()
      http.closeAllConnections()
    })`

  assert.deepEqual(await run(server.url, program), ended('null'))
})
