/**
 * Serves the demo's few files, read once at the start.
 *
 * The list is closed: no path of a request ever becomes a path on the disk.
 */

import { readFileSync } from 'node:fs'
import { Hono } from 'hono'
import { etag } from 'hono/etag'

/** The routes of all files. */
export function assets(): Hono {
  const app = new Hono()
  app.use(etag())
  for (const [path, { type, file }] of Object.entries(FILES)) {
    const text = readFileSync(new URL(file, import.meta.url), 'utf8')
    app.get(path, (c) => c.body(text, 200, { 'Content-Type': type, 'Cache-Control': 'no-cache' }))
  }
  return app
}

// Compiled, this file is in build/demo, and what the compiler does not touch stays in demo.
const STATIC = '../../demo/static'

const CSS = 'text/css; charset=utf-8'
const JS = 'text/javascript; charset=utf-8'

const FILES = {
  '/favicon.svg': { type: 'image/svg+xml', file: `${STATIC}/favicon.svg` },
  '/static/app.js': { type: JS, file: `${STATIC}/app.js` },
  '/static/drawing.js': { type: JS, file: './drawing.js' },
  '/static/theme.css': { type: CSS, file: `${STATIC}/theme.css` },
  '/static/frame.css': { type: CSS, file: `${STATIC}/frame.css` },
  '/static/controls.css': { type: CSS, file: `${STATIC}/controls.css` },
  '/static/sections.css': { type: CSS, file: `${STATIC}/sections.css` },
  '/static/figures.css': { type: CSS, file: `${STATIC}/figures.css` },
}
