import t from 'tap'
import type { Dispatcher } from 'undici'
import { connectRegistryAdmin } from './control/admin-client.ts'
import type { FaultInput } from './control/faults.ts'
import { startTestRegistry, testIds } from './testing.ts'
import type { TestRegistry } from './testing.ts'
import { ask, basic } from './testing-http.ts'

const digest = `sha256:${'a'.repeat(64)}`
const service = 'registry.windlass.test'

t.test('a request without a token is told where to get one, and for what', async (t) => {
  const registry = await startTestRegistry(t)
  const cases: Readonly<Record<string, readonly [Dispatcher.HttpMethod, string | undefined]>> = {
    '/v2/': ['GET', undefined],
    '/v2/team/app/manifests/v1': ['GET', 'repository:team/app:pull'],
    '/v2/team/app/manifests/v2': ['PUT', 'repository:team/app:pull,push'],
    '/v2/team/app/blobs/uploads/': ['POST', 'repository:team/app:pull,push'],
    '/acr/v1/team%2Fapp/_tags?n=5': ['GET', 'repository:team/app:metadata_read'],
    '/acr/v1/team%2Fapp/_tags/v1': ['PATCH', 'repository:team/app:metadata_write'],
    [`/acr/v1/team%2Fapp/_manifests/${digest}`]: ['DELETE', 'repository:team/app:delete'],
    '/v2/_catalog': ['GET', 'registry:catalog:*'],
  }
  for (const [path, [method, scope]] of Object.entries(cases)) {
    const answer = await ask(registry, method, path)
    t.equal(answer.status, 401, path)
    t.equal(
      answer.headers['www-authenticate'],
      `Bearer realm="${registry.url}/oauth2/token",service="${service}"${scope ? `,scope="${scope}"` : ''}`,
    )
    t.match(answer.json, { errors: [{ code: 'UNAUTHORIZED' }] })
  }
  const { json } = await ask(registry, 'PUT', '/v2/team/app/manifests/v1')
  t.match(json, {
    errors: [
      {
        detail: [
          { Name: 'team/app', Action: 'pull' },
          { Name: 'team/app', Action: 'push' },
        ],
      },
    ],
  })
})

t.test('each host serves what is its own', async (t) => {
  const registry = await startTestRegistry(t)
  const discovery = `/${testIds.tenantId}/v2.0/.well-known/openid-configuration`
  const cases: readonly (readonly [string, string, number])[] = [
    ['registry.windlass.test', '/v2/', 401],
    ['registry.windlass.test', discovery, 404],
    ['login.windlass.test', discovery, 200],
    ['login.windlass.test', '/v2/', 404],
    ['login.windlass.test', '/another-tenant/v2.0/.well-known/openid-configuration', 400],
    ['blobs.windlass.test', '/v2/', 404],
    ['elsewhere.test', '/v2/', 404],
  ]
  for (const [host, path, expected] of cases) {
    t.equal((await ask(registry, 'GET', path, { host })).status, expected, `${host}${path}`)
  }
  const { json } = await ask(registry, 'GET', discovery, { host: 'login.windlass.test' })
  t.match(json, {
    issuer: `https://login.windlass.test/${testIds.tenantId}/v2.0`,
    token_endpoint: `https://login.windlass.test/${testIds.tenantId}/oauth2/v2.0/token`,
  })
  const { headers } = await ask(registry, 'GET', '/v2/', { host: 'registry.windlass.test' })
  t.match(headers['www-authenticate'], 'realm="https://registry.windlass.test/oauth2/token"')
})

t.test('a method that a path does not have is 405', async (t) => {
  const registry = await startTestRegistry(t)
  t.equal((await ask(registry, 'POST', '/v2/')).status, 405)
  t.equal((await ask(registry, 'PUT', '/acr/v1/app/_tags')).status, 405)
})

t.test('a distribution that can not be reached is 502', async (t) => {
  const registry = await startTestRegistry(t)
  const authorization = basic(testIds.pusher)
  t.equal((await ask(registry, 'GET', '/v2/app/manifests/v1', { authorization })).status, 502)
})

