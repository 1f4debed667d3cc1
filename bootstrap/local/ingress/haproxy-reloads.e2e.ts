import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { Agent, Client, request } from 'undici'
import { waitFor } from '../wait.ts'
import type { Proxy } from './testing-proxy.ts'
import { everythingTo, get, proxyFor, startBackend, variant } from './testing-proxy.ts'

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
  await t.rejects(proxy.haproxy.apply(nonsense, new AbortController().signal), {
    message: /missing port specification in 'nonsense'/,
  })

  t.equal(await get(proxy.url, 'a.test', '/'), 'ok')
  t.equal(await proxy.serve(variant(port, 1)), 'reloaded')
})

t.test('an end of HAProxy that nobody asked for is told', async (t) => {
  const { port } = await startBackend(t, (_, response) => void response.end('ok'))
  const proxy = await proxyFor(t)
  await proxy.serve(everythingTo(port))
  await proxy.haproxy.stop()
  t.same(proxy.exits, [])

  const other = await proxyFor(t)
  await other.serve(everythingTo(port))
  // The worker serves before its master's notice of it has been read.
  const newWorker = await waitFor(
    async () => /New worker \((\d+)\) forked/.exec(other.notices.join('\n'))?.[1],
    () => `HAProxy was to name its worker; it said: ${other.notices.join(' | ')}`,
    { timeoutMs: 10_000 },
  )
  process.kill(Number(newWorker), 'SIGKILL')
  await waitFor(
    async () => other.exits[0],
    () => 'the end of HAProxy was to be told',
    { timeoutMs: 10_000 },
  )
  t.match(other.exits[0]?.message, /HAProxy ended by itself/)
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
