import { once } from 'node:events'
import { connect, type AddressInfo, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import type { FastifyInstance } from 'fastify'
import type { AppOptions } from './app.ts'
import { errorCodes, type ErrorCode } from './errors.ts'
import { limits } from './limits.ts'
import { openApp } from './testing.ts'

t.test(
  'what is too large, malformed or odd is answered in the shape of an error, and the next is served',
  async (t) => {
    const server = await listen(t)
    const get = (url: string, ...headers: string[]) => head(`GET ${url} HTTP/1.1`, 'Host: x', ...headers)
    const post = (...headers: string[]) => head('POST /predict?symbol=BTC HTTP/1.1', 'Host: x', ...json, ...headers)
    const json = ['Content-Type: application/json']
    const chunked = 'Transfer-Encoding: chunked'
    const quote = '/quote?symbol=BTC'
    const long = (length: number) => `${quote}&x=`.padEnd(length, 'y')
    const kib = 1024

    const cases: Readonly<Record<string, readonly [request: string, answer: number | ErrorCode]>> = {
      'a URL of the longest length': [get(long(limits.url), close), 200],
      'a URL that is longer by one': [get(long(limits.url + 1), close), 'uri_too_long'],
      'a path that is too long and does not exist': [get(`/${'a'.repeat(limits.url)}`, close), 'uri_too_long'],
      'a head that is too large': [get(quote, `X: ${'a'.repeat(limits.head)}`), 'headers_too_large'],
      'a thousand headers': [get(quote, ...Array.from({ length: 1_000 }, (_, i) => `X-${i}: y`)), 'headers_too_large'],
      'a body of the largest size': [post(`Content-Length: ${16 * kib}`, close) + string(16 * kib), 200],
      'a body that says that it is larger': [post(`Content-Length: ${16 * kib + 1}`), 'payload_too_large'],
      'a body that turns out to be larger': [post(chunked) + chunk(string(16 * kib + 1)), 'payload_too_large'],
      'a body that is longer than it says': [post('Content-Length: 1', close) + '{}', 'bad_request'],
      'two lengths of a body': [post('Content-Length: 2', 'Content-Length: 3') + '{}', 'bad_request'],
      'a length that is none': [post('Content-Length: -2') + '{}', 'bad_request'],
      'a length beside chunks, as in request smuggling': [
        post('Content-Length: 2', chunked) + chunk('{}'),
        'bad_request',
      ],
      'an encoding that is not known': [post('Transfer-Encoding: chunked, x') + chunk('{}'), 'bad_request'],
      'a chunk whose size is no number': [post(chunked) + 'zz\r\n{}\r\n0\r\n\r\n', 'bad_request'],
      'a chunk with an endless extension': [post(chunked) + `2;${'x'.repeat(17 * kib)}`, 'payload_too_large'],
      'a header without a name': [get(quote, ': y'), 'bad_request'],
      'a header with a character of control': [get(quote, 'X: \u0000'), 'bad_request'],
      'a header that is folded': [get(quote, 'X: a\r\n b'), 'bad_request'],
      'no Host': [head(`GET ${quote} HTTP/1.1`, close), 'bad_request'],
      'no Host in HTTP/1.0': [head(`GET ${quote} HTTP/1.0`), 200],
      'a version that does not exist': [head(`GET ${quote} HTTP/9.9`, 'Host: x'), 'bad_request'],
      'the start of HTTP/2': ['PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'bad_request'],
      'the start of TLS': ['\u0016\u0003\u0001\u0002\u0000\u0001', 'bad_request'],
      'a tunnel': [head('CONNECT other.test:443 HTTP/1.1', 'Host: x'), 'method_not_allowed'],
      'a trace': [head('TRACE /quote HTTP/1.1', 'Host: x', close), 'method_not_allowed'],
      'all of the server': [head('OPTIONS * HTTP/1.1', 'Host: x', close), 'not_found'],
      'a URL with a host': [head(`GET http://other.test${quote} HTTP/1.1`, 'Host: x', close), 200],
      'another protocol': [get(quote, 'Upgrade: websocket', 'Connection: Upgrade, close'), 200],
      'an expectation that is not known': [get(quote, 'Expect: tea', close), 200],
      'a nesting that is too deep for a careless parser': [
        post(`Content-Length: ${16 * kib}`, close) + '['.repeat(16 * kib),
        'invalid_request',
      ],
    }
    for (const [name, [request, expected]] of Object.entries(cases)) {
      const answer = parse(await exchange(server.port, request))
      const status = typeof expected === 'number' ? expected : errorCodes[expected].status
      t.equal(answer.status, status, name)
      if (typeof expected !== 'number') t.match(answer.body, { detail: { error: expected } }, name)
    }
    t.equal(parse(await exchange(server.port, get(quote, close))).status, 200)
  },
)

t.test('a client that takes its time is answered with 408, and let go', { timeout: 60_000 }, async (t) => {
  const server = await listen(t)
  const slow = {
    'says nothing': drip(server.port, '', ''),
    'sends its headers byte by byte': drip(server.port, 'GET /health HTTP/1.1\r\nX: ', 'y'),
    'sends its body byte by byte': drip(
      server.port,
      head('POST /predict?symbol=BTC HTTP/1.1', 'Host: x', 'Content-Type: application/json', 'Content-Length: 1000'),
      '1',
    ),
    'begins a second request and leaves it': drip(server.port, `${head('GET /health HTTP/1.1', 'Host: x')}GET `, ''),
  }
  t.equal(parse(await exchange(server.port, head('GET /health HTTP/1.1', 'Host: x', close))).status, 200, 'meanwhile')
  for (const [name, answer] of Object.entries(slow)) {
    const text = await answer
    t.match(text, /(^|\})HTTP\/1\.1 408 Request Timeout\r\n/, name)
    t.match(text, /\{"detail":\{"error":"request_timeout",[^}]*\}\}$/, name)
  }
})

