import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { Agent, request } from 'node:http'
import { connect } from 'node:net'
import { createInterface } from 'node:readline'
import { json, text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { calm } from './testing.ts'

const program = fileURLToPath(new URL('server.ts', import.meta.url))
// So that a slow machine does not cut what ends by itself.
const patient = { PREDICTOR_CLOSE_TIMEOUT_MS: '60000' }

t.test('SIGTERM withdraws readiness, goes on serving, then drains and ends with 0', async (t) => {
  const server = await start(t, { PREDICTOR_DRAIN_MS: '3000', ...patient })
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  t.teardown(() => agent.destroy())
  const before = await server.get('/readyz', agent)
  t.match(before, { status: 200, connection: 'keep-alive' })

  server.signal('SIGTERM')
  await until(async () => (await server.get('/readyz')).status === 503)
  t.match(await server.get('/livez'), { status: 200 }, 'it lives while it drains')
  const after = await server.get('/quote?symbol=BTC', agent)
  t.match(after, { status: 200, connection: 'close' }, 'the kept-alive connection is served and let go')
  t.equal(after.localPort, before.localPort, 'it was the same connection')
  t.match(await server.get('/quote?symbol=BTC'), { status: 200 }, 'new connections are taken while it drains')

  t.same(await server.ended, { code: 0, signal: null })
  await t.rejects(server.get('/livez'), { code: 'ECONNREFUSED' })
  t.match(server.messages(), [/^Server listening/, 'draining', 'closed'])
})

t.test('a request under way is answered before the process ends', async (t) => {
  const server = await start(t, { PREDICTOR_DRAIN_MS: '0', ...patient })
  const upload = await halfRequest(server.port)
  server.signal('SIGTERM')
  await until(() =>
    server.get('/livez').then(
      () => false,
      () => true,
    ),
  )
  const answer = await upload.finish()
  t.match(answer, /^HTTP\/1\.1 200 OK\r\n/)
  t.match(answer, /\r\nConnection: close\r\n/i)
  t.same(await server.ended, { code: 0, signal: null })
})

t.test('a request that never ends is cut after the deadline', async (t) => {
  const server = await start(t, { PREDICTOR_DRAIN_MS: '0', PREDICTOR_CLOSE_TIMEOUT_MS: '300' })
  await halfRequest(server.port)
  server.signal('SIGTERM')
  t.same(await server.ended, { code: 1, signal: null })
  t.match(server.messages().at(-1), /timeout/)
})

t.test('Ctrl-C does not wait for anybody to look elsewhere', async (t) => {
  const server = await start(t, { PREDICTOR_DRAIN_MS: '600000', ...patient })
  server.signal('SIGINT')
  t.same(await server.ended, { code: 0, signal: null })
})

t.test('a configuration that is not valid ends the start with all problems', async (t) => {
  const child = spawn(process.execPath, [program], { env: { PORT: 'http', PREDICTOR_SED: '1' }, stdio: 'pipe' })
  const [stderr, stdout, [code]] = await Promise.all([text(child.stderr), text(child.stdout), once(child, 'exit')])
  t.equal(code, 1)
  t.equal(stdout, '')
  t.match(stderr, /PREDICTOR_SED is not known/)
  t.match(stderr, /PORT is "http", but must be a whole number/)
})

t.test('a port that is taken ends the start', async (t) => {
  const first = await start(t, {})
  const child = spawn(process.execPath, [program], {
    env: { PORT: String(first.port), HOST: '127.0.0.1' },
    stdio: 'pipe',
  })
  const [stdout, [code]] = await Promise.all([text(child.stdout), once(child, 'exit')])
  t.equal(code, 1)
  t.match(stdout, /"level":"fatal".*EADDRINUSE/)
})

interface Answer {
  readonly status: number | undefined
  readonly connection: string | undefined
  readonly localPort: number | undefined
  readonly body: unknown
}

async function start(t: { teardown: (clear: () => Promise<void>) => void }, env: Record<string, string>) {
  const child = spawn(process.execPath, [program], {
    env: { PORT: '0', HOST: '127.0.0.1', ...calm, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = once(child, 'exit').then(([code, signal]: unknown[]) => ({ code, signal }))
  t.teardown(async () => {
    child.kill('SIGKILL')
    await ended
  })
  const lines: { readonly msg: string }[] = []
  const reader = createInterface(child.stdout)
  reader.on('line', (line) => lines.push(JSON.parse(line)))
  await Promise.race([once(reader, 'line'), ended.then(() => Promise.reject(new Error('it ended before it listened')))])
  const port = Number(/:(\d+)$/.exec(lines[0]?.msg ?? '')?.[1])

  return {
    port,
    ended,
    messages: () => lines.map(({ msg }) => msg),
    signal: (signal: NodeJS.Signals) => child.kill(signal),
    get: (path: string, agent: Agent | false = false) => get(port, path, agent),
  }
}

function get(port: number, path: string, agent: Agent | false): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const call = request({ host: '127.0.0.1', port, path, agent, headers: agent ? {} : { connection: 'keep-alive' } })
    let localPort: number | undefined
    call.once('socket', (socket) => {
      if (socket.localPort) localPort = socket.localPort
      else socket.once('connect', () => (localPort = socket.localPort))
    })
    call.once('response', (response) => {
      const { statusCode: status, headers } = response
      json(response).then((body) => resolve({ status, connection: headers.connection, localPort, body }), reject)
      if (!agent) response.once('end', () => call.socket?.destroy())
    })
    call.once('error', reject)
    call.end()
  })
}

/** A request whose last byte is held back. */
async function halfRequest(port: number) {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => undefined)
  const answer = text(socket)
  answer.catch(() => undefined)
  const head =
    'POST /predict?symbol=BTC HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{'
  await new Promise((resolve) => socket.write(head, resolve))
  // The server has read the head once it answers a later connection.
  await get(port, '/livez', false)
  return {
    finish: () => {
      socket.write('}')
      return answer
    },
  }
}

async function until(look: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 10_000
  while (!(await look())) {
    if (performance.now() > deadline) throw new Error('it did not happen within 10 s')
    await sleep(20)
  }
}
