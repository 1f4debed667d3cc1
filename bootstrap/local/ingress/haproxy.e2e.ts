import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import http from 'node:http'
import type { IncomingMessage, RequestListener, Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Test } from 'tap'
import t from 'tap'
import { Agent, Client, request } from 'undici'
import { waitFor } from '../wait.ts'
import type { HaproxySettings } from './haproxy-config.ts'
import { haproxyConfig } from './haproxy-config.ts'
import { Haproxy } from './haproxy.ts'
import type { PathRoute, RoutingTable, Target } from './routing.ts'
import { routingTable } from './routing.ts'
import { ingress, ourClass, rule, service, to } from './testing.ts'

const signal = new AbortController().signal

interface Backend {
  readonly port: number
  readonly server: Server
}

async function startBackend(t: Test, listener: RequestListener, port = 0): Promise<Backend> {
  const server = http.createServer(listener).listen(port, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return { server, port: (server.address() as AddressInfo).port }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

interface Proxy {
  readonly haproxy: Haproxy
  readonly settings: HaproxySettings
  readonly url: string
  readonly exits: readonly Error[]
  readonly lines: readonly string[]
  serve(table: RoutingTable): ReturnType<Haproxy['apply']>
}

async function proxyFor(t: Test): Promise<Proxy> {
  const settings = { address: '127.0.0.1', httpPort: await freePort(), adminPort: await freePort() }
  const exits: Error[] = []
  const lines: string[] = []
  const haproxy = new Haproxy({
    binary: '/usr/sbin/haproxy',
    directory: t.testdir(),
    adminUrl: `http://127.0.0.1:${settings.adminPort}`,
    onLine: (line) => lines.push(line),
    onExit: (error) => exits.push(error),
  })
  t.teardown(() => haproxy.stop())
  return {
    haproxy,
    settings,
    url: `http://127.0.0.1:${settings.httpPort}`,
    exits,
    lines,
    serve: (table) => haproxy.apply(haproxyConfig(table, settings), signal),
  }
}

function loopback(port: number, name = 'a'): Target {
  return { kind: 'service', service: { namespace: 'shop', name }, address: '127.0.0.1', port }
}

function everythingTo(port: number, ...extra: readonly PathRoute[]): RoutingTable {
  const all = { match: 'prefix', path: '', target: loopback(port) } as const
  return { hosts: [{ host: '', routes: [...extra, all] }], certificates: [], served: [], problems: [] }
}

/** A table that differs from others by a rule that no request of the tests meets. */
function variant(port: number, index: number): RoutingTable {
  return everythingTo(port, { match: 'exact', path: `/variant-${index}`, target: { kind: 'unavailable' } })
}

/** What is answered with 200, or else the status. The path is sent as it is, which fetch would normalise. */
async function get(url: string, host: string, path: string): Promise<string> {
  const client = new Client(url)
  try {
    const { statusCode, body } = await client.request({ path, method: 'GET', headers: { host } })
    const text = await body.text()
    return statusCode === 200 ? text : String(statusCode)
  } finally {
    await client.close()
  }
}

t.test('requests go where the Ingress specification says', async (t) => {
  const names = ['exact', 'short', 'long', 'root', 'wild', 'any', 'odd', 'default']
  const backends = new Map(
    await Promise.all(
      names.map(async (name) => [name, await startBackend(t, (_, response) => void response.end(name))] as const),
    ),
  )
  const proxy = await proxyFor(t)
  const table = routingTable({
    ingressClasses: [ourClass],
    services: [...backends].map(([name, { port }]) => service(name, '127.0.0.1', { ports: [{ port, name: 'http' }] })),
    ingresses: [
      ingress({
        rules: [
          rule(
            'www.a.test',
            ['Exact', '/foo', to('exact', 'http')],
            ['Prefix', '/foo', to('short', 'http')],
            ['Prefix', '/foo/bar/', to('long', 'http')],
            ['Exact', "/it's $odd#{é}\n", to('odd', 'http')],
            ['Exact', '/gone', to('missing', 'http')],
          ),
          rule('b.test', ['Prefix', '/', to('root', 'http')]),
          rule('*.a.test', ['Prefix', '/', to('wild', 'http')]),
          rule(undefined, ['Prefix', '/any', to('any', 'http')]),
        ],
      }),
      ingress({
        name: 'with-default',
        rules: [rule('d.test', ['Exact', '/x', to('exact', 'http')])],
        defaultBackend: to('default', 'http'),
      }),
    ],
  })
  t.equal(await proxy.serve({ ...table, hosts: table.hosts }), 'started')

  const cases: Record<string, [host: string, path: string, answer: string]> = {
    'an exact path': ['www.a.test', '/foo', 'exact'],
    'an exact path with a query': ['www.a.test', '/foo?x=/foo/bar', 'exact'],
    'an exact path is not one with a slash at its end': ['www.a.test', '/foo/', 'short'],
    'a prefix by path element': ['www.a.test', '/foo/baz', 'short'],
    'the longest prefix': ['www.a.test', '/foo/bar/baz', 'long'],
    'a prefix without the slash at its end': ['www.a.test', '/foo/bar', 'long'],
    'a prefix is not part of an element': ['www.a.test', '/foobar', 'default'],
    'paths are case-sensitive': ['www.a.test', '/FOO', 'default'],
    'a host is not case-sensitive': ['WWW.A.Test', '/foo', 'exact'],
    'a host with a port': ['www.a.test:80', '/foo', 'exact'],
    'a host with a dot at its end': ['www.a.test.', '/foo', 'exact'],
    'a path of odd characters': ['www.a.test', "/it's%20$odd%23%7B%C3%A9%7D%0A", 'odd'],
    'a Service that does not exist': ['www.a.test', '/gone', '503'],
    'the root as prefix': ['b.test', '/whatever?x', 'root'],
    'a wildcard stands for one label': ['other.a.test', '/', 'wild'],
    'a wildcard does not stand for two': ['x.y.a.test', '/', 'default'],
    'a wildcard does not stand for none': ['a.test', '/', 'default'],
    'a rule without a host': ['unknown.test', '/any/thing', 'any'],
    'an unknown host': ['unknown.test', '/', 'default'],
    'an unknown path of a host with a default backend': ['d.test', '/y', 'default'],
  }
  for (const [sentence, [host, path, answer]] of Object.entries(cases)) {
    t.equal(await get(proxy.url, host, path), answer, sentence)
  }
})

t.test('without any Ingress every request is answered with 404', async (t) => {
  const proxy = await proxyFor(t)
  await proxy.serve({ hosts: [], certificates: [], served: [], problems: [] })

  t.equal(await get(proxy.url, 'a.test', '/'), '404')
})

t.test('a backend learns who asked from the proxy, not from the client', async (t) => {
  const { port } = await startBackend(t, (request, response) => void response.end(JSON.stringify(request.headers)))
  const proxy = await proxyFor(t)
  await proxy.serve(everythingTo(port))

  const claims = {
    forwarded: 'for=6.6.6.6',
    'x-forwarded-for': '6.6.6.6',
    'x-real-ip': '6.6.6.6',
    'x-forwarded-proto': 'https',
  }
  const { body } = await request(proxy.url, { headers: { host: 'a.test', ...claims }, reset: true })
  const seen = (await body.json()) as IncomingMessage['headers']

  t.match(seen, {
    host: 'a.test',
    'x-forwarded-for': '127.0.0.1',
    'x-forwarded-proto': 'http',
    'x-forwarded-host': 'a.test',
  })
  t.notHas(seen, { forwarded: String })
  t.notHas(seen, { 'x-real-ip': String })
})

t.test('fifty reloads under load fail no request, neither on kept connections nor on new ones', async (t) => {
  const { port } = await startBackend(t, (_, response) => void response.end('ok'))
  const proxy = await proxyFor(t)
  await proxy.serve(variant(port, 0))
  const socketBefore = await listeningSocket(proxy.settings.httpPort)

  const over = new AbortController()
  const answers = { kept: 0, fresh: 0 }
  const failures: unknown[] = []
  const kept = new Agent({ connections: 8, pipelining: 1 })
  t.teardown(() => kept.close())
  const load = async (kind: 'kept' | 'fresh', method: 'GET' | 'POST'): Promise<void> => {
    while (!over.signal.aborted) {
      try {
        const options = kind === 'kept' ? { dispatcher: kept } : { reset: true }
        const { statusCode, body } = await request(proxy.url, { method, ...options })
        const text = await body.text()
        if (statusCode !== 200 || text !== 'ok') failures.push(`${method} ${kind} ${statusCode} ${text}`)
        answers[kind] += 1
      } catch (error) {
        failures.push(error)
      }
    }
  }
  const running = (['GET', 'POST', 'GET', 'POST'] as const).flatMap((method) => [
    load('kept', method),
    load('fresh', method),
  ])
  for (let index = 1; index <= 50; index += 1) t.equal(await proxy.serve(variant(port, index)), 'reloaded')
  over.abort()
  await Promise.all(running)

  t.same(failures, [])
  t.ok(answers.kept > 500, `${answers.kept} requests on kept connections`)
  t.ok(answers.fresh > 500, `${answers.fresh} requests on new connections`)
  t.equal(await listeningSocket(proxy.settings.httpPort), socketBefore, 'the listening socket was handed on')
  t.same(proxy.exits, [])
})

t.test('a request under way and an idle connection survive a reload', async (t) => {
  const { port } = await startBackend(t, (request, response) => {
    if (request.url === '/slow') setTimeout(() => response.end('slow'), 1_000)
    else response.end('quick')
  })
  const proxy = await proxyFor(t)
  await proxy.serve(variant(port, 0))
  const client = new Client(proxy.url)
  t.teardown(() => client.close())
  t.equal(await (await client.request({ path: '/', method: 'GET' })).body.text(), 'quick')

  const slow = request(`${proxy.url}/slow`, { reset: true })
  await sleep(100)
  await proxy.serve(variant(port, 1))

  t.equal(await (await client.request({ path: '/', method: 'POST' })).body.text(), 'quick', 'on the idle connection')
  t.equal(await (await slow).body.text(), 'slow')
})

t.test('the same configuration again is no reload', async (t) => {
  const { port } = await startBackend(t, (_, response) => void response.end('ok'))
  const proxy = await proxyFor(t)

  t.equal(await proxy.serve(everythingTo(port)), 'started')
  const worker = await metric(proxy, 'haproxy_process_start_time_seconds')
  t.equal(await proxy.serve(everythingTo(port)), 'unchanged')
  t.equal(await metric(proxy, 'haproxy_process_start_time_seconds'), worker)
})

t.test('a configuration that HAProxy refuses leaves the last one in place', async (t) => {
  const { port } = await startBackend(t, (_, response) => void response.end('ok'))
  const proxy = await proxyFor(t)
  await proxy.serve(everythingTo(port))

  const nonsense = { text: 'frontend x\n  bind nonsense nonsense\n', revision: 'x' }
  await t.rejects(proxy.haproxy.apply(nonsense, signal), { message: /missing port specification in 'nonsense'/ })

  t.equal(await get(proxy.url, 'a.test', '/'), 'ok')
  t.equal(await proxy.serve(variant(port, 1)), 'reloaded')
})

t.test('each request to a backend has a connection of its own', async (t) => {
  const connections = new Set<unknown>()
  const { port } = await startBackend(t, (request, response) => {
    connections.add(`${request.socket.remotePort}`)
    response.end('ok')
  })
  const proxy = await proxyFor(t)
  await proxy.serve(everythingTo(port))
  const client = new Client(proxy.url)
  t.teardown(() => client.close())

  for (let index = 0; index < 5; index += 1) {
    await (await client.request({ path: '/', method: 'GET' })).body.dump()
  }
  t.equal(connections.size, 5)
})

for (const method of ['GET', 'POST'] as const) {
  t.test(`a ${method} that finds the backend's port closed for a moment is answered when it opens`, async (t) => {
    const proxy = await proxyFor(t)
    const port = await freePort()
    await proxy.serve(everythingTo(port))

    const answer = request(proxy.url, { method, reset: true })
    await sleep(600)
    await startBackend(t, (_, response) => void response.end('ok'), port)

    t.equal(await (await answer).body.text(), 'ok')
  })
}

t.test('a request that was sent and not answered is sent again only if its method is idempotent', async (t) => {
  const seen: Record<string, number> = {}
  const { port } = await startBackend(t, (request, response) => {
    const method = request.method ?? ''
    seen[method] = (seen[method] ?? 0) + 1
    if (seen[method] === 1) request.socket.destroy()
    else response.end('ok')
  })
  const proxy = await proxyFor(t)
  await proxy.serve(everythingTo(port))

  for (const method of ['GET', 'PUT', 'DELETE'] as const) {
    t.equal((await request(proxy.url, { method, reset: true })).statusCode, 200)
    t.equal(seen[method], 2)
  }
  for (const method of ['POST', 'PATCH'] as const) {
    t.equal((await request(proxy.url, { method, body: '{}', reset: true })).statusCode, 502)
    t.equal(seen[method], 1)
  }
})

t.test('an end of HAProxy that nobody asked for is told', async (t) => {
  const { port } = await startBackend(t, (_, response) => void response.end('ok'))
  const proxy = await proxyFor(t)
  await proxy.serve(everythingTo(port))
  await proxy.haproxy.stop()
  t.same(proxy.exits, [])

  const other = await proxyFor(t)
  await other.serve(everythingTo(port))
  const newWorker = /New worker \((\d+)\) forked/.exec(other.lines.join('\n'))?.[1]
  process.kill(Number(newWorker), 'SIGKILL')
  await waitFor(
    async () => other.exits[0],
    () => 'the end of HAProxy was to be told',
    { timeoutMs: 10_000 },
  )
  t.match(other.exits[0]?.message, /HAProxy ended by itself/)
})

t.test('a request that fails is in the log, and one that does not is not', async (t) => {
  const { port } = await startBackend(t, (request, response) => {
    if (request.url === '/dies') request.socket.destroy()
    else response.end('ok')
  })
  const proxy = await proxyFor(t)
  await proxy.serve(everythingTo(port))

  await request(`${proxy.url}/lives`, { reset: true })
  await request(`${proxy.url}/dies`, { method: 'POST', reset: true })
  await waitFor(
    async () => proxy.lines.find((line) => line.includes('POST /dies')),
    () => proxy.lines.join('\n'),
    { timeoutMs: 5_000 },
  )
  t.notMatch(proxy.lines.join('\n'), /lives/)
})

async function metric(proxy: Proxy, name: string): Promise<string | undefined> {
  const { body } = await request(`http://127.0.0.1:${proxy.settings.adminPort}/metrics`, { reset: true })
  return (await body.text())
    .split('\n')
    .find((line) => line.startsWith(`${name} `))
    ?.split(' ')[1]
}

/** The inode of the socket that listens on a loopback port (proc_net(5)): the same only if it was handed on. */
async function listeningSocket(port: number): Promise<string | undefined> {
  const address = `0100007F:${port.toString(16).toUpperCase().padStart(4, '0')}`
  const lines = (await readFile('/proc/net/tcp', 'utf8')).split('\n').map((line) => line.trim().split(/\s+/))
  return lines.find((fields) => fields[1] === address && fields[3] === '0A')?.[9]
}
