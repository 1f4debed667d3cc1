import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { sharedApiServer } from '../../../bootstrap/local/testing.ts'
import { createKubeClient } from './client.ts'
import { loadKubeConfig } from './kubeconfig.ts'
import { testCluster } from './test-cluster.ts'
import { createTransport } from './transport.ts'

t.setTimeout(120_000)
const server = await sharedApiServer(t)

interface SelfSubjectReview {
  readonly status: { readonly userInfo: { readonly username: string; readonly groups: readonly string[] } }
}

t.test('to impersonate an account, one right on that account is enough, and its groups come with it', async (t) => {
  const cluster = testCluster(t, server)
  const { signal } = cluster
  const home = await cluster.namespace('reconciler')
  const namespace = await cluster.namespace('tenant')
  const robot = await cluster.tenant(namespace, 'robot', [])
  const other = await cluster.tenant(namespace, 'other', [])
  const reconciler = await cluster.tenant(home, 'reconciler', [])
  await cluster.grant(reconciler, namespace, [
    { apiGroups: [''], resources: ['serviceaccounts'], verbs: ['impersonate'], resourceNames: ['robot'] },
  ])
  const client = await cluster.clientOf(reconciler)
  const who = {
    method: 'POST',
    path: '/apis/authentication.k8s.io/v1/selfsubjectreviews',
    body: { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' },
    what: 'ask who we are',
    signal,
  } as const

  const { status } = await client.request<SelfSubjectReview>({ ...who, tenant: robot })
  t.equal(status.userInfo.username, `system:serviceaccount:${namespace}:robot`)
  t.same([...status.userInfo.groups].sort(), [
    'system:authenticated',
    'system:serviceaccounts',
    `system:serviceaccounts:${namespace}`,
  ])
  await t.rejects(client.request({ ...who, tenant: other }), {
    kind: 'waiting',
    reason: 'Impersonation',
    message: /let the reconciler impersonate this account by the Role in namespace/,
  })
  const list = { method: 'GET', path: `/api/v1/namespaces/${namespace}/configmaps`, what: 'list', signal } as const
  await t.rejects(client.request({ ...list, tenant: robot }), {
    kind: 'waiting',
    reason: 'Impersonation',
    message: /grant it to the account by a Role in namespace/,
  })
  await t.rejects(client.request(list), { kind: 'waiting', reason: 'ApiForbidden', message: /cannot list resource/ })
})

t.test('credentials that the server does not know are told apart from rights', async (t) => {
  const { signal } = testCluster(t, server)
  const config = loadKubeConfig({ file: server.kubeconfig })
  config.users = config.users.map(({ name }) => ({ name, token: 'not-a-token' }))
  const transport = createTransport({ config, userAgent: 'x', monotonicMs: () => 0 })
  t.teardown(() => transport.close())
  const client = createKubeClient({ transport, requestTimeoutMs: 5_000 })
  const error = await client
    .request({ method: 'GET', path: '/api/v1/namespaces', what: 'list namespaces', signal })
    .catch((error: unknown) => error)
  t.match(error, { kind: 'waiting', reason: 'ApiForbidden', message: 'list namespaces: Unauthorized (401)' })
})

t.test('a CA that is replaced on disk is trusted without a restart', async (t) => {
  const { signal } = testCluster(t, server)
  const dir = await mkdtemp(join(tmpdir(), 'windlass-ca-'))
  t.teardown(() => rm(dir, { recursive: true }))
  const caFile = join(dir, 'ca.crt')
  await writeFile(caFile, '')
  const config = loadKubeConfig({ file: server.kubeconfig })
  config.clusters = config.clusters.map(({ name, server }) => ({ name, server, skipTLSVerify: false, caFile }))
  let nowMs = 0
  const transport = createTransport({ config, userAgent: 'x', monotonicMs: () => nowMs })
  t.teardown(() => transport.close())
  const client = createKubeClient({ transport, requestTimeoutMs: 5_000 })
  const version = () => client.request({ method: 'GET', path: '/version', what: 'read the version', signal })

  await t.rejects(version(), { kind: 'retryable', reason: 'ApiUnavailable', message: /UNABLE_TO_VERIFY/ })
  await writeFile(caFile, server.caPem)
  await t.rejects(version(), { kind: 'retryable', reason: 'ApiUnavailable', message: /UNABLE_TO_VERIFY/ })
  nowMs += 30_001
  t.match(await version(), { major: '1' })
})
