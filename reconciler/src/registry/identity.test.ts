import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { AppError } from '../core/errors.ts'
import { createWorkloadIdentityCredential, type WorkloadIdentity } from './identity.ts'
import {
  startTestAcr,
  tagList,
  tagProperties,
  token,
  type Answerer,
  type RecordedRequest,
  type TestAnswer,
} from './test-acr.ts'
import { failure } from './test-failure.ts'

const tenantId = '11111111-2222-4333-8444-555555555555'
const clientId = 'aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee'
const scope = 'https://containerregistry.azure.net/.default'

/** Answers as the authority of one tenant, and where the test says so, otherwise. */
async function start(t: Test, answer: Answerer = () => undefined, change: Partial<WorkloadIdentity> = {}) {
  const dir = await mkdtemp(join(tmpdir(), 'windlass-identity-'))
  t.teardown(() => rm(dir, { recursive: true, force: true }))
  const tokenFilePath = join(dir, 'token')
  await writeFile(tokenFilePath, 'assertion-secret-1\n')
  const authority = await startTestAcr(
    t,
    async (request) => (await answer(request)) ?? ordinary(request, authority.host),
  )
  const lifetime = new AbortController()
  const wire = { dispatcher: authority.dispatcher, timeoutMs: 2_000, lifetime: lifetime.signal }
  const identity = {
    clientId,
    tenantId,
    tokenFilePath,
    authorityHost: `https://${authority.host}`,
    disableInstanceDiscovery: true,
    ...change,
  }
  return {
    authority,
    tokenFilePath,
    identity,
    lifetime,
    create: () => createWorkloadIdentityCredential(identity, wire),
  }
}

function ordinary({ path }: RecordedRequest, host: string): TestAnswer | undefined {
  const origin = `https://${host}`
  if (path.startsWith(`/${tenantId}/v2.0/.well-known/openid-configuration`)) {
    return {
      body: {
        issuer: `${origin}/${tenantId}/v2.0`,
        authorization_endpoint: `${origin}/${tenantId}/oauth2/v2.0/authorize`,
        token_endpoint: `${origin}/${tenantId}/oauth2/v2.0/token`,
        jwks_uri: `${origin}/${tenantId}/discovery/v2.0/keys`,
      },
    }
  }
  if (!isTokenRequest({ path })) return undefined
  return { body: { token_type: 'Bearer', expires_in: 3_600, ext_expires_in: 3_600, access_token: token('entra') } }
}

function isTokenRequest({ path }: { readonly path: string }): boolean {
  return path.startsWith(`/${tenantId}/oauth2/v2.0/token`)
}

function refusing(answer: TestAnswer | Promise<TestAnswer>): Answerer {
  return (request) => (isTokenRequest(request) ? answer : undefined)
}

