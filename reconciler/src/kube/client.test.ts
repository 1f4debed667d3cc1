import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { mock } from 'node:test'
import t from 'tap'
import { AppError } from '../core/errors.ts'
import { createKubeClient, type KubeRequest } from './client.ts'
import { loadKubeConfig } from './kubeconfig.ts'
import { answerJson, plainConfig, startFaultyServer } from './test-server.ts'
import { createTransport } from './transport.ts'

const nowhere = 'http://api.invalid'
const never = new AbortController().signal
const tenant = { namespace: 'predictor', serviceAccountName: 'deployer' }

function get(over: Partial<KubeRequest> = {}): KubeRequest {
  return {
    method: 'GET',
    path: '/api/v1/namespaces/a/configmaps/b',
    what: 'read ConfigMap a/b',
    signal: never,
    ...over,
  }
}

t.test('a request says who asks, as whom, what and in which form', async (t) => {
  const seen: IncomingMessage[] = []
  const { client } = await startFaultyServer(t, (request, response) => {
    seen.push(request)
    answerJson(response, 200, { kind: 'ConfigMap' })
  })
  t.same(await client.request(get({ query: { dryRun: 'All', force: true, absent: undefined }, tenant })), {
    kind: 'ConfigMap',
  })
  await client.request(get({ method: 'PATCH', body: {}, contentType: 'application/apply-patch+yaml' }))
  t.match(seen[0], {
    url: '/api/v1/namespaces/a/configmaps/b?dryRun=All&force=true',
    headers: {
      'user-agent': 'windlass-test',
      accept: 'application/json',
      'impersonate-user': 'system:serviceaccount:predictor:deployer',
    },
  })
  t.match(seen[1]?.headers, { 'content-type': 'application/apply-patch+yaml' })
  t.notOk(seen[1]?.headers['impersonate-user'], 'without a tenant nobody is impersonated')
})

t.test('what a server answers becomes one error, without a second try', async (t) => {
  const answers: Record<string, (response: ServerResponse) => void> = {
    throttled: (response) => answerJson(response, 429, { kind: 'Status', message: 'slow' }, { 'Retry-After': '7' }),
    'a page': (response) => response.writeHead(502).end(`<html>${'x'.repeat(5000)}`),
    cut: (response) => {
      response.writeHead(200, { 'Content-Length': '100' }).write('{"kind":')
      setImmediate(() => response.destroy())
    },
    'half a document': (response) => response.writeHead(200).end('{"kind":'),
    reset: (response) => response.socket?.resetAndDestroy(),
  }
  const expected: Record<string, object> = {
    throttled: { kind: 'retryable', reason: 'ApiUnavailable', retryAfterMs: 7000 },
    'a page': { kind: 'retryable', reason: 'ApiUnavailable', retryAfterMs: undefined },
    cut: { kind: 'retryable', reason: 'ApiUnavailable' },
    'half a document': { kind: 'retryable', reason: 'ApiUnavailable' },
    reset: { kind: 'retryable', reason: 'ApiUnavailable' },
  }
  for (const [name, answer] of Object.entries(answers)) {
    await t.test(name, async (t) => {
      let requests = 0
      const { client } = await startFaultyServer(t, (_, response) => {
        requests += 1
        answer(response)
      })
      const error = await client.request(get()).catch((error: unknown) => error)
      t.ok(error instanceof AppError)
      t.match(error, expected[name] ?? {})
      t.match((error as AppError).message, /^read ConfigMap a\/b: /)
      t.ok((error as AppError).message.length < 1200, 'the message is bounded')
      t.equal(requests, 1)
    })
  }
})

