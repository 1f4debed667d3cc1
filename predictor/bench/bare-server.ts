// What the predictor is measured against: the same answer to `POST /predict?symbol=…` by node:http alone, without a
// framework, limits, validation, metrics or logs. `PORT=8080 node bench/bare-server.ts`
import { createServer } from 'node:http'
import { catalogue, currency, source } from '../src/model/catalogue.ts'
import { createMarket } from '../src/model/market.ts'

const market = createMarket(1, catalogue)
const asked = '/predict?symbol='

const server = createServer((request, response) => {
  const { url = '' } = request
  const symbol = url.startsWith(asked) ? url.slice(asked.length).toUpperCase() : ''
  const atMs = Date.now()
  const prediction = market.predict(symbol, atMs)
  if (prediction === undefined || request.method !== 'POST') {
    response.writeHead(404).end()
    return
  }
  const body = JSON.stringify({
    symbol,
    price: prediction.price,
    currency,
    source,
    generated_at: new Date(atMs).toISOString(),
    interval: prediction.interval,
  })
  response.writeHead(200, {
    'content-type': 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(body),
  })
  response.end(body)
})
server.listen(Number(process.env['PORT']), '127.0.0.1')
