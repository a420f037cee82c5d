/**
 * One connection of a client that sends thousands of requests, and costs less processor time than
 * `node:http`'s.
 *
 *   ask(request)  -->  one request on the wire  -->  its answer
 *
 * It knows what the servers of these tests send: bodies with a Content-Length or none. Anything
 * else (chunks, an answer that nobody asked for, a closed connection) fails the request.
 */

import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

export interface Request {
  method: string
  path: string
  cookie?: string
  json?: object | undefined
}

export interface Answer {
  status: number
  /** `name=value` of the first Set-Cookie. */
  cookie: string | undefined
  body: string
}

export class HttpConnection {
  readonly #socket: Socket
  #received = ''
  #waiting: { resolve(answer: Answer): void; reject(reason: Error): void } | undefined

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.setEncoding('latin1')
    socket.setNoDelay()
    socket.on('data', (text: string) => this.#receive(text))
    socket.on('error', () => {})
    socket.on('close', () => this.#fail('the connection was closed'))
  }

  static async open(url: string): Promise<HttpConnection> {
    const { hostname, port } = new URL(url)
    const socket = connect(Number(port), hostname)
    await once(socket, 'connect')
    return new HttpConnection(socket)
  }

  close(): void {
    this.#socket.destroy()
  }

  ask({ method, path, cookie, json }: Request): Promise<Answer> {
    const body = json ? JSON.stringify(json) : ''
    const head = [`${method} ${path} HTTP/1.1`, 'Host: 127.0.0.1']
    if (cookie) head.push(`Cookie: ${cookie}`)
    if (json) head.push('Content-Type: application/json')
    if (method !== 'GET') head.push(`Content-Length: ${Buffer.byteLength(body)}`)
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject }
      this.#socket.write(`${head.join('\r\n')}\r\n\r\n${body}`)
    })
  }

  #receive(text: string): void {
    this.#received += text
    const end = this.#received.indexOf('\r\n\r\n')
    if (end < 0) return
    const head = this.#received.slice(0, end)
    const status = Number(head.slice(9, 12))
    const length = /^content-length: (\d+)$/im.exec(head)?.[1] ?? (status === 204 ? 0 : undefined)
    if (length === undefined) {
      this.#fail(`an answer without a length: ${head}`)
      return
    }
    const bodyEnd = end + 4 + Number(length)
    if (this.#received.length < bodyEnd) return
    const body = this.#received.slice(end + 4, bodyEnd)
    this.#received = this.#received.slice(bodyEnd)
    const cookie = /^set-cookie: ([^;\r]*)/im.exec(head)?.[1]
    this.#waiting?.resolve({ status, cookie, body })
    this.#waiting = undefined
  }

  #fail(reason: string): void {
    this.#waiting?.reject(new Error(reason))
    this.#waiting = undefined
  }
}
