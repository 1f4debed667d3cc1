import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { Registry } from 'prom-client'
import t from 'tap'
import { openApp } from '../testing.ts'

t.test('answers are counted and timed by route pattern, method and status', async (t) => {
  const registry = new Registry()
  const app = await openApp(t, { registry })
  await app.inject('/quote?symbol=BTC')
  await app.inject('/quote?symbol=ETH')
  await app.inject('/quote?symbol=DOGE')
  await app.inject({ method: 'POST', url: '/predict?symbol=BTC' })

  const answer = await app.inject('/metrics')
  t.match(answer.headers['content-type'], /^text\/plain; version=0\.0\.4/)
  t.match(answer.payload, 'http_requests_total{method="GET",route="/quote",status="200"} 2\n')
  t.match(answer.payload, 'http_requests_total{method="GET",route="/quote",status="400"} 1\n')
  t.match(answer.payload, 'http_requests_total{method="POST",route="/predict",status="200"} 1\n')
  t.match(answer.payload, 'http_request_duration_seconds_count{method="GET",route="/quote",status="200"} 2\n')
  t.match(
    answer.payload,
    'http_request_duration_seconds_bucket{le="+Inf",method="POST",route="/predict",status="200"} 1\n',
  )
})

t.test('no client can make the set of labels grow', async (t) => {
  const registry = new Registry()
  const app = await openApp(t, { registry })
  for (const url of ['/one', '/two?x=1', '/docs/static/three.js', '/%zz', '/quote/four']) await app.inject(url)
  for (const symbol of ['A', 'B', 'C']) await app.inject(`/quote?symbol=${symbol}`)
  for (const method of ['PROPFIND', 'MKCOL'] as const) await app.inject({ method, url: '/quote' })

  const requests = (await registry.getMetricsAsJSON()).find(({ name }) => name === 'http_requests_total')
  const counted = (requests?.values ?? []).filter(({ value }) => value > 0)
  t.same(counted.map(({ labels: { method, route, status } }) => `${method} ${route} ${status}`).sort(), [
    'GET /quote 400',
    'GET unmatched 404',
    'other unmatched 405',
  ])
})

t.test('every answer that a route may give is counted from zero', async (t) => {
  const app = await openApp(t)

  const { payload } = await app.inject('/metrics')
  t.match(payload, 'http_requests_total{method="POST",route="/predict",status="503"} 0\n')
  t.match(payload, 'http_requests_total{method="GET",route="/quote",status="500"} 0\n')
  t.notMatch(payload, /http_requests_total\{method="HEAD"/)
})

t.test('what is refused before it is a request is counted, too', async (t) => {
  const app = await openApp(t)
  const { port, hostname } = new URL(await app.listen({ port: 0, host: '127.0.0.1' }))
  const send = (request: string) => {
    const socket = connect(Number(port), hostname)
    socket.write(request)
    return text(socket)
  }
  const line = (status: number, count: number) =>
    `http_requests_total{method="other",route="unmatched",status="${status}"} ${count}\n`

  t.match((await app.inject('/metrics')).payload, line(408, 0))
  await send('HELLO\r\n\r\n')
  await send(`GET /health HTTP/1.1\r\nHost: x\r\nX: ${'a'.repeat(9_000)}\r\n\r\n`)
  await send('CONNECT other.test:443 HTTP/1.1\r\nHost: x\r\n\r\n')

  const { payload } = await app.inject('/metrics')
  for (const status of [400, 405, 431]) t.match(payload, line(status, 1))
  t.notMatch(payload, /route="\/quote",status="(408|431)"/, 'and by no route, which would stay at zero')
})

t.test('prices are counted by operation and symbol, and all that nobody knows as one', async (t) => {
  const app = await openApp(t)
  const start = await app.inject('/metrics')
  t.match(start.payload, 'predictor_prices_total{operation="predict",symbol="SOL"} 0\n')
  for (const symbol of ['btc', 'BTC', 'DOGE', 'XRP']) await app.inject(`/quote?symbol=${symbol}`)
  await app.inject({ method: 'POST', url: '/predict?symbol=eth' })

  const { payload } = await app.inject('/metrics')
  t.match(payload, 'predictor_prices_total{operation="quote",symbol="BTC"} 2\n')
  t.match(payload, 'predictor_prices_total{operation="quote",symbol="unsupported"} 2\n')
  t.match(payload, 'predictor_prices_total{operation="predict",symbol="ETH"} 1\n')
  t.notMatch(payload, /DOGE|XRP/)
})
