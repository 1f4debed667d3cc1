/** What tests on a real API server share: an administrator's client, namespaces of their own, accounts with rights. */
import type { Test } from 'tap'
import { sharedApiServer, type TestApiServer } from '../../../bootstrap/local/testing.ts'
import { createKubeClient, type KubeClient } from './client.ts'
import { loadKubeConfig } from './kubeconfig.ts'
import type { KubeObject, Tenant } from './ports.ts'
import { createTransport } from './transport.ts'

export interface TestCluster {
  readonly server: TestApiServer
  /** Has every right. */
  readonly admin: KubeClient
  readonly signal: AbortSignal
  /** Creates an object by POST to its collection. */
  create(path: string, object: object): Promise<KubeObject>
  /** A namespace of this test's own. */
  namespace(purpose: string): Promise<string>
  /** A service account that may do what the rules say in its namespace, and be impersonated by the administrator. */
  tenant(namespace: string, name: string, rules?: ReadonlyArray<Rule>): Promise<Tenant>
  /** The administrator's client, but by way of another address. */
  adminThrough(url: string): Promise<KubeClient>
  /** A client that authenticates by a token of that account. */
  clientOf(account: Tenant): Promise<KubeClient>
}

export interface Rule {
  readonly apiGroups: readonly string[]
  readonly resources: readonly string[]
  readonly verbs: readonly string[]
  readonly resourceNames?: readonly string[]
}

export const everything: readonly Rule[] = [{ apiGroups: ['*'], resources: ['*'], verbs: ['*'] }]

export async function testCluster(t: Test): Promise<TestCluster> {
  const server = await sharedApiServer(t)
  const { signal } = new AbortController()
  const admin = clientWith(t, loadKubeConfig({ file: server.kubeconfig }))

  const create = (path: string, object: object) =>
    admin.request<KubeObject>({ method: 'POST', path, body: object, what: `create in ${path}`, signal })

  return {
    server,
    admin,
    signal,
    create,
    async namespace(purpose) {
      const name = server.namespaceName(purpose)
      await create('/api/v1/namespaces', { metadata: { name } })
      return name
    },
    async tenant(namespace, name, rules = everything) {
      const rbac = `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}`
      await create(`/api/v1/namespaces/${namespace}/serviceaccounts`, { metadata: { name } })
      await create(`${rbac}/roles`, { metadata: { name }, rules })
      await create(`${rbac}/rolebindings`, {
        metadata: { name },
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name },
        subjects: [{ kind: 'ServiceAccount', name, namespace }],
      })
      return { namespace, serviceAccountName: name }
    },
    async adminThrough(url) {
      const config = loadKubeConfig({ file: server.kubeconfig })
      config.clusters = config.clusters.map((cluster) => ({ ...cluster, server: url }))
      return clientWith(t, config)
    },
    async clientOf({ namespace, serviceAccountName }) {
      const { status } = (await create(
        `/api/v1/namespaces/${namespace}/serviceaccounts/${serviceAccountName}/token`,
        {},
      )) as KubeObject & { readonly status: { readonly token: string } }
      const config = loadKubeConfig({ file: server.kubeconfig })
      config.users = config.users.map(({ name }) => ({ name, token: status.token }))
      return clientWith(t, config)
    },
  }
}

function clientWith(t: Test, config: Parameters<typeof createTransport>[0]['config']): KubeClient {
  const transport = createTransport({ config, userAgent: 'windlass-test', monotonicMs: () => performance.now() })
  t.teardown(() => transport.close())
  return createKubeClient({ transport, requestTimeoutMs: 10_000 })
}
