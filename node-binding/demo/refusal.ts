/** An answer that is no: the status, and a page for the person who asked. */

import type { ContentfulStatusCode } from 'hono/utils/http-status'

/** Thrown by whoever refuses; shown by the application's error page. */
export class Refusal extends Error {
  readonly status: ContentfulStatusCode
  readonly title: string

  constructor(status: ContentfulStatusCode, title: string, text: string) {
    super(text)
    this.status = status
    this.title = title
  }
}
