// Puts load on an HTTP server, in a process of its own.

import autocannon from 'autocannon'

process.on('message', async ({ url, cookie, CONNECTIONS, ROUND_SECONDS }) => {
  const { requests, latency, duration, non2xx, errors } = await autocannon({
    url,
    headers: { cookie },
    connections: CONNECTIONS,
    duration: ROUND_SECONDS,
    sampleInt: 100,
  })
  process.send({
    requests: requests.total,
    perSecond: requests.total / duration,
    p99Ms: latency.p99,
    bad: non2xx + errors,
  })
})