t.test('nobody listens: the error names the cause and not the credentials', async (t) => {
  const { url, server } = await startFaultyServer(t, () => {})
  server.close()
  await once(server, 'close')
  const config = plainConfig(url, { token: 'very-secret' })
  const transport = createTransport({ config, userAgent: 'x', monotonicMs: () => 0 })
  t.teardown(() => transport.close())
  const client = createKubeClient({ transport, requestTimeoutMs: 5_000 })
  const error = await client.request(get()).catch((error: unknown) => error)
  t.match(error, { kind: 'retryable', reason: 'ApiUnavailable', message: /ECONNREFUSED/ })
  t.notMatch(JSON.stringify(error), /very-secret/)
})

t.test('an answer that does not come, or stops in the middle, is given up at the deadline', async (t) => {
  for (const begin of [false, true]) {
    const { client, server } = await startFaultyServer(t, (_, response) => {
      if (begin) response.writeHead(200).write('{')
    })
    const closed = once(server, 'connection').then(([socket]) => once(socket, 'close'))
    await t.rejects(client.request(get({ timeoutMs: 100 })), {
      kind: 'retryable',
      reason: 'ApiUnavailable',
      message: 'read ConfigMap a/b: the API server did not answer within 100 ms',
    })
    await closed
    t.pass('the socket is not used again')
  }
})

t.test('an abort ends the request with the reason that the signal carries', async (t) => {
  const { client } = await startFaultyServer(t, () => {})
  const lost = new AppError({ kind: 'aborted', reason: 'LeaseLost', message: 'another replica leads' })
  t.equal(await client.request(get({ signal: AbortSignal.abort(lost) })).catch((error: unknown) => error), lost)
  const later = new AbortController()
  const request = client.request(get({ signal: later.signal }))
  setImmediate(() => later.abort(lost))
  t.equal(await request.catch((error: unknown) => error), lost)
  await t.rejects(client.request(get({ signal: AbortSignal.abort() })), {
    name: 'AppError',
    kind: 'aborted',
    reason: 'ShuttingDown',
  })
})

t.test('a connection is kept for what is asked in turn; sixteen serve what is asked at once', async (t) => {
  const held: ServerResponse[] = []
  let hold = false
  const { client, connections } = await startFaultyServer(t, (_, response) => {
    if (hold) held.push(response)
    else answerJson(response, 200, {})
  })
  for (let i = 0; i < 20; i += 1) await client.request(get())
  const kept = connections()
  // The pool may find its socket not quite free yet when the next request follows at once.
  t.ok(kept <= 2, `${kept} connections`)

  hold = true
  const requests = Array.from({ length: 40 }, () => client.request(get()))
  while (held.length < 16) await new Promise((resolve) => setImmediate(resolve))
  hold = false
  t.same(await client.request(get({ lane: 'lease' })), {}, 'the lease has sockets of its own')
  for (const response of held) answerJson(response, 200, {})
  await Promise.all(requests)
  t.equal(held.length, 16)
  t.equal(connections(), 17, 'of which one is the lease’s')
})

t.test('a mounted token is read anew when it has been rotated', async (t) => {
  const seen: Array<string | undefined> = []
  const { url } = await startFaultyServer(t, (request, response) => {
    seen.push(request.headers.authorization)
    answerJson(response, 200, {})
  })
  const dir = await mkdtemp(join(tmpdir(), 'windlass-token-'))
  t.teardown(() => rm(dir, { recursive: true }))
  const tokenFile = join(dir, 'token')
  await writeFile(tokenFile, 'first\n')
  let nowMs = Date.now()
  mock.timers.enable({ apis: ['Date'], now: nowMs })
  t.teardown(() => mock.timers.reset())
  const config = plainConfig(url, { authProvider: { name: 'tokenFile', config: { tokenFile } } })
  const transport = createTransport({ config, userAgent: 'x', monotonicMs: () => nowMs })
  t.teardown(() => transport.close())
  const client = createKubeClient({ transport, requestTimeoutMs: 5_000 })

  await client.request(get())
  await writeFile(tokenFile, 'second\n')
  await client.request(get())
  nowMs += 91_000
  mock.timers.setTime(nowMs)
  await client.request(get())
  t.same(seen, ['Bearer first', 'Bearer first', 'Bearer second'])
})

