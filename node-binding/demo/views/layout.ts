/** The frame of every page: head, masthead, main, footer. */

import { html } from 'hono/html'

/** Markup, escaped where it must be. */
export type Html = ReturnType<typeof html>

export interface Frame {
  title: string
  /** Goes into `<main>`. */
  main: Html
  /** Right in the masthead. */
  aside?: Html
}

export function layout({ title, main, aside }: Frame): Html {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
<link rel="icon" href="/favicon.svg" type="image/svg+xml">
${STYLES.map(
  (name) => html`<link rel="stylesheet" href="/static/${name}.css">
`,
)}<script type="module" src="/static/app.js"></script>
</head>
<body>
<a class="skip" href="#main">Skip to the content</a>
<header class="masthead">
<a class="brand" href="/">${MARK}<span>Rudder Session</span></a>
${aside}
</header>
<div class="neatline" aria-hidden="true"></div>
<main id="main" tabindex="-1">
${main}
</main>
</body>
</html>
`
}

/** In this order: later files build on earlier ones. */
const STYLES = ['theme', 'frame', 'controls', 'sections', 'figures']

/** A rudder on its post. */
const MARK = html`<svg class="mark" viewBox="0 0 32 32" aria-hidden="true"><path d="M11 3v26" />
<path class="blade" d="M11 11c8 0 12 5 12 10v6H11z" /><path d="M7 7h8" /></svg>`
