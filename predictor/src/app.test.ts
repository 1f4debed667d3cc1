import { connect } from 'node:net'
import { Writable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import type { InjectOptions } from 'fastify'
import { pino } from 'pino'
import t from 'tap'
import { Check } from 'typebox/schema'
import { readConfig } from './config.ts'
import { errorCodes } from './errors.ts'
import { createLifecycle } from './lifecycle.ts'
import { calm, openApp } from './testing.ts'

interface Row {
  readonly request: InjectOptions & { readonly url: string }
  readonly status: number
  readonly body: unknown
}

const json = { 'content-type': 'application/json' }
const generated = { source: 'synthetic', currency: 'USD', generated_at: '2026-03-01T12:00:00.000Z' }
const unsupported = { detail: { error: 'unsupported_symbol', supported_symbols: ['AAPL', 'BTC', 'ETH', 'SOL'] } }

const contract: Readonly<Record<string, Row>> = {
  'health is exactly ok': { request: { url: '/health' }, status: 200, body: { status: 'ok' } },
  'it is alive': { request: { url: '/livez' }, status: 200, body: { status: 'alive' } },
  'it is ready': { request: { url: '/readyz' }, status: 200, body: { status: 'ready' } },
  'the version is the commit': { request: { url: '/version' }, status: 200, body: { revision: 'abc1234' } },
  'a quote of BTC': quote('btc', 'BTC', 58_007),
  'a quote of ETH': quote('ETH', 'ETH', 3_198),
  'a quote of SOL': quote('Sol', 'SOL', 141),
  'a quote of AAPL': quote('aapl', 'AAPL', 193),
  'a quote of an unknown symbol': { request: { url: '/quote?symbol=doge' }, status: 400, body: unsupported },
  'a quote of nothing': { request: { url: '/quote' }, status: 422, body: issue('querystring', 'symbol') },
  'a quote of an empty symbol': {
    request: { url: '/quote?symbol=' },
    status: 422,
    body: issue('querystring', 'symbol'),
  },
  'a quote of a malformed symbol': {
    request: { url: '/quote?symbol=B%20C' },
    status: 422,
    body: issue('querystring', 'symbol'),
  },
  'a quote of two symbols': {
    request: { url: '/quote?symbol=BTC&symbol=ETH' },
    status: 422,
    body: issue('querystring', 'symbol'),
  },
  'a prediction': {
    request: { method: 'POST', url: '/predict?symbol=BTC' },
    status: 200,
    body: {
      symbol: 'BTC',
      price: 58_078.14,
      ...generated,
      interval: { low: 56_446.85, high: 59_756.57, confidence: 0.9 },
    },
  },
  'a prediction of an unknown symbol': {
    request: { method: 'POST', url: '/predict?symbol=DOGE' },
    status: 400,
    body: unsupported,
  },
  'a prediction of nothing': {
    request: { method: 'POST', url: '/predict' },
    status: 422,
    body: issue('querystring', 'symbol'),
  },
  'a prediction with a body that is not JSON': {
    request: { method: 'POST', url: '/predict?symbol=BTC', headers: json, payload: '{' },
    status: 422,
    body: issue('body', ''),
  },
  'a prediction with a body of another type': {
    request: { method: 'POST', url: '/predict?symbol=BTC', headers: { 'content-type': 'text/xml' }, payload: '<a/>' },
    status: 415,
    body: error('unsupported_media_type'),
  },
  'a prediction with a body of no type': {
    request: { method: 'POST', url: '/predict?symbol=BTC', headers: { 'content-length': '1' }, payload: 'x' },
    status: 415,
    body: error('unsupported_media_type'),
  },
  'a prediction with a body that is too large': {
    request: {
      method: 'POST',
      url: '/predict?symbol=BTC',
      headers: json,
      payload: JSON.stringify('x'.repeat(16 * 1024)),
    },
    status: 413,
    body: error('payload_too_large'),
  },
  'a path that does not exist': { request: { url: '/nope' }, status: 404, body: error('not_found') },
  'a file that does not exist': { request: { url: '/docs/static/nope.js' }, status: 404, body: error('not_found') },
  'a path that can not be decoded': { request: { url: '/%zz' }, status: 400, body: error('bad_request') },
  'a prediction by GET': {
    request: { url: '/predict?symbol=BTC' },
    status: 405,
    body: error('method_not_allowed'),
  },
  'a body of another type where nothing is': {
    request: { method: 'POST', url: '/nope', headers: { 'content-type': 'text/xml' }, payload: '<a/>' },
    status: 404,
    body: error('not_found'),
  },
  'a method that asks for a body, without one': {
    request: { method: 'QUERY', url: '/quote?symbol=BTC' },
    status: 405,
    body: error('method_not_allowed'),
  },
  'a deleted quote': { request: { method: 'DELETE', url: '/quote' }, status: 405, body: error('method_not_allowed') },
}

t.test('the contract', async (t) => {
  const app = await openApp(t, { config: readConfig({ ...calm, REVISION: 'abc1234' }) })
  for (const [name, { request, status, body }] of Object.entries(contract)) {
    const answer = await app.inject(request)
    t.equal(answer.statusCode, status, name)
    t.equal(answer.headers['content-type'], 'application/json; charset=utf-8', name)
    t.match(answer.json(), body, name)
    if (status >= 400) t.same(Object.keys(answer.json()), ['detail'], `${name} says nothing else`)
  }
})

t.test('answers that clients compare whole', async (t) => {
  const app = await openApp(t)
  t.equal((await app.inject('/health')).payload, '{"status":"ok"}')
  t.same((await app.inject('/quote?symbol=doge')).json(), unsupported)
  t.same(Object.keys((await app.inject('/quote?symbol=btc')).json()), [
    'symbol',
    'price',
    'currency',
    'source',
    'generated_at',
  ])
  t.same(Object.keys((await app.inject({ method: 'POST', url: '/predict?symbol=btc' })).json()), [
    'symbol',
    'price',
    'currency',
    'source',
    'generated_at',
    'interval',
  ])
})

t.test('a body that says nothing does no harm', async (t) => {
  const app = await openApp(t)
  const predict = (headers: Record<string, string>, payload?: string) =>
    app.inject({ method: 'POST', url: '/predict?symbol=BTC', headers, ...(payload !== undefined && { payload }) })
  const bare = (await predict({})).payload
  t.equal((await predict(json)).payload, bare, 'a type without a body')
  t.equal((await predict(json, '{"symbol":"ETH"}')).payload, bare, 'JSON is read and ignored')
  t.equal((await predict({ 'content-type': 'application/x-www-form-urlencoded' })).payload, bare, 'an empty form')
})

t.test('a wrong method is told the right ones', async (t) => {
  const app = await openApp(t)
  t.equal((await app.inject('/predict')).headers.allow, 'POST')
  t.equal((await app.inject({ method: 'POST', url: '/health?deep' })).headers.allow, 'GET, HEAD')
})

t.test('the OpenAPI document', async (t) => {
  const app = await openApp(t, { config: readConfig({ ...calm, REVISION: 'abc1234' }) })
  const document = (await app.inject('/openapi.json')).json<OpenApi>()

  t.test('describes each answer of the contract', async (t) => {
    const undocumented: string[] = []
    for (const [name, { request, status }] of Object.entries(contract)) {
      const path = request.url.replace(/\?.*$/, '')
      const operation = document.paths[path]?.[(request.method ?? 'GET').toLowerCase()]
      if (operation === undefined) {
        undocumented.push(name)
        continue
      }
      const schema = operation.responses[status]?.content?.['application/json']?.schema
      t.ok(schema && Check(schema, (await app.inject(request)).json()), `${name}: ${status}`)
    }
    t.same(undocumented, [
      'a path that does not exist',
      'a file that does not exist',
      'a path that can not be decoded',
      'a prediction by GET',
      'a body of another type where nothing is',
      'a method that asks for a body, without one',
      'a deleted quote',
    ])
  })

  t.test('names every error code but those of requests that reach no operation', async (t) => {
    const text = JSON.stringify(document.paths)
    const missing = Object.keys(errorCodes).filter((code) => !text.includes(`"${code}"`))
    t.same(missing, ['not_found', 'method_not_allowed'])
  })

  t.test('lists just what is there, and says that prices are synthetic', async (t) => {
    t.same(Object.keys(document.paths).sort(), [
      '/health',
      '/livez',
      '/metrics',
      '/predict',
      '/quote',
      '/readyz',
      '/version',
    ])
    t.match(document.info.description, /synthetic/)
    t.equal(document.info.version, 'abc1234')
  })
})

t.test('Swagger UI needs nothing from elsewhere', async (t) => {
  const app = await openApp(t)
  const page = await app.inject('/docs')
  t.equal(page.statusCode, 200)
  t.match(page.headers['content-security-policy'], "default-src 'self'")
  t.notMatch(page.headers['content-security-policy'], 'upgrade-insecure-requests', 'it works without TLS')
  const links = [...page.payload.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, link = '']) => link)
  t.ok(links.length >= 5)
  for (const link of links) {
    t.match(link, /^\/docs\//)
    t.equal((await app.inject(link)).statusCode, 200, link)
  }
  t.equal((await app.inject('/docs/json')).statusCode, 200)
})

