/**
 * Plays the part of a package registry for what `scripts/pack.mjs` has made.
 *
 *   GET /<name>       what npm asks for first: versions, their platforms, where the tarball is
 *   GET /<file>.tgz   the tarball
 */

import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'

export const PACK = fileURLToPath(new URL('../pack/', import.meta.url))

interface Manifest {
  name: string
  version: string
  /** Of the main package. */
  exports: object
  optionalDependencies: object
  /** Of the packages for a platform. */
  os: string[]
  cpu: string[]
  libc?: string[]
}

/** The packages that were made, the main one first; those of other platforms have no tarball. */
export function packed(): { manifest: Manifest; tarball: string }[] {
  const folders = ['main', ...readdirSync(`${PACK}npm`).map((platform) => `npm/${platform}`)]
  return folders.map((folder) => {
    const manifest: Manifest = JSON.parse(readFileSync(`${PACK}${folder}/package.json`, 'utf8'))
    const file = `${manifest.name.replace('@', '').replace('/', '-')}-${manifest.version}.tgz`
    return { manifest, tarball: PACK + file }
  })
}

/** Starts one that has all of the packages but those that `without` names. Answers its URL. */
export async function startRegistry(t: TestContext, without: string[] = []): Promise<string> {
  const packages = packed().filter(({ manifest }) => !without.includes(manifest.name))
  const server = createServer((request, response) => {
    const path = decodeURIComponent(request.url ?? '').slice(1)
    const file = packages.find(({ tarball }) => tarball === PACK + path)?.tarball
    const known = packages.find(({ manifest }) => manifest.name === path)
    if (file && existsSync(file)) response.end(readFileSync(file))
    else if (known) response.end(JSON.stringify(packument(known)))
    else response.writeHead(404).end('{}')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  return url

  function packument({ manifest, tarball }: (typeof packages)[number]) {
    const { name, version } = manifest
    const bytes = existsSync(tarball) ? readFileSync(tarball) : ''
    const integrity = `sha512-${createHash('sha512').update(bytes).digest('base64')}`
    const dist = { tarball: url + tarball.slice(PACK.length), integrity }
    return {
      name,
      'dist-tags': { latest: version },
      versions: { [version]: { ...manifest, dist } },
      // Package managers may refuse what is younger than a few days.
      time: { [version]: '2020-01-01T00:00:00.000Z' },
    }
  }
}
