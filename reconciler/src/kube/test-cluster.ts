/** What tests on a real API server share: an administrator's client, namespaces of their own, accounts with rights. */
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { Test } from 'tap'
import { parse } from 'yaml'
import { readAuditLog, type AuditEvent } from '../../../bootstrap/local/audit-log.ts'
import type { TestApiServer } from '../../../bootstrap/local/testing.ts'
import { waitFor } from '../../../bootstrap/local/wait.ts'
import { createKubeClient, type KubeClient } from './client.ts'
import { loadKubeConfig } from './kubeconfig.ts'
import type { KubeObject, Tenant } from './ports.ts'
import { userNameOf } from './refusal.ts'
import { createTransport } from './transport.ts'

export interface TestCluster {
  readonly server: TestApiServer
  /** Has every right. */
  readonly admin: KubeClient
  readonly signal: AbortSignal
  /** What the server has been asked. */
  audited(isWanted: (event: AuditEvent) => boolean): Promise<readonly AuditEvent[]>
  /** Creates an object by POST to its collection. */
  create(path: string, object: object): Promise<KubeObject>
  /** Applies a CustomResourceDefinition, and waits until it is served; other tests may have done it already. */
  install(crd: KubeObject): Promise<void>
  /** A namespace of this test's own. */
  namespace(purpose: string): Promise<string>
  /** A service account that may do what the rules say in its namespace, and be impersonated by the administrator. */
  tenant(namespace: string, name: string, rules?: ReadonlyArray<Rule>): Promise<Tenant>
  /** Gives an account rights in a namespace, which need not be its own. */
  grant(account: Tenant, namespace: string, rules: readonly Rule[]): Promise<void>
  /** The administrator's client, but by way of another address. */
  through(url: string): KubeClient
  /** A client that authenticates by a token of that account. */
  clientOf(account: Tenant): Promise<KubeClient>
}

export interface Rule {
  readonly apiGroups: readonly string[]
  readonly resources: readonly string[]
  readonly verbs: readonly string[]
  readonly resourceNames?: readonly string[]
}

interface CrdSpec {
  readonly group: string
  readonly versions: ReadonlyArray<{ readonly name: string }>
  readonly names: { readonly plural: string }
}

/** As it is installed in a cluster. */
export const deliveryCrd = parse(
  await readFile(
    new URL('../../../manifests/crd/customresourcedefinition-deliveries.windlass.dev.yaml', import.meta.url),
    'utf8',
  ),
) as KubeObject

export const everything: readonly Rule[] = [{ apiGroups: ['*'], resources: ['*'], verbs: ['*'] }]

/** `server` is shared by the tests of a file: one of its own takes seconds to start. */
export function testCluster(t: Test, server: TestApiServer): TestCluster {
  const { signal } = new AbortController()
  const admin = clientWith(t, loadKubeConfig({ file: server.kubeconfig }))

  const create = (path: string, object: object) =>
    admin.request<KubeObject>({ method: 'POST', path, body: object, what: `create in ${path}`, signal })

  async function grant(account: Tenant, namespace: string, rules: readonly Rule[]): Promise<void> {
    const rbac = `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}`
    // The same in every run, so that what stands in two namespaces can be compared.
    const name = `${account.serviceAccountName}-${createHash('sha256').update(JSON.stringify(rules)).digest('hex').slice(0, 8)}`
    await create(`${rbac}/roles`, { metadata: { name }, rules })
    await create(`${rbac}/rolebindings`, {
      metadata: { name },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name },
      subjects: [{ kind: 'ServiceAccount', name: account.serviceAccountName, namespace: account.namespace }],
    })
    // Rights take a moment until the authorizer has seen them.
    for (const rule of rules) {
      await waitFor(
        async () => (await isAllowed(account, namespace, rule)) || undefined,
        () => `the rights of ${userNameOf(account)}`,
        { timeoutMs: 10_000, everyMs: 10 },
      )
    }
  }

  async function isAllowed(account: Tenant, namespace: string, rule: Rule): Promise<boolean> {
    const [[group], [resource], [verb], [name] = []] = [rule.apiGroups, rule.resources, rule.verbs, rule.resourceNames]
    const review = await create('/apis/authorization.k8s.io/v1/subjectaccessreviews', {
      spec: { user: userNameOf(account), resourceAttributes: { namespace, group, resource, verb, name } },
    })
    return (review as KubeObject & { readonly status: { readonly allowed: boolean } }).status.allowed
  }

  return {
    server,
    admin,
    signal,
    audited: (isWanted) => readAuditLog(server.auditLog, isWanted),
    create,
    async install(crd) {
      const path = `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${crd.metadata.name}`
      await admin.request({
        method: 'PATCH',
        path,
        query: { fieldManager: 'test', force: true },
        body: crd,
        contentType: 'application/apply-patch+yaml',
        what: `apply ${crd.metadata.name}`,
        signal,
      })
      const { group, versions, names } = crd['spec'] as CrdSpec
      const served = `/apis/${group}/${versions[0]?.name}/${names.plural}`
      await waitFor(
        async () => (await admin.send({ method: 'GET', path: served, what: `list ${served}`, signal })).ok || undefined,
        () => `${served} to be served`,
        { timeoutMs: 20_000, everyMs: 20 },
      )
    },
    async namespace(purpose) {
      const name = server.namespaceName(purpose)
      await create('/api/v1/namespaces', { metadata: { name } })
      return name
    },
    async tenant(namespace, name, rules = everything) {
      const tenant = { namespace, serviceAccountName: name }
      await create(`/api/v1/namespaces/${namespace}/serviceaccounts`, { metadata: { name } })
      await grant(tenant, namespace, rules)
      return tenant
    },
    grant,
    through(url) {
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