t.test('a client that is refused and does not hang up is let go all the same', { timeout: 60_000 }, async (t) => {
  const server = await listen(t)
  const stubborn = {
    'asks for a tunnel': hold(t, server.port, tunnel, ''),
    'asks for a tunnel and goes on': hold(t, server.port, tunnel, 'y'),
    'sends its headers byte by byte': hold(t, server.port, 'GET /health HTTP/1.1\r\nX: ', 'y'),
  }
  for (const [name, refused] of Object.entries(stubborn)) {
    t.match(await refused, /^HTTP\/1\.1 40[58] /, name)
  }
  await until(async () => (await count(server.app)) === 0)
  t.pass('none is left')
})

t.test('a client that asks for a tunnel and resets the connection ends nothing', async (t) => {
  const server = await listen(t)
  for (let count = 0; count < 20; count += 1) {
    const socket = connect(server.port, '127.0.0.1')
    await once(socket, 'connect')
    socket.write(tunnel)
    if (count % 2 === 1) await once(socket, 'data')
    socket.resetAndDestroy()
  }
  t.equal(parse(await exchange(server.port, head('GET /health HTTP/1.1', 'Host: x', close))).status, 200)
})

t.test('a client that does not take its answer is let go', async (t) => {
  const server = await listen(t)
  t.equal(server.app.server.timeout, limits.stalledMs)
  // Half a minute of a test is saved: the server is the same, and what it then does too.
  server.app.server.setTimeout(300)
  const socket = connect(server.port, '127.0.0.1').pause()
  t.teardown(() => socket.destroy())
  const [, peer] = await Promise.all([once(socket, 'connect'), once(server.app.server, 'connection')])
  socket.write(head(bundle, 'Host: x').repeat(20))
  await once((peer as [Socket])[0], 'close')
  t.pass('it is closed')
})