t.test('credentials that cannot be read are an error of the request, not of the process', async (t) => {
  const config = plainConfig(nowhere, { authProvider: { name: 'f', config: { tokenFile: '/nowhere' } } })
  const transport = createTransport({ config, userAgent: 'x', monotonicMs: () => 0 })
  const client = createKubeClient({ transport, requestTimeoutMs: 5_000 })
  await t.rejects(client.request(get()), { kind: 'retryable', reason: 'ApiUnavailable', message: /ENOENT/ })
})

t.test('a stream hands over what comes as it comes, and its end', async (t) => {
  const { client } = await startFaultyServer(t, (_, response) => {
    response.writeHead(200).write('one')
    setTimeout(() => response.end('two'), 20)
  })
  const chunks: string[] = []
  const answer = await client.stream(get())
  if (answer.ok) for await (const chunk of answer.body) chunks.push(Buffer.from(chunk).toString())
  t.same(chunks, ['one', 'two'])
})

t.test('a stream may be refused', async (t) => {
  const { client } = await startFaultyServer(t, (_, response) => {
    answerJson(response, 410, { kind: 'Status', reason: 'Expired', message: 'too old' })
  })
  t.match(await client.stream(get()), { ok: false, refusal: { code: 410, reason: 'Expired', message: 'too old' } })
})

t.test('a stream that never begins, breaks or is aborted is an error of ours', async (t) => {
  const { client } = await startFaultyServer(t, (request, response) => {
    if (request.url === '/broken' || request.url === '/open') response.writeHead(200).write('x')
    if (request.url === '/broken') setTimeout(() => response.destroy(), 10)
  })
  const read = async (over: Partial<KubeRequest>) => {
    const answer = await client.stream(get(over))
    if (answer.ok) for await (const _ of answer.body) over.signal?.dispatchEvent(new Event('read'))
  }
  await t.rejects(read({ path: '/silent', timeoutMs: 50 }), { kind: 'retryable', message: /did not answer/ })
  await t.rejects(read({ path: '/broken' }), { kind: 'retryable', message: /could not be reached/ })
  const stop = new AbortController()
  stop.signal.addEventListener('read', () => stop.abort())
  await t.rejects(read({ path: '/open', signal: stop.signal }), { name: 'AppError', kind: 'aborted' })
})

t.test('a reader that stops early closes the connection', async (t) => {
  const { client, server } = await startFaultyServer(t, (_, response) => void response.writeHead(200).write('x'))
  const closed = once(server, 'connection').then(([socket]) => once(socket, 'close'))
  const answer = await client.stream(get())
  if (answer.ok) for await (const _ of answer.body) break
  await closed
  t.pass('closed')
})

t.test('a kubeconfig that leads nowhere is told at once', async (t) => {
  t.throws(() => loadKubeConfig({}), { message: /does not run in a pod/ })
  const dir = await mkdtemp(join(tmpdir(), 'windlass-kubeconfig-'))
  t.teardown(() => rm(dir, { recursive: true }))
  const file = join(dir, 'config')
  await writeFile(file, plainConfig(nowhere).exportConfig())
  t.equal(loadKubeConfig({ file }).getCurrentCluster()?.server, nowhere)
  t.throws(() => loadKubeConfig({ file, context: 'other' }), { message: /has no context other/ })
  const proxied = plainConfig(nowhere.replace('http', 'https'))
  proxied.clusters = proxied.clusters.map((cluster) => ({ ...cluster, proxyUrl: 'http://127.0.0.1:2' }))
  const transport = createTransport({ config: proxied, userAgent: 'x', monotonicMs: () => 0 })
  const client = createKubeClient({ transport, requestTimeoutMs: 5_000 })
  await t.rejects(client.request(get()), { message: /through a proxy/ })
})