t.test('faults', async (t) => {
  const registry = await startTestRegistry(t)
  const path = '/v2/_catalog'
  const credentials = { authorization: basic(testIds.pusher) }
  const healthy = async () => (await ask(registry, 'GET', path, credentials)).status === 200
  const withFault = async (t: Parameters<typeof startTestRegistry>[0], fault: FaultInput) => {
    const id = registry.faults.add(fault)
    t.teardown(() => registry.faults.clear(id))
    return id
  }

  t.test('429 says when to come again', async (t) => {
    await withFault(t, { count: 1, effect: { kind: 'status', status: 429, retryAfterSeconds: 30 } })
    const { status, headers, json } = await ask(registry, 'GET', path, credentials)
    t.equal(status, 429)
    t.equal(headers['retry-after'], '30')
    t.match(json, { errors: [{ code: 'TOOMANYREQUESTS' }] })
    t.ok(await healthy())
  })

  t.test('401 has the challenge of a token that has just expired', async (t) => {
    await withFault(t, { count: 1, effect: { kind: 'status', status: 401 } })
    const { status, headers } = await ask(registry, 'GET', path, credentials)
    t.equal(status, 401)
    t.match(headers['www-authenticate'], /scope="registry:catalog:\*",error="invalid_token"$/)
  })

  t.test('503 may be for the blob host alone', async (t) => {
    await withFault(t, { match: { host: 'blobs' }, effect: { kind: 'status', status: 503 } })
    t.equal((await ask(registry, 'GET', '/x', { host: 'blobs.windlass.test' })).status, 503)
    t.ok(await healthy())
  })

  t.test('a body that breaks off is no whole answer', async (t) => {
    await withFault(t, { effect: { kind: 'truncate' } })
    await t.rejects(ask(registry, 'GET', path, credentials))
  })

  t.test('a malformed body is whole, and no JSON', async (t) => {
    await withFault(t, { effect: { kind: 'malformed' } })
    const { status, text } = await ask(registry, 'GET', path, credentials)
    t.equal(status, 200)
    t.throws(() => JSON.parse(text))
  })

  t.test('a reset ends the connection without an answer', async (t) => {
    await withFault(t, { effect: { kind: 'reset' } })
    await t.rejects(ask(registry, 'GET', path, credentials), { code: /ECONNRESET|UND_ERR_SOCKET/ })
    t.match(registry.requests.query({ after: registry.requests.last - 1 }), [{ status: 0, bytesSent: 0 }])
  })

  t.test('a slow answer comes', async (t) => {
    await withFault(t, { effect: { kind: 'delay', ms: 30 } })
    t.ok(await healthy())
    const [last] = registry.requests.query({ after: registry.requests.last - 1 })
    t.ok(Number(last?.durationMs) >= 29)
  })

  t.test('a stalled answer comes once the fault is cleared', async (t) => {
    for (const after of ['nothing', 'half'] as const) {
      const id = await withFault(t, { effect: { kind: 'stall', after } })
      const answer = ask(registry, 'GET', path, credentials)
      t.equal(await Promise.race([answer, met(registry, id)]), 'met')
      registry.faults.clear(id)
      t.equal((await answer).text, '{"repositories":[]}\n')
    }
  })

  t.test('a client that does not wait for a stalled answer is logged without a status', async (t) => {
    const id = await withFault(t, { effect: { kind: 'stall', after: 'nothing' } })
    const leaving = new AbortController()
    const answer = ask(registry, 'GET', path, credentials, leaving.signal)
    await met(registry, id)
    const before = registry.requests.last
    leaving.abort()
    await t.rejects(answer)
    t.match(registry.requests.query({ after: before - 1 }), [{ status: 0, fault: id }])
  })
})

t.test('the request log counts all bytes of an answer', async (t) => {
  const registry = await startTestRegistry(t)
  const { headers, text } = await ask(registry, 'GET', '/v2/')
  const head = Object.entries(headers).reduce((sum, [name, value]) => sum + name.length + String(value).length + 4, 0)
  const [logged] = registry.requests.query()
  t.match(logged, { method: 'GET', path: '/v2/', status: 401 })
  const expected = 'HTTP/1.1 401 Unauthorized\r\n\r\n'.length + head + Buffer.byteLength(text)
  t.equal(logged?.bytesSent, expected)
})

t.test('the admin API sets faults and reads the log from another process', async (t) => {
  const registry = await startTestRegistry(t, { admin: { port: 0 } })
  const admin = connectRegistryAdmin(registry.admin ?? { port: 0 })
  t.teardown(() => admin.close())
  t.ok(await admin.isReady())
  const id = await admin.addFault({ match: { path: '^/v2/$' }, effect: { kind: 'status', status: 500 } })
  t.equal((await ask(registry, 'GET', '/v2/')).status, 500)
  t.match(await admin.faults(), [{ id, met: 1, effect: { status: 500 } }])
  await admin.clearFault(id)
  t.equal((await ask(registry, 'GET', '/v2/')).status, 401)
  t.match(await admin.requests({ method: 'GET' }), [{ status: 500, fault: id }, { status: 401 }])
  t.same(await admin.requests({ after: await admin.lastRequest() }), [])
  await t.rejects(admin.addFault({ effect: { kind: 'status', status: 200 } }), { message: /answered 400: .*effect/ })
  await t.rejects(admin.addFault({ match: { path: '(' }, effect: { kind: 'reset' } }), { message: /answered 400/ })
  await t.rejects(admin.clearFault('none'), { message: /answered 404/ })
  await admin.clearFaults()
  t.same(await admin.faults(), [])
})

async function met(registry: TestRegistry, id: string): Promise<'met'> {
  await until(() => registry.faults.list().some((fault) => fault.id === id && fault.met > 0))
  return 'met'
}

async function until(condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 5_000
  while (!condition()) {
    if (performance.now() > deadline) throw new Error('gave up waiting')
    await new Promise((resolve) => {
      setImmediate(resolve)
    })
  }
}
