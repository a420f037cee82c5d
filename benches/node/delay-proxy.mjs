// Passes bytes on at once, and the answers to them some milliseconds later.
//
//   node delay-proxy.mjs <port of the server> <milliseconds>     started by servers.mjs

import { connect, createServer } from 'node:net'

const [port, delayMs] = process.argv.slice(2).map(Number)

const server = createServer({ noDelay: true }, (near) => {
  const far = connect({ port, host: '127.0.0.1', noDelay: true })
  near.on('data', (chunk) => far.write(chunk))
  // Timers of the same length fire in the order in which they were set.
  far.on('data', (chunk) => setTimeout(() => near.write(chunk), delayMs))
  for (const [one, other] of [
    [near, far],
    [far, near],
  ]) {
    one.on('error', () => other.destroy())
    one.on('close', () => other.destroy())
  }
})
server.listen(0, '127.0.0.1', () => process.send(server.address().port))
process.on('disconnect', () => process.exit())