t.test('a kept connection is closed by the one in front first, so that no request is lost with it', async (t) => {
  // Of Traefik, the most patient one: idleConnTimeout of its forwardingTimeouts.
  const ingressMs = 90_000
  const server = await listen(t)
  const socket = connect(server.port, '127.0.0.1')
  t.teardown(() => socket.destroy())
  const [peer] = (await once(server.app.server, 'connection')) as [Socket]
  socket.write(head('GET /health HTTP/1.1', 'Host: x'))
  await once(socket, 'data')
  t.ok((peer.timeout ?? 0) > ingressMs, `it is kept for ${peer.timeout} ms`)
})

t.test('garbage behind a request does not end up in the answer to it', async (t) => {
  const server = await listen(t)
  const socket = connect(server.port, '127.0.0.1').pause()
  socket.on('error', () => undefined)
  const answered = once(server.app.server, 'request')
  socket.write(head(bundle, 'Host: x'))
  const [, response] = (await answered) as [unknown, { readonly headersSent: boolean }]
  while (!response.headersSent) await new Promise(setImmediate)
  socket.write('NONSENSE\r\n\r\n')
  await once(server.app.server, 'clientError')
  const answer = await text(socket).catch((error: Error) => error.message)
  t.notMatch(answer, /HTTP\/1\.1 400/)
})

t.test('beyond the limit of connections probes are answered and prices refused, once on each', async (t) => {
  const server = await listen(t, { connectionLimits: { served: 2, surplus: 2, surplusMs: 60_000 } })
  const kept = await Promise.all([keep(t, server.port), keep(t, server.port)])

  for (const url of ['/health', '/livez', '/readyz', '/metrics', '/version']) {
    const answer = await exchange(server.port, head(`GET ${url} HTTP/1.1`, 'Host: x').repeat(2))
    t.match(answer, /^HTTP\/1\.1 200 OK\r\n/, url)
    t.match(answer, /\r\nconnection: close\r\n/i, url)
    t.equal(answer.match(/HTTP\/1\.1 /g)?.length, 1, `${url} is answered once`)
  }
  for (const [url, status] of [
    ['/no-such-route', 404],
    ['/docs/%FF', 400],
    ['/%zz', 400],
  ] as const) {
    const answer = await exchange(server.port, head(`GET ${url} HTTP/1.1`, 'Host: x').repeat(2))
    t.equal(parse(answer).status, status, url)
    t.equal(answer.match(/HTTP\/1\.1 /g)?.length, 1, `${url} is answered once`)
  }
  for (const line of ['GET /quote?symbol=BTC HTTP/1.1', 'POST /predict?symbol=BTC HTTP/1.1']) {
    const answer = await exchange(server.port, head(line, 'Host: x'))
    t.match(answer, /\r\nconnection: close\r\n/i, line)
    t.match(answer, /\r\nretry-after: 1\r\n/i, line)
    t.match(parse(answer), { status: 503, body: { detail: { error: 'overloaded' } } }, line)
  }

  t.match(await ask(kept[0], '/quote?symbol=BTC'), /^HTTP\/1\.1 200 OK/, 'those that were there are served as before')
  kept[1].destroy()
  await until(async () => (await count(server.app)) === 1)
  t.match(
    await ask(await keep(t, server.port), '/quote?symbol=BTC'),
    /^HTTP\/1\.1 200 OK/,
    'a place that is free is taken',
  )
})

t.test(
  'beyond both limits of connections new ones are closed and counted, and those that are there are served',
  async (t) => {
    const server = await listen(t, { connectionLimits: { served: 1, surplus: 1, surplusMs: 60_000 } })
    const kept = await keep(t, server.port)
    const dropped = async () =>
      /^predictor_dropped_connections_total (\d+)$/m.exec((await server.app.inject('/metrics')).payload)?.[1]
    t.equal(await dropped(), '0')
    const silent = connect(server.port, '127.0.0.1')
    t.teardown(() => silent.destroy())
    await until(async () => (await count(server.app)) === 2)

    t.equal(await exchange(server.port, head('GET /health HTTP/1.1', 'Host: x', close)), '')

    t.equal(await dropped(), '1')
    t.match(await ask(kept, '/health'), /^HTTP\/1\.1 200 OK/)
  },
)