t.test('a failure of our own hides its cause and logs it', async (t) => {
  const { logger, lines } = recordingLogger('info')
  const app = await openApp(t, { logger })
  app.get('/boom', () => {
    throw new Error('connection to db-7 with password hunter2 refused')
  })
  const answer = await app.inject('/boom')
  t.equal(answer.statusCode, 500)
  t.same(answer.json(), error('internal_error'))
  t.match(lines(), [{ msg: 'request failed', route: '/boom', err: { message: /db-7/, stack: String } }])
})

t.test('requests are logged at debug, and at info they are not', async (t) => {
  for (const level of ['debug', 'info'] as const) {
    const { logger, lines } = recordingLogger(level)
    const app = await openApp(t, { logger, config: readConfig({ ...calm, LOG_LEVEL: level }) })
    await app.inject('/quote?symbol=doge')
    const line = { msg: 'request answered', method: 'GET', route: '/quote', status: 400, durationMs: Number }
    t.match(lines(), level === 'debug' ? [line] : [])
    t.equal(lines().length, level === 'debug' ? 1 : 0)
  }
})

t.test('draining withdraws readiness alone, and lets go of kept-alive connections', async (t) => {
  const lifecycle = createLifecycle()
  const app = await openApp(t, { lifecycle })
  t.equal((await app.inject('/health')).headers.connection, 'keep-alive')
  lifecycle.beginDraining()

  const ready = await app.inject('/readyz')
  t.equal(ready.statusCode, 503)
  t.same(ready.json(), error('draining'))
  for (const url of ['/livez', '/health', '/quote?symbol=BTC', '/nope']) {
    const answer = await app.inject(url)
    t.equal(answer.statusCode, url === '/nope' ? 404 : 200, url)
    t.equal(answer.headers.connection, 'close', url)
  }
})

