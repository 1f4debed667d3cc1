import t from 'tap'
import { startTestRegistry, testIds } from '../testing.ts'
import type { TestRegistry } from '../testing.ts'
import { ask, basic, bearer, post } from '../testing-http.ts'

const service = 'registry.windlass.test'

t.test('tokens over HTTP', async (t) => {
  let skewMs = 0
  const registry = await startTestRegistry(t, {}, { nowMs: () => Date.now() + skewMs })
  const path = '/acr/v1/team%2Fapp/_tags'
  const scope = 'repository:team/app:metadata_read'

  t.test(
    'a projected token leads to one of Entra ID, to a refresh token, to an access token, to the answer',
    async (t) => {
      const access = await accessToken(registry, scope)
      const { status, json } = await ask(registry, 'GET', path, bearer(access))
      t.equal(status, 404, 'there is no such repository, but it may be asked for')
      t.match(json, { errors: [{ code: 'NAME_UNKNOWN' }] })
      t.match(registry.requests.query({ path: '_tags$' }), [
        { user: 'reconciler', repository: 'team/app', status: 404 },
      ])
    },
  )

  t.test('a token for something else is not enough', async (t) => {
    const access = await accessToken(registry, 'repository:team/app:pull')
    const { status, headers } = await ask(registry, 'GET', path, bearer(access))
    t.equal(status, 401)
    t.match(headers['www-authenticate'], /scope="repository:team\/app:metadata_read",error="insufficient_scope"$/)
  })

  t.test('what the identity may not do is not in its token', async (t) => {
    const access = await accessToken(registry, 'repository:team/app:pull,push')
    const { status, headers } = await ask(registry, 'POST', '/v2/team/app/blobs/uploads/', bearer(access))
    t.equal(status, 401)
    t.match(headers['www-authenticate'], /error="insufficient_scope"$/)
    const elsewhere = await accessToken(registry, 'repository:secret:pull')
    t.equal((await ask(registry, 'GET', '/v2/secret/manifests/v1', bearer(elsewhere))).status, 401)
  })

  t.test('a token that has expired is not valid any more', async (t) => {
    const access = await accessToken(registry, scope)
    skewMs = 4_501_000
    t.teardown(() => (skewMs = 0))
    const { status, headers } = await ask(registry, 'GET', path, bearer(access))
    t.equal(status, 401)
    t.match(headers['www-authenticate'], /error="invalid_token"$/)
  })

  t.test('what is no token is not valid', async (t) => {
    for (const authorization of ['Bearer x.y.z', 'Basic !', 'Digest a', basic({ username: 'ci', password: 'wrong' })]) {
      const { status, headers } = await ask(registry, 'GET', '/v2/', { authorization })
      t.equal(status, 401, authorization)
      t.match(headers['www-authenticate'], /error="invalid_token"$/)
    }
  })

  t.test('a user gets a token by password, in a form or by Basic', async (t) => {
    const { username, password } = testIds.puller
    const form = { grant_type: 'password', service, scope: 'repository:any:pull', username, password }
    const posted = await post(registry, '/oauth2/token', form)
    const query = new URLSearchParams({ service, scope: 'repository:any:pull', account: username }).toString()
    const authorization = basic(testIds.puller)
    const got = await ask(registry, 'GET', `/oauth2/token?${query}`, { authorization })
    for (const { status, json } of [posted, got]) {
      t.equal(status, 200)
      const token = (json as { access_token: string }).access_token
      t.equal((await ask(registry, 'GET', '/v2/', bearer(token))).status, 200)
    }
    t.equal((await ask(registry, 'GET', '/v2/', { authorization })).status, 200, 'and needs none')
  })

  t.test('a refresh token serves as the password of the null user', async (t) => {
    const refresh = await refreshToken(registry)
    const authorization = basic({ username: '00000000-0000-0000-0000-000000000000', password: refresh })
    const query = new URLSearchParams({ service, scope }).toString()
    const { status } = await ask(registry, 'GET', `/oauth2/token?${query}`, { authorization })
    t.equal(status, 200)
  })

  const refused: Readonly<Record<string, readonly [string, Readonly<Record<string, string>>, number]>> = {
    'a wrong password': [
      '/oauth2/token',
      { grant_type: 'password', service, scope, username: 'ci', password: 'guess' },
      401,
    ],
    'no user': ['/oauth2/token', { grant_type: 'password', service, scope }, 401],
    'a refresh token of nobody': [
      '/oauth2/token',
      { grant_type: 'refresh_token', service, scope, refresh_token: 'x' },
      401,
    ],
    'an access token of nobody': ['/oauth2/exchange', { grant_type: 'access_token', service, access_token: 'x' }, 401],
    'another grant': ['/oauth2/token', { grant_type: 'client_credentials', service, scope }, 400],
    'another grant of the exchange': ['/oauth2/exchange', { grant_type: 'refresh_token', service }, 400],
  }
  for (const [name, [path, form, expected]] of Object.entries(refused)) {
    t.test(`${name} gets none`, async (t) => {
      const { status, json } = await post(registry, path, form)
      t.equal(status, expected)
      t.match(json, { errors: [{}] })
    })
  }

  t.test('none is given for another registry', async (t) => {
    const { username, password } = testIds.pusher
    const form = { grant_type: 'password', service: 'other.azurecr.io', scope, username, password }
    t.equal((await post(registry, '/oauth2/token', form)).status, 401)
  })
})

async function refreshToken(registry: TestRegistry): Promise<string> {
  const entra = await post(registry, `/${testIds.tenantId}/oauth2/v2.0/token`, {
    grant_type: 'client_credentials',
    client_id: testIds.clientId,
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    client_assertion: await registry.issuer.token(),
    scope: 'https://containerregistry.azure.net/.default',
  })
  const { access_token } = entra.json as { access_token: string }
  const exchanged = await post(registry, '/oauth2/exchange', { grant_type: 'access_token', service, access_token })
  return (exchanged.json as { refresh_token: string }).refresh_token
}

async function accessToken(registry: TestRegistry, scope: string): Promise<string> {
  const refresh_token = await refreshToken(registry)
  const { json } = await post(registry, '/oauth2/token', { grant_type: 'refresh_token', service, scope, refresh_token })
  return (json as { access_token: string }).access_token
}
