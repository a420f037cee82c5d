/**
 * Routes the demo's requests.
 *
 *   GET  /                                           counts a visit, shows everything
 *   POST /login /logout /cart /cart/empty /note      change the session, then 303 to the page
 *   POST /devices/end /devices/end-others            end other sessions of the user, likewise
 *   GET  /api/figures /healthz                       for machines; open no session
 *
 * What a session holds is visitor's to say, how it looks is views'.
 */

import { setTimeout as pause } from 'node:timers/promises'
import {
  type SessionInstance,
  type SessionOptions,
  SessionStoreError,
  type UsersConfig,
} from '@rudderjs/session-native'
import { type SessionEnv, session } from '@rudderjs/session-native/hono'
import { type Context, Hono, type MiddlewareHandler } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { assets } from './assets.js'
import { cookieParts } from './cookie-parts.js'
import { Figures } from './figures.js'
import { refuseCrossSite, securityHeaders } from './guards.js'
import { findProduct, MAX_QUANTITY, type Product } from './products.js'
import { Refusal } from './refusal.js'
import { errorPage } from './views/error.js'
import { SLOW_SECONDS } from './views/note.js'
import { page } from './views/page.js'
import * as visitor from './visitor.js'

export interface Demo {
  app: Hono<SessionEnv>
  /** Ends the session engine. */
  close(): void
}

/** The user is no key of the data here, so each login says who it is. */
function users({ driver }: SessionOptions): UsersConfig {
  return { key: false, store: driver === 'cookie' ? { driver: 'memory' } : undefined }
}

/** @throws {SessionConfigError} if the options are wrong. */
export function createDemo(options: SessionOptions): Demo {
  // The pages are kept by no cache at all; see guards.
  const sessions = session({ ...options, cacheHeaders: false, users: users(options) })
  const figures = new Figures(sessions)
  const app = new Hono<SessionEnv>()

  app.use(
    securityHeaders,
    refuseCrossSite,
    bodyLimit({ maxSize: MAX_BODY_BYTES, onError: tooLong }),
  )
  app.get('/', showPage(figures), figures.middleware, visit)
  app.on('POST', CHANGES, figures.middleware, storeInReach)
  app.post('/login', logIn)
  app.post('/logout', logOut)
  app.post('/devices/end', endDevice)
  app.post('/devices/end-others', endOtherDevices)
  app.post('/cart', changeCart)
  app.post('/cart/empty', emptyCart)
  app.post('/note', keepNote)
  app.on(['GET', 'PUT', 'PATCH', 'DELETE'], CHANGES, changesArePosts)
  app.get('/api/figures', (c) => c.json(figures.snapshot()))
  app.get('/healthz', (c) => c.json({ status: 'ok', driver: sessions.engine.config.driver }))
  app.route('/', assets())
  app.notFound((c) => answer(c, new Refusal(404, 'No such page', 'There is nothing here.')))
  app.onError((error, c) => answer(c, refusalFor(error)))

  return { app, close: () => sessions.engine.close() }
}

/**
 * Renders the page once the session is saved, so that it shows the cookie which it carries and
 * the time which saving took.
 */
function showPage(figures: Figures): MiddlewareHandler<SessionEnv> {
  return async (c, next) => {
    await next()
    if (c.error) return
    const session = c.get('session')
    const [setCookie] = c.res.headers.getSetCookie()
    c.res = await c.html(
      page({
        available: session.available && !failedToSave(session),
        visits: visitor.visits(session),
        user: visitor.user(session),
        devices: session.available ? await visitor.devices(session) : [],
        cart: visitor.cart(session),
        note: visitor.note(session),
        notice: visitor.notice(session),
        // A page leaves no message for the next one, so what was stored has an empty flash_next.
        record: { id: session.id(), data: session.all(), flash_next: {} },
        flashTaken: session.allFlash(),
        cookie: setCookie === undefined ? null : cookieParts(setCookie),
        figures: figures.snapshot(),
      }),
    )
  }
}

/** By now the session was saved, so what is still unsaved could not be. */
function failedToSave(session: SessionInstance): boolean {
  return session.isDirty() && visitor.visits(session) > 0
}

function visit(c: Context<SessionEnv>): Response {
  // A browser that looks ahead is not a visit.
  const ahead = c.req.header('sec-purpose')?.includes('prefetch') ?? false
  if (c.req.method === 'GET' && !ahead) visitor.countVisit(c.get('session'))
  return c.body(null)
}