function recordingLogger(level: string) {
  const written: string[] = []
  const sink = new Writable({
    write: (chunk, _encoding, done) => {
      written.push(String(chunk))
      done()
    },
  })
  return { logger: pino({ level }, sink), lines: () => written.map((line): unknown => JSON.parse(line)) }
}

function quote(asked: string, symbol: string, price: number): Row {
  return { request: { url: `/quote?symbol=${asked}` }, status: 200, body: { symbol, price, ...generated } }
}

function error(code: keyof typeof errorCodes) {
  return { detail: { error: code, message: errorCodes[code].message } }
}

function issue(place: string, field: string) {
  return { detail: { ...error('invalid_request').detail, issues: [{ in: place, field, message: String }] } }
}

interface OpenApi {
  readonly info: { readonly version: string; readonly description: string }
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation | undefined>>>>
}

interface Operation {
  readonly responses: Readonly<Record<number, { readonly content?: Readonly<Record<string, { schema: object }>> }>>
}

t.test('a connection whose answer was under way when the draining began is let go after it', async (t) => {
  const lifecycle = createLifecycle()
  const app = await openApp(t, { lifecycle })
  const address = new URL(await app.listen({ port: 0, host: '127.0.0.1' }))
  const socket = connect(Number(address.port), address.hostname)
  t.teardown(() => socket.destroy())
  socket.once('data', () => lifecycle.beginDraining())
  const answer = buffer(socket)
  socket.write('GET /docs/static/swagger-ui-bundle.js HTTP/1.1\r\nHost: x\r\n\r\n')
  const text = (await answer).toString('latin1')
  const [head = ''] = text.split('\r\n\r\n', 1)
  t.match(head, /^HTTP\/1\.1 200 OK\r\n.*connection: keep-alive/is)
  t.equal(text.length - head.length - 4, Number(/content-length: (\d+)/i.exec(head)?.[1]), 'and it is whole')
})
