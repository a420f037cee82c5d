// Puts load on an HTTP server, in a process of its own.

import autocannon from 'autocannon'

process.on('message', async ({ url, cookies, seconds }) => {
  let connection = 0
  const { requests, latency, duration, non2xx, errors } = await autocannon({
    url,
    connections: cookies.length,
    setupClient: (client) => client.setHeaders({ cookie: cookies[connection++] }),
    duration: seconds,
    sampleInt: 100,
  })
  process.send({
    requests: requests.total,
    perSecond: requests.total / duration,
    p99Ms: latency.p99,
    bad: non2xx + errors,
  })
})
