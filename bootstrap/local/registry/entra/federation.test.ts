import { decodeJwt } from 'jose'
import t from 'tap'
import { identitiesOf } from '../auth/identities.ts'
import { openKeys } from '../auth/keys.ts'
import { temporaryDir, testIds, testIssuer } from '../testing.ts'
import { clientToken } from './authority.ts'
import type { EntraError } from './entra-error.ts'
import { acrAudience, entraTokens } from './entra-tokens.ts'
import { openJwks } from './jwks-source.ts'

t.test('a client that is federated with a cluster', async (t) => {
  const issuer = await testIssuer()
  const stranger = await testIssuer()
  const { clientId, tenantId, subject, audience } = testIds
  const federated = { issuer: testIds.issuer, subject, audience }
  const jwks = new Map([
    [testIds.issuer, openJwks({ keys: [{ ...issuer.jwk }] }, Date.now)],
    ['https://unreachable', openJwks({ file: '/nowhere/jwks.json' }, Date.now)],
  ])
  const federation = {
    identities: identitiesOf([
      { name: 'reconciler', clientId, federated, permissions: [], catalog: false },
      {
        name: 'lost',
        clientId: 'bbbbbbbb-bbbb-4ccc-8ddd-eeeeeeeeeeee',
        federated: { ...federated, issuer: 'https://unreachable' },
        permissions: [],
        catalog: false,
      },
    ]),
    jwks,
    tenantId,
    nowMs: Date.now,
  }
  const tokens = entraTokens({
    key: (await openKeys(await temporaryDir(t))).entra,
    issuer: 'https://login.windlass.test/tenant/v2.0',
    tenantId,
    lifetimeSeconds: 3600,
    nowMs: Date.now,
  })
  const ask = (assertion: string, form: Readonly<Record<string, string>> = {}) =>
    clientToken(
      federation,
      tokens,
      new URLSearchParams({
        grant_type: 'client_credentials',
        client_id: clientId,
        client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
        client_assertion: assertion,
        scope: `${acrAudience}/.default`,
        ...form,
      }),
    )

  t.test('gets a token for ACR that names it', async (t) => {
    const { identity, body } = await ask(await issuer.token())
    t.equal(identity.name, 'reconciler')
    t.match(body, { token_type: 'Bearer', expires_in: 3600 })
    t.match(decodeJwt(String(body['access_token'])), { aud: acrAudience, appid: clientId, tid: tenantId })
    t.equal(await tokens.verify(String(body['access_token'])), clientId)
  })

  const hour = 3600
  const now = Math.floor(Date.now() / 1000)
  const refusals: Readonly<Record<string, readonly [() => Promise<unknown>, Partial<EntraError>]>> = {
    'the wrong issuer': [
      async () => ask(await issuer.token({ iss: 'https://elsewhere' })),
      { code: 700211, status: 401, error: 'invalid_client' },
    ],
    'the wrong audience': [
      async () => ask(await issuer.token({ aud: ['https://kubernetes.default.svc'] })),
      { code: 700212, status: 401, error: 'invalid_client' },
    ],
    'the wrong subject': [
      async () => ask(await issuer.token({ sub: 'system:serviceaccount:windlass-system:other' })),
      { code: 700213, status: 401, error: 'invalid_client' },
    ],
    'a subject that differs by case alone': [
      async () => ask(await issuer.token({ sub: subject.toUpperCase() })),
      { code: 700213 },
    ],
    'a token that has expired': [
      async () => ask(await issuer.token({ exp: now - 1, nbf: now - hour })),
      { code: 700024, status: 401, error: 'invalid_client' },
    ],
    'a token that is not valid yet': [async () => ask(await issuer.token({ nbf: now + hour })), { code: 700024 }],
    'the signature of another key': [
      async () => ask(await stranger.token()),
      { code: 700027, status: 401, error: 'invalid_client' },
    ],
    'a payload changed after signing': [
      async () => ask(withPayloadOf(await issuer.token(), await issuer.token({ exp: now + 2 * hour }))),
      { code: 700027 },
    ],
    'an unsigned token': [async () => ask(unsigned(await issuer.token())), { code: 50027, status: 400 }],
    'what is no JWT': [() => ask('not.a.jwt'), { code: 50027, status: 400, error: 'invalid_request' }],
    'a client that is not there': [
      async () => ask(await issuer.token(), { client_id: 'cccccccc-bbbb-4ccc-8ddd-eeeeeeeeeeee' }),
      { code: 700016, status: 400, error: 'unauthorized_client' },
    ],
    'no assertion': [() => ask(''), { code: 7000218, status: 401, error: 'invalid_client' }],
    'another kind of assertion': [
      async () => ask(await issuer.token(), { client_assertion_type: 'saml' }),
      { code: 7000218 },
    ],
    'another resource': [
      async () => ask(await issuer.token(), { scope: 'https://vault.azure.net/.default' }),
      { code: 500011, status: 400, error: 'invalid_resource' },
    ],
    'a scope without .default': [
      async () => ask(await issuer.token(), { scope: acrAudience }),
      { code: 1002012, status: 400, error: 'invalid_scope' },
    ],
    'another grant': [
      async () => ask(await issuer.token(), { grant_type: 'password' }),
      { code: 70003, status: 400, error: 'unsupported_grant_type' },
    ],
    'an issuer whose keys can not be read': [
      async () =>
        ask(await issuer.token({ iss: 'https://unreachable' }), { client_id: 'bbbbbbbb-bbbb-4ccc-8ddd-eeeeeeeeeeee' }),
      { code: 90061, status: 400 },
    ],
  }
  for (const [name, [attempt, expected]] of Object.entries(refusals)) {
    t.test(`is refused with ${name}`, async (t) => {
      await t.rejects(attempt(), { name: 'EntraError', ...expected })
    })
  }

  t.test('is told why as Entra ID words it', async (t) => {
    const error = await ask(await issuer.token({ sub: 'someone' })).catch((error: unknown) => error as EntraError)
    const body: unknown = JSON.parse((error as EntraError).body(new Date(0)))
    t.match(body, {
      error: 'invalid_client',
      error_codes: [700213],
      error_description:
        /^AADSTS700213: No matching federated identity record found for presented assertion subject 'someone'\./,
      timestamp: '1970-01-01 00:00:00Z',
    })
  })
})

t.test('an access token of Entra ID counts only while it is valid, for ACR and from this authority', async (t) => {
  const keys = await openKeys(await temporaryDir(t))
  let nowMs = Date.now()
  const options = {
    key: keys.entra,
    issuer: 'https://login.windlass.test/tenant/v2.0',
    tenantId: testIds.tenantId,
    lifetimeSeconds: 60,
    nowMs: () => nowMs,
  }
  const tokens = entraTokens(options)
  const token = await tokens.issue(testIds.clientId)
  t.equal(await tokens.verify(token), testIds.clientId)
  t.equal(await entraTokens({ ...options, issuer: 'https://other' }).verify(token), undefined, 'issuer')
  t.equal(await entraTokens({ ...options, key: keys.registry }).verify(token), undefined, 'signature')
  t.equal(await tokens.verify(unsigned(token)), undefined, 'no signature')
  nowMs += 61_000
  t.equal(await tokens.verify(token), undefined, 'expiry')
})

function unsigned(token: string): string {
  const header = Buffer.from(JSON.stringify({ alg: 'none' })).toString('base64url')
  return `${header}.${token.split('.')[1] ?? ''}.`
}

function withPayloadOf(token: string, other: string): string {
  const [header = '', , signature = ''] = token.split('.')
  return [header, other.split('.')[1] ?? '', signature].join('.')
}
