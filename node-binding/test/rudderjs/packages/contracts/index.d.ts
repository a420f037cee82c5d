/** The shapes of requests, responses and middleware that packages of the framework share. */

export interface AppRequest {
  method: string
  url: string
  path: string
  headers: Record<string, string>
  /** What the server made the request of: for Hono its context. */
  raw: unknown
}

export interface AppResponse {
  status: (code: number) => AppResponse
  header: (key: string, value: string) => AppResponse
  json: (data: unknown) => void
  send: (data: string) => void
  redirect: (url: string, code?: number) => void
  raw: unknown
}

export type MiddlewareHandler = (
  req: AppRequest,
  res: AppResponse,
  next: () => Promise<void>,
) => unknown

export type RouteHandler = (req: AppRequest, res: AppResponse) => unknown
