/**
 * The engine's figures.
 *
 * Each number has its path in the answer of `/api/figures` as `data-figure` and its unit as
 * `data-unit`: that is all that the script in the browser needs to keep it up to date.
 */

import { html } from 'hono/html'
import { CHART, count, dots, micros } from '../drawing.js'
import type { FiguresSnapshot, IncidentFigures } from '../figures.js'
import type { Html } from './layout.js'

export function figuresSection(figures: FiguresSnapshot): Html {
  const { requests, medianMicros, p99Micros, recentMicros } = figures.middleware
  return html`
<section id="figures" aria-labelledby="figures-title">
<h2 id="figures-title">The engine at work</h2>
<div class="soundings">
<dl class="gauges">
<div><dt>Requests</dt><dd>${counted('middleware.requests', requests)}</dd></div>
<div><dt>Median</dt><dd>${timed('middleware.medianMicros', medianMicros)} &micro;s</dd></div>
<div><dt>99th percentile</dt><dd>${timed('middleware.p99Micros', p99Micros)} &micro;s</dd></div>
</dl>
<p class="fine">What a request pays for its session, handler left out: cookie read and verified,
session loaded, saved, signed.</p>
${chart(recentMicros)}
<p class="live"><button id="strangers" hidden>Send 100 visits</button>
<span id="live" class="fine" role="status"></span></p>
</div>
<div class="tables">
${operations(figures.operations)}
${figures.store ? store(figures.store) : null}
${figures.incidents ? incidents(figures.incidents) : null}
</div>
</section>`
}

function chart(recentMicros: number[]): Html {
  const { width, height } = CHART
  return html`
<figure class="chart">
<ol aria-hidden="true"><li>1 s</li><li>100 ms</li><li>10 ms</li><li>1 ms</li><li>100 &micro;s</li><li>10 &micro;s</li></ol>
<svg viewBox="0 0 ${width} ${height}" preserveAspectRatio="none" role="img"
aria-label="The last ${CHART.slots} requests by time, on a logarithmic scale">
<path class="grid" d="${gridLines()}" />
<path class="dots" d="${dots(recentMicros)}" data-figure="middleware.recentMicros" data-unit="dots" />
</svg>
<figcaption>The last ${CHART.slots} requests, the newest at the right</figcaption>
</figure>`
}

/** One for each decade, which the list beside the chart names. */
function gridLines(): string {
  const { width, height, decades } = CHART
  const line = (_: unknown, i: number) => `M0 ${(i / decades) * height}h${width}`
  return Array.from({ length: decades + 1 }, line).join('')
}

function operations(figures: FiguresSnapshot['operations']): Html {
  return html`
<table>
<caption>Driver, as requests see it</caption>
<thead><tr><th scope="col">Operation</th><th scope="col">Calls</th><th scope="col">Errors</th>
<th scope="col">Mean <span>&micro;s</span></th><th scope="col">Slowest <span>&micro;s</span></th></tr></thead>
<tbody>${Object.entries(figures).map(
    ([name, { calls, errors, meanMicros, slowestMicros }]) => html`
<tr><th scope="row">${name}</th>
<td>${counted(`operations.${name}.calls`, calls)}</td>
<td>${counted(`operations.${name}.errors`, errors)}</td>
<td>${timed(`operations.${name}.meanMicros`, meanMicros)}</td>
<td>${timed(`operations.${name}.slowestMicros`, slowestMicros)}</td></tr>`,
  )}
</tbody></table>`
}

function store(figures: NonNullable<FiguresSnapshot['store']>): Html {
  return html`
<table>
<caption>Store, as the engine sees it</caption>
<thead><tr><th scope="col">Operation</th><th scope="col">Calls</th><th scope="col">Errors</th>
<th scope="col">p50 up to <span>&micro;s</span></th><th scope="col">p99 up to <span>&micro;s</span></th></tr></thead>
<tbody>${Object.entries(figures).map(
    ([name, { calls, errors, p50Micros, p99Micros }]) => html`
<tr><th scope="row">${name}</th>
<td>${counted(`store.${name}.calls`, calls)}</td>
<td>${counted(`store.${name}.errors`, errors)}</td>
<td>${timed(`store.${name}.p50Micros`, p50Micros)}</td>
<td>${timed(`store.${name}.p99Micros`, p99Micros)}</td></tr>`,
  )}
</tbody></table>`
}

function incidents(figures: IncidentFigures): Html {
  return html`
<table class="sentences">
<caption>When requests meet</caption>
<tbody>${INCIDENTS.map(
    ([name, text]) => html`
<tr><th scope="row">${text}</th><td>${counted(`incidents.${name}`, figures[name])}</td></tr>`,
  )}
</tbody></table>`
}

const INCIDENTS: readonly [keyof IncidentFigures, string][] = [
  ['merges', 'Saves merged with another request\u2019s'],
  ['writesToGone', 'Saves after a logout, not done'],
  ['foreignRecords', 'Records of another session, not served'],
]

function counted(path: string, value: number): Html {
  return html`<span data-figure="${path}" data-unit="count">${count(value)}</span>`
}

function timed(path: string, value: number | null): Html {
  return html`<span data-figure="${path}" data-unit="micros">${micros(value)}</span>`
}