async function logIn(c: Context<SessionEnv>): Promise<Response> {
  const name = visitor.readLine((await form(c)).get('name') ?? '', visitor.MAX_NAME_CHARACTERS)
  if (name === null) return back(c, 'account', 'Please enter a name.')
  await visitor.logIn(c.get('session'), name, Date.now())
  return back(c, 'account', `Welcome aboard, ${name}.`)
}

async function logOut(c: Context<SessionEnv>): Promise<Response> {
  await visitor.logOut(c.get('session'))
  return back(c, 'account', 'You are logged out.')
}

async function endDevice(c: Context<SessionEnv>): Promise<Response> {
  const handle = (await form(c)).get('handle') ?? ''
  const wasLive = await visitor.endDevice(c.get('session'), handle)
  return back(c, 'devices', wasLive ? 'Logged out there.' : 'It is logged out already.')
}

async function endOtherDevices(c: Context<SessionEnv>): Promise<Response> {
  const ended = await visitor.endOtherDevices(c.get('session'))
  return back(c, 'devices', ended === 0 ? 'There is no other.' : `Logged out elsewhere: ${ended}.`)
}

async function changeCart(c: Context<SessionEnv>): Promise<Response> {
  const fields = await form(c)
  const product = findProduct(fields.get('product') ?? '')
  if (!product) throw new Refusal(404, 'Not on our shelf', 'We do not carry that product.')
  const quantity = readQuantity(fields.get('quantity') ?? '')
  visitor.setQuantity(c.get('session'), product, quantity)
  return back(c, 'cart', cartText(product, quantity))
}

async function emptyCart(c: Context<SessionEnv>): Promise<Response> {
  visitor.emptyCart(c.get('session'))
  return back(c, 'cart', 'The cart is empty.')
}

/** Slow on purpose, with the session in hand: time to do something else in another tab. */
async function keepNote(c: Context<SessionEnv>): Promise<Response> {
  const note = visitor.readLine((await form(c)).get('note') ?? '', visitor.MAX_NOTE_CHARACTERS)
  await pause(SLOW_SECONDS * 1000)
  visitor.setNote(c.get('session'), note)
  return back(c, 'note', note === null ? 'There is no note now.' : 'The note is kept.')
}

function readQuantity(text: string): number {
  const quantity = /^\d{1,3}$/.test(text) ? Number(text) : Number.NaN
  if (!(quantity <= MAX_QUANTITY)) {
    throw new Refusal(400, 'Not that many', `Choose a quantity from 0 to ${MAX_QUANTITY}.`)
  }
  return quantity
}

function cartText({ name }: Product, quantity: number): string {
  if (quantity === 0) return `${name}: taken out of the cart.`
  return `${name}: ${quantity} in the cart.`
}

/** Fields of any other kind of body are none, and none is a case that every route has. */
async function form(c: Context): Promise<URLSearchParams> {
  return new URLSearchParams(await c.req.text())
}

/** Sends the browser to the page with GET, so that a reload does not repeat the change. */
async function back(
  c: Context<SessionEnv>,
  place: visitor.Notice['place'],
  text: string,
): Promise<Response> {
  const session = c.get('session')
  visitor.leaveNotice(session, { place, text })
  // Saved before it is answered: a logout that was not done must not be called done.
  const setCookie = await session.saveToCookie()
  if (setCookie !== null) c.header('Set-Cookie', setCookie, { append: true })
  return c.redirect(`/#${place}`, 303)
}

/** A change that cannot be kept is refused, instead of seeming done. */
const storeInReach: MiddlewareHandler<SessionEnv> = async (c, next) => {
  if (!c.get('session').available) throw STORE_AWAY
  await next()
}

function changesArePosts(c: Context): Response | Promise<Response> {
  c.header('Allow', 'POST')
  return answer(c, new Refusal(405, 'By form only', 'This address takes what the page sends it.'))
}

function tooLong(): never {
  throw new Refusal(413, 'Too long', `At most ${MAX_BODY_BYTES} bytes can be sent.`)
}

function refusalFor(error: Error): Refusal {
  if (error instanceof Refusal) return error
  console.error(error)
  return error instanceof SessionStoreError ? STORE_AWAY : FAULT
}

function answer(c: Context, refusal: Refusal): Response | Promise<Response> {
  return c.html(errorPage(refusal), refusal.status)
}

const CHANGES = [
  '/login',
  '/logout',
  '/devices/end',
  '/devices/end-others',
  '/cart',
  '/cart/empty',
  '/note',
]

/** Longer than any form of the page makes. */
const MAX_BODY_BYTES = 2048

const STORE_AWAY = new Refusal(
  503,
  'The store is out of reach',
  'Nothing was changed. Your session is as it was, and comes back with the store.',
)

const FAULT = new Refusal(500, 'Our fault', 'Something went wrong here. The log says what.')
