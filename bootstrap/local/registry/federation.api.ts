import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { CoreV1Api, KubeConfig } from '@kubernetes/client-node'
import { decodeProtectedHeader } from 'jose'
import t from 'tap'
import { serviceAccountIssuer } from '../control-plane.ts'
import { sharedApiServer } from '../testing.ts'
import { post } from './testing-http.ts'
import { startTestRegistry, temporaryDir, testIds } from './testing.ts'

t.test("a service account's token of a real API server", async (t) => {
  const server = await sharedApiServer(t)
  const kubeConfig = new KubeConfig()
  kubeConfig.loadFromFile(server.kubeconfig)
  const core = kubeConfig.makeApiClient(CoreV1Api)
  const namespace = server.namespaceName('federation')
  await core.createNamespace({ body: { metadata: { name: namespace } } })
  for (const name of ['reconciler', 'stranger']) {
    await core.createNamespacedServiceAccount({ namespace, body: { metadata: { name } } })
  }
  const tokenOf = async (name: string, audience: string): Promise<string> => {
    const spec = { audiences: [audience], expirationSeconds: 3600 }
    const { status } = await core.createNamespacedServiceAccountToken({ name, namespace, body: { spec } })
    return status?.token ?? ''
  }

  const dir = await temporaryDir(t)
  const files = { caFile: join(dir, 'ca.crt'), certFile: join(dir, 'client.crt'), keyFile: join(dir, 'client.key') }
  const user = kubeConfig.getCurrentUser()
  await writeFile(files.caFile, server.caPem)
  await writeFile(files.certFile, Buffer.from(user?.certData ?? '', 'base64'))
  await writeFile(files.keyFile, Buffer.from(user?.keyData ?? '', 'base64'))
  const registry = await startTestRegistry(t, {
    entra: {
      tenantId: testIds.tenantId,
      issuers: [{ issuer: serviceAccountIssuer, jwks: { url: `${server.url}/openid/v1/jwks`, ...files } }],
    },
    identities: [
      {
        name: 'reconciler',
        clientId: testIds.clientId,
        federated: {
          issuer: serviceAccountIssuer,
          subject: `system:serviceaccount:${namespace}:reconciler`,
          audience: testIds.audience,
        },
        permissions: [],
      },
    ],
  })
  const exchange = (assertion: string) =>
    post(registry, `/${testIds.tenantId}/oauth2/v2.0/token`, {
      grant_type: 'client_credentials',
      client_id: testIds.clientId,
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: assertion,
      scope: 'https://containerregistry.azure.net/.default',
    })

  t.test('is exchanged for one of Entra ID, its signature checked by the key that the server publishes', async (t) => {
    const token = await tokenOf('reconciler', testIds.audience)
    t.ok(decodeProtectedHeader(token).kid)
    const { status, json } = await exchange(token)
    t.equal(status, 200)
    t.match(json, { token_type: 'Bearer', access_token: /^ey/ })
  })

  t.test('of another service account is refused', async (t) => {
    const { status, json } = await exchange(await tokenOf('stranger', testIds.audience))
    t.equal(status, 401)
    t.match(json, { error: 'invalid_client', error_codes: [700213] })
  })

  t.test('for another audience is refused', async (t) => {
    const { status, json } = await exchange(await tokenOf('reconciler', 'https://kubernetes.default.svc'))
    t.equal(status, 401)
    t.match(json, { error: 'invalid_client', error_codes: [700212] })
  })

  t.test('with a broken signature is refused', async (t) => {
    const [header = '', payload = '', signature = ''] = (await tokenOf('reconciler', testIds.audience)).split('.')
    const broken = signature.startsWith('A') ? `B${signature.slice(1)}` : `A${signature.slice(1)}`
    const { status, json } = await exchange([header, payload, broken].join('.'))
    t.equal(status, 401)
    t.match(json, { error: 'invalid_client', error_codes: [700027] })
  })
})