t.test('one beyond the limit is closed in time, whatever it does; those that are served stay', async (t) => {
  const server = await listen(t, { connectionLimits: { served: 1, surplus: 2, surplusMs: 300 } })
  const kept = await keep(t, server.port)
  let taken = 0
  server.app.server.on('connection', () => {
    taken += 1
  })
  const silent = connect(server.port, '127.0.0.1')
  const reluctant = connect(server.port, '127.0.0.1').pause()
  for (const socket of [silent, reluctant]) t.teardown(() => socket.destroy())
  reluctant.write(head(bundle, 'Host: x'))
  await until(async () => taken === 2)

  await until(async () => (await count(server.app)) === 1)
  t.match(await ask(kept, '/quote?symbol=BTC'), /^HTTP\/1\.1 200 OK/)
})

t.test('as it is shipped, it serves 2 000 connections and takes a thousand more', async (t) => {
  const { server } = await openApp(t)
  t.same(limits.connections, { served: 2_000, surplus: 1_000, surplusMs: 10_000 })
  t.equal(server.maxConnections, 3_000)
})

const close = 'Connection: close'
const tunnel = head('CONNECT other.test:443 HTTP/1.1', 'Host: x')
/** The largest answer. */
const bundle = 'GET /docs/static/swagger-ui-bundle.js HTTP/1.1'

async function listen(
  t: Test,
  overrides: Partial<AppOptions> = {},
): Promise<{ readonly app: FastifyInstance; readonly port: number }> {
  const app = await openApp(t, overrides)
  await app.listen({ port: 0, host: '127.0.0.1' })
  return { app, port: (app.server.address() as AddressInfo).port }
}

/** How many connections are open. */
function count({ server }: FastifyInstance): Promise<number> {
  return promisify((done: (error: Error | null, open: number) => void) => server.getConnections(done))()
}

async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await sleep(100)
}

/** A connection that was answered once, and stays open. */
async function keep(t: Test, port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  t.teardown(() => socket.destroy())
  await ask(socket, '/health')
  return socket
}

async function ask(socket: Socket, url: string): Promise<string> {
  socket.write(head(`GET ${url} HTTP/1.1`, 'Host: x'))
  return String((await once(socket, 'data'))[0])
}

function head(line: string, ...headers: readonly string[]): string {
  return [line, ...headers, '', ''].join('\r\n')
}

/** JSON of that many bytes. */
function string(bytes: number): string {
  return JSON.stringify('x'.repeat(bytes - 2))
}

function chunk(content: string): string {
  return `${content.length.toString(16)}\r\n${content}\r\n0\r\n\r\n`
}

/** All that is answered until the server closes the connection. */
async function exchange(port: number, request: string): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  socket.write(request, 'latin1')
  return readAll(socket)
}

/** Sends a start at once and then a byte now and then, until the server has had enough. */
async function drip(port: number, start: string, byte: string): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  socket.write(start)
  const timer = setInterval(() => socket.write(byte), 200)
  return readAll(socket).finally(() => clearInterval(timer))
}

/** Sends as {@link drip} does and answers what came until the server ended its side, of which it takes no notice. */
async function hold(t: Test, port: number, start: string, byte: string): Promise<string> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  socket.on('error', () => undefined)
  socket.write(start)
  const timer = setInterval(() => socket.write(byte), 200)
  t.teardown(() => {
    clearInterval(timer)
    socket.destroy()
  })
  return text(socket)
}

/** A server that has answered may reset a connection that goes on sending. */
async function readAll(socket: Socket): Promise<string> {
  let read = ''
  socket.setEncoding('latin1').on('data', (data: string) => (read += data))
  socket.on('error', () => undefined)
  await new Promise((resolve) => socket.once('close', resolve))
  return read
}

function parse(answer: string): { readonly status: number; readonly body: unknown } {
  const [first = '', body = ''] = answer.split('\r\n\r\n')
  const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(first)?.[1])
  return { status, body: /^Content-Type: application\/json/im.test(first) ? JSON.parse(body) : body }
}