t.test('the service account token of the pod is given for one of Entra ID', async (t) => {
  const { authority, create } = await start(t)
  const given = await create().getToken(scope)
  t.match(given?.token, /^ey/)
  const asked = new URLSearchParams(authority.requests.find(isTokenRequest)?.body)
  t.equal(asked.get('client_assertion'), 'assertion-secret-1')
  t.equal(asked.get('client_assertion_type'), 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer')
  t.equal(asked.get('client_id'), clientId)
  t.match(asked.get('scope'), scope)
})

t.test('a token is asked for once while it is good', async (t) => {
  const { authority, create } = await start(t)
  const credential = create()
  await credential.getToken(scope)
  await credential.getToken(scope)
  t.equal(authority.requests.filter(isTokenRequest).length, 1)
})

t.test('a new credential reads the token file anew, as after a refusal', async (t) => {
  const { authority, create, tokenFilePath } = await start(t)
  await create().getToken(scope)
  await writeFile(tokenFilePath, 'assertion-secret-2')
  await create().getToken(scope)
  const assertions = authority.requests
    .filter(isTokenRequest)
    .map(({ body }) => new URLSearchParams(body).get('client_assertion'))
  t.strictSame(assertions, ['assertion-secret-1', 'assertion-secret-2'])
})

const failures: Record<string, [answer: TestAnswer, expected: object]> = {
  'a refused subject': [
    {
      status: 401,
      body: {
        error: 'invalid_client',
        error_description:
          'AADSTS700213: No matching federated identity record found for presented assertion assertion-secret-1',
      },
    },
    {
      kind: 'waiting',
      reason: 'RegistryUnauthorized',
      message: /refused \(AADSTS700213\); check the federated credential and its subject$/,
    },
  ],
  'a refusal by 400': [
    { status: 400, body: { error: 'invalid_request', error_description: 'AADSTS90002: Tenant not found.' } },
    { kind: 'waiting', reason: 'RegistryUnauthorized', message: /AADSTS90002/ },
  ],
  'a refusal without a number': [
    { status: 403, body: 'assertion-secret-1' },
    { kind: 'waiting', reason: 'RegistryUnauthorized', message: /refused \(status 403\)/ },
  ],
  'too many requests': [
    { status: 429, headers: { 'retry-after': '4' }, body: { error: 'throttled', error_description: 'x' } },
    { kind: 'retryable', reason: 'RegistryThrottled', retryAfterMs: 4_000 },
  ],
  'a failure of theirs': [
    { status: 503, body: 'x' },
    { kind: 'retryable', reason: 'RegistryUnavailable' },
  ],
  'an answer that is not JSON': [{ body: 'x-secret' }, { kind: 'retryable', reason: 'RegistryInvalidAnswer' }],
  'an answer without a token': [
    { body: { token_type: 'Bearer' } },
    { kind: 'retryable', reason: 'RegistryInvalidAnswer' },
  ],
  'a cut connection': [
    { body: 'x'.repeat(100), cutAfter: 10 },
    { kind: 'retryable', reason: 'RegistryUnavailable' },
  ],
  'an answer without end': [{ body: Buffer.alloc(1024 * 1024 + 1) }, { reason: 'RegistryInvalidAnswer' }],
}

for (const [name, [answer, expected]] of Object.entries(failures)) {
  t.test(`${name} leaves as one of our errors, after one try, and tells no secret`, async (t) => {
    const { authority, create } = await start(t, refusing(answer))
    const error = await failure(create().getToken(scope))
    t.match(error, expected)
    t.match(error.message, /^can't get a token for client a+-b+-4c+-8d+-e+ of tenant 1+-2+-/)
    t.notMatch(
      `${error.stack} ${JSON.stringify(error)} ${String((error.cause as Error | undefined)?.stack)}`,
      /-secret/,
    )
    t.equal(authority.requests.filter(isTokenRequest).length, 1)
  })
}

t.test('an authority that does not answer ends with the timeout, or when the process does', async (t) => {
  const silent = refusing(new Promise<TestAnswer>(() => {}))
  const { create } = await start(t, silent)
  t.match(await failure(create().getToken(scope)), { kind: 'retryable', reason: 'RegistryUnavailable' })

  const ending = await start(t, silent)
  const asking = failure(ending.create().getToken(scope))
  while (!ending.authority.requests.some(isTokenRequest)) await new Promise(setImmediate)
  const reason = new AppError({ kind: 'aborted', reason: 'ShuttingDown', message: 'the process ends' })
  ending.lifetime.abort(reason)
  t.equal(await asking, reason)
})

t.test('an authority that can not be reached is named', async (t) => {
  const { create } = await start(t, undefined, { authorityHost: 'https://localhost:1' })
  t.match(await failure(create().getToken(scope)), {
    reason: 'RegistryUnavailable',
    message: /localhost:1 .*ECONNREFUSED/,
  })
})

t.test('a token file that is missing or empty names itself', async (t) => {
  const { create, tokenFilePath } = await start(t)
  for (const spoil of [() => writeFile(tokenFilePath, '\n'), () => rm(tokenFilePath)]) {
    await spoil()
    const error = await failure(create().getToken(scope))
    t.match(error, { kind: 'waiting', reason: 'RegistryUnauthorized' })
    t.ok(error.message.includes(`no service account token in ${tokenFilePath}`), error.message)
  }
})

t.test('what Entra ID says reaches the caller of the registry as it is', async (t) => {
  const refused = { status: 401, body: { error: 'invalid_client', error_description: 'AADSTS700213: no match' } }
  const { identity } = await start(t, refusing(refused))
  const acr = await startTestAcr(t)
  const authority = await start(t, refusing(refused))
  const source = acr.source({
    credential: (wire) =>
      createWorkloadIdentityCredential(
        { ...identity, authorityHost: authority.identity.authorityHost },
        { ...wire, dispatcher: authority.authority.dispatcher },
      ),
  })
  const calls = [
    failure(source.scan({ repository: `${acr.host}/predictor`, matches: () => true }, new AbortController().signal)),
    failure(source.bundles(`${acr.host}/predictor`, `sha256:${'a'.repeat(64)}`, new AbortController().signal)),
  ]
  for (const call of calls) {
    t.match(await call, { kind: 'waiting', reason: 'RegistryUnauthorized', message: /AADSTS700213/ })
  }
})

t.test('the registry is asked with what Entra ID gave', async (t) => {
  const authority = await start(t)
  const acr = await startTestAcr(t, ({ path, authorization }) =>
    path.startsWith('/acr/') && authorization !== undefined ? tagList([tagProperties('r1', Date.now())]) : undefined,
  )
  const source = acr.source({
    credential: (wire) =>
      createWorkloadIdentityCredential(authority.identity, { ...wire, dispatcher: authority.authority.dispatcher }),
  })
  const scan = await source.scan(
    { repository: `${acr.host}/predictor`, matches: () => true },
    new AbortController().signal,
  )
  t.match(scan, { kind: 'changed', tags: [{ name: 'r1' }] })
  const exchange = new URLSearchParams(acr.requests.find(({ path }) => path.startsWith('/oauth2/exchange'))?.body)
  t.equal(exchange.get('grant_type'), 'access_token')
  t.match(exchange.get('access_token'), /^ey/)
})
