/**
 * Starts the demo, and ends it on SIGINT and SIGTERM.
 *
 * Whatever the person at the terminal can mend is one line on stderr and exit code 1; a stack
 * trace means a fault of the program.
 */

import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createAdaptorServer } from '@hono/node-server'
import { SessionNativeError } from '@rudderjs/session-native'
import { createDemo, type Demo } from './app.js'
import {
  inTermsOfVariables,
  readSettings,
  type SecretOrigin,
  type Settings,
  SettingsError,
} from './settings.js'

function main(): void {
  const { settings, demo } = setUp()
  const server = createAdaptorServer({ fetch: demo.app.fetch }) as Server

  server.once('error', (error: NodeJS.ErrnoException) => {
    demo.close()
    fail(listenFault(error, settings) ?? error)
  })
  server.listen(settings.port, settings.hostname, () => announce(server, settings))

  const end = once(() => {
    server.close(() => demo.close())
    setTimeout(() => server.closeAllConnections(), GRACE_MS).unref()
  })
  process.on('SIGINT', end)
  process.on('SIGTERM', end)
}

function setUp(): { settings: Settings; demo: Demo } {
  try {
    const settings = readSettings(process.env)
    return { settings, demo: createDemo(settings.session) }
  } catch (error) {
    return fail(inTermsOfVariables(error))
  }
}

function announce(server: Server, { session, secret }: Settings): void {
  const { address, family, port } = server.address() as AddressInfo
  const host = family === 'IPv6' ? `[${address}]` : address
  console.log(`rudder-session demo: http://${host}:${port}`)
  console.log(`driver: ${session.driver} (SESSION_DRIVER=cookie|memory|file|redis)`)
  if (session.driver === 'file') console.log(`file: ${session.file?.path} (SESSION_FILE)`)
  const note = secretNote(secret)
  if (note !== null) console.log(note)
  console.log('Ctrl+C ends it.')
}

function secretNote(secret: SecretOrigin): string | null {
  if (secret === 'SESSION_SECRET') return null
  if (secret === 'random') {
    return 'secret: random, so sessions end with this process (SESSION_SECRET keeps them)'
  }
  return `secret: random, kept in ${secret.keptIn} for the next start (SESSION_SECRET sets one)`
}

/** The one line for a port that cannot be had, or `null` if the fault is another. */
function listenFault(error: NodeJS.ErrnoException, settings: Settings): SettingsError | null {
  const { hostname, port } = settings
  switch (error.code) {
    case 'EADDRINUSE':
      return new SettingsError(
        'PORT',
        `port ${port} is already in use on ${hostname}; choose another, as in PORT=${port + 1}`,
      )
    case 'EACCES':
      return new SettingsError('PORT', `no permission to listen on port ${port}; try PORT=3000`)
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return new SettingsError('HOST', `${hostname} is not an address of this machine`)
    default:
      return null
  }
}

function fail(error: unknown): never {
  const expected = error instanceof SettingsError || error instanceof SessionNativeError
  if (!expected) throw error
  console.error(error.message)
  process.exit(1)
}

/** Runs `action` at the first signal; the second one ends the process on the spot. */
function once(action: () => void): () => void {
  let called = false
  return () => {
    if (called) process.exit(1)
    called = true
    action()
  }
}

/** What requests under way get before their connections are cut: enough for a slow note. */
const GRACE_MS = 5_000

main()
