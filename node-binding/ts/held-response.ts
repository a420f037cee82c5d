/**
 * Holds a Node response back until the session is saved.
 *
 *   handler -- writeHead, write, end --> [ held ] -- save --> Set-Cookie -- the same calls --> client
 *
 * Saving takes a while and Node's calls do not wait, so the first one that would send a byte starts
 * the save, and it and those that follow are kept until that is done. Where the save needs no
 * I/O nothing is kept. To the handler a response that is held looks as if it was on its way.
 *
 * Knows Node's responses, those of HTTP/2 too, and no framework: all of them end up here, be it
 * with a page, an error, a redirect or a stream.
 */

import type { OutgoingHttpHeader, ServerResponse } from 'node:http'
import type { ResolvedConfig } from './config.js'
import { reportSaveFailure } from './request.js'
import { appendToNode } from './set-cookie.js'

/**
 * From now on nothing of `res` leaves before `close` has been called and is done.
 *
 * @param close Saves the session, and answers the `Set-Cookie` text to send, or `null`. It must
 *   not throw or reject.
 */
export function holdResponse(
  res: ServerResponse,
  config: ResolvedConfig,
  close: () => string | null | Promise<string | null>,
): void {
  const { writeHead, write, end, flushHeaders, setHeader, appendHeader, removeHeader } = res
  /** Once the head looks sent. */
  let sentStatus: number | undefined
  let state: 'open' | 'held' | 'released' = 'open'
  let wantsDrain = false
  const held: (() => void)[] = []

  res.writeHead = function (this: ServerResponse, ...args: unknown[]) {
    if (state === 'released') return Reflect.apply(writeHead, res, args)
    if (res.headersSent) throw headersSent(res, 'write')
    applyHead(res, args)
    pretendHeadersSent()
    return res
  } as ServerResponse['writeHead']

  res.flushHeaders = () => {
    send(() => flushHeaders.call(res))
  }

  res.write = ((...args: unknown[]) => {
    const isTaken = send(() => Reflect.apply(write, res, args))
    if (state !== 'held') return isTaken as boolean
    wantsDrain = true
    return false
  }) as ServerResponse['write']

  res.end = ((...args: unknown[]) => {
    send(() => Reflect.apply(end, res, args))
    if (state === 'held') pretend('writableEnded')
    return res
  }) as ServerResponse['end']

  /** Makes the call now, or once the session is saved. */
  function send(call: () => unknown): unknown {
    if (state === 'released') return call()
    if (state === 'open') {
      const saved = close()
      if (!(saved instanceof Promise)) {
        release(saved)
        return call()
      }
      state = 'held'
      pretendHeadersSent()
      saved.then(replay)
    }
    held.push(call)
    return undefined
  }

  function release(text: string | null): void {
    state = 'released'
    if (sentStatus !== undefined) {
      res.statusCode = sentStatus
      Object.assign(res, { setHeader, appendHeader, removeHeader })
    }
    if (text !== null) appendCookie(res, text, config)
  }

  function replay(text: string | null): void {
    try {
      release(text)
      for (const call of held) call()
    } catch (error) {
      // The handler is long gone; nobody else can be told.
      res.destroy(error as Error)
    }
    held.length = 0
    if (wantsDrain && !res.writableNeedDrain) res.emit('drain')
  }

  /** From now on the head is what it is, as if it had left. */
  function pretendHeadersSent(): void {
    if (sentStatus !== undefined) return
    sentStatus = res.statusCode
    Object.assign(res, REFUSING)
    pretend('headersSent')
  }

  /** Says what will be true in a moment anyway. */
  function pretend(property: 'headersSent' | 'writableEnded'): void {
    Object.defineProperty(res, property, { value: true, configurable: true })
  }
}

/** Checks what `writeHead` was given and puts it into `res`, from where the first byte takes it. */
function applyHead(res: ServerResponse, [status, second, third]: unknown[]): void {
  const code = Number(status) | 0
  if (code < 100 || code > 999) {
    throw failure(RangeError, 'ERR_HTTP_INVALID_STATUS_CODE', `Invalid status code: ${status}`)
  }
  res.statusCode = code
  if (typeof second === 'string') res.statusMessage = second
  for (const [name, value] of fieldsOf(typeof second === 'string' ? third : (second ?? third))) {
    res.setHeader(name, value)
  }
}

/** Instead of the methods of a response whose head looks sent. */
const REFUSING = {
  setHeader(this: ServerResponse): never {
    throw headersSent(this, 'set')
  },
  appendHeader(this: ServerResponse): never {
    throw headersSent(this, 'append')
  },
  removeHeader(this: ServerResponse): never {
    throw headersSent(this, 'remove')
  },
}

/** What Node throws for a call that comes after the head. */
function headersSent(res: ServerResponse, verb: string): Error {
  return res.req?.httpVersionMajor === 2
    ? failure(Error, 'ERR_HTTP2_HEADERS_SENT', 'Response has already been initiated.')
    : failure(
        Error,
        'ERR_HTTP_HEADERS_SENT',
        `Cannot ${verb} headers after they are sent to the client`,
      )
}

/** An error as Node throws it. */
function failure(type: ErrorConstructor, code: string, message: string): Error {
  return Object.assign(new type(message), { code })
}

/** Of an object, of a list of pairs, or of a flat list: all of them are what Node takes. */
function fieldsOf(headers: unknown): Iterable<[string, OutgoingHttpHeader]> {
  if (!Array.isArray(headers)) return Object.entries(headers ?? {}) as [string, string][]
  const pairs: [string, OutgoingHttpHeader][] = Array.isArray(headers[0])
    ? headers
    : headers.flatMap((name, at) => (at % 2 === 0 ? [[name, headers[at + 1]]] : []))
  const fields = new Map<string, [string, OutgoingHttpHeader]>()
  for (const [name, value] of pairs) {
    const before = fields.get(String(name).toLowerCase())
    const all = before ? [before[1], value].flat().map(String) : value
    fields.set(String(name).toLowerCase(), [name, all])
  }
  return fields.values()
}

function appendCookie(res: ServerResponse, text: string, config: ResolvedConfig): void {
  try {
    appendToNode(res, text, config.cacheHeaders)
  } catch (error) {
    // Something has gone out past this module.
    reportSaveFailure(error, config)
  }
}
