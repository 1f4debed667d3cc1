import { writeFile } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { Agent, Client, request } from 'undici'
import { openAuthority } from '../certificates.ts'
import { freePort } from '../free-port.ts'
import { waitFor } from '../wait.ts'
import { certificateFiles } from './certificate-files.ts'
import { haproxyConfig } from './haproxy-config.ts'
import { routingTable } from './routing.ts'
import { everythingTo, get, proxyFor, startBackend } from './testing-proxy.ts'
import { ingress, ourClass, rule, service, to } from './testing.ts'

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
    async () => proxy.failedRequests.find((line) => line.includes('POST /dies')),
    () => proxy.failedRequests.join('\n'),
    { timeoutMs: 5_000 },
  )
  t.notMatch(proxy.failedRequests.join('\n'), /lives/)
})

t.test('TLS is served with the certificate of the host that is asked for', async (t) => {
  const { port } = await startBackend(t, (request, response) => void response.end(JSON.stringify(request.headers)))
  const proxy = await proxyFor(t)
  const directory = t.testdir()
  const authority = await openAuthority(directory, 'ca', 'test')
  const hosts = { one: 'a.test', wild: '*.b.test' }
  const secrets = await Promise.all(
    Object.entries(hosts).map(async ([name, host]) => {
      const { certPem, keyPem } = await authority.issue({ commonName: host, dnsNames: [host] })
      const data = { 'tls.crt': base64(certPem), 'tls.key': base64(keyPem) }
      return { metadata: { namespace: 'shop', name }, data }
    }),
  )
  const requests = Object.entries(hosts).map(([name, host]) => ({ secret: { namespace: 'shop', name }, hosts: [host] }))
  const { files, list = '' } = certificateFiles(requests, secrets, directory)
  for (const [path, content] of files) await writeFile(path, content)
  const tls = { port: await freePort(), certificateList: list }
  await proxy.haproxy.apply(haproxyConfig(everythingTo(port), { ...proxy.settings, tls }), new AbortController().signal)

  for (const host of ['a.test', 'x.b.test']) {
    const dispatcher = new Agent({ connect: { ca: authority.certPem, servername: host } })
    t.teardown(() => dispatcher.close())
    const answer = await request(`https://127.0.0.1:${tls.port}`, { dispatcher, headers: { host }, reset: true })
    t.match(await answer.body.json(), { host, 'x-forwarded-proto': 'https' }, `trusted as ${host}`)
  }
})

function base64(text: string): string {
  return Buffer.from(text).toString('base64')
}
