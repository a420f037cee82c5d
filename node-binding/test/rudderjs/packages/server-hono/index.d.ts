import type { AppRequest, MiddlewareHandler, RouteHandler } from '@rudderjs/contracts'
import type { Hono } from 'hono'

export interface RouteOptions {
  group?: 'web' | 'api'
  middleware?: MiddlewareHandler[]
}

export declare class Server {
  readonly hono: Hono
  route(
    method: string | string[],
    path: string,
    handler: RouteHandler,
    options?: RouteOptions,
  ): this
  request(path: string, options?: RequestInit): Response | Promise<Response>
  upgrade<T>(headers: Record<string, string>, fn: (req: AppRequest) => T): Promise<Awaited<T>>
}
