/** Tenants of the reconciler that runs in the platform: what an operator applies, and what is seen of their Deliveries. */
import { join } from 'node:path'
import { checkout } from '../../bootstrap/local/checkout.ts'
import { readInOrder } from '../../bootstrap/local/manifest-files.ts'
import { waitFor } from '../../bootstrap/local/wait.ts'
import { apiVersion, plural, type Delivery, type DeliverySpec } from '../src/api/delivery.ts'
import { supportedKinds } from '../src/api/kinds.ts'
import type { KubeObject } from '../src/kube/ports.ts'
import type { Rule, TestCluster } from '../src/kube/test-cluster.ts'
import { imageOf } from './test-releases.ts'

const patienceMs = 240_000
const reconciler = 'system:serviceaccount:windlass-system:windlass'

/** The predictor's, which is the model of all. */
const manifests = join(checkout, 'manifests', 'predictor')

/** What a test says of a spec; the manifest and the server give the rest. */
export type TestSpec = Partial<Omit<DeliverySpec, 'rollout'>> & { readonly rollout?: Partial<DeliverySpec['rollout']> }

export interface Delivered {
  readonly namespace: string
  readonly repository: string
  delivery(): Promise<Delivery | undefined>
  until(describe: string, isSo: (delivery: Delivery) => boolean): Promise<Delivery>
  /** Waits until that release runs, and nothing of it is left to be done. */
  untilRuns(tag: string): Promise<Delivery>
  untilRolledBack(): Promise<Delivery>
  untilGone(): Promise<void>
  patchDelivery(patch: object): Promise<void>
  deleteDelivery(): Promise<void>
  /** As kubectl edit does. */
  edit(object: KubeObject, patch: object, type?: 'merge' | 'strategic-merge'): Promise<void>
  read(object: Pick<KubeObject, 'apiVersion' | 'kind' | 'metadata'>): Promise<KubeObject | undefined>
}

/** The manifests of a folder, in another namespace. */
export async function readMoved(folder: string, namespace: string): Promise<readonly KubeObject[]> {
  const objects = (await readInOrder(join(manifests, folder))) as unknown as readonly KubeObject[]
  return objects.map((object) => {
    if (object.kind === 'Namespace') return { ...object, metadata: { ...object.metadata, name: namespace } }
    const moved = { ...object, metadata: { ...object.metadata, namespace } }
    const subjects = object['subjects'] as ReadonlyArray<{ readonly namespace: string }> | undefined
    if (subjects === undefined) return moved
    const own = object.metadata.namespace
    return { ...moved, subjects: subjects.map((one) => (one.namespace === own ? { ...one, namespace } : one)) }
  })
}

/** What the operator of the predictor applies, in a namespace of the test's own; the Delivery comes last. */
export async function deployTenant(
  cluster: TestCluster,
  purpose: string,
  spec: TestSpec,
  more: (namespace: string) => readonly KubeObject[] = () => [],
): Promise<Delivered> {
  const namespace = cluster.server.namespaceName(purpose)
  const repository = `e2e/${namespace}`
  const all = await readMoved('operator', namespace)
  const delivery = all.find(({ kind }) => kind === 'Delivery')
  if (delivery === undefined) throw new Error('the manifests hold no Delivery')
  const tenant = openDelivered(cluster, namespace, repository)
  for (const object of [...all.filter((one) => one !== delivery), ...more(namespace)])
    await apply(cluster, namespace, object)
  await untilAllowed(cluster, namespace)
  const own = delivery['spec'] as DeliverySpec
  await apply(cluster, namespace, {
    ...delivery,
    spec: {
      ...own,
      image: { repository: imageOf(repository), tags: '^r[0-9]+$' },
      poll: { schedule: '* * * * * *' },
      ...spec,
    },
  })
  return tenant
}

/** Further rights of the account that delivers, beside those of the manifests. */
export function mayAlso(name: string, rules: readonly Rule[]): (namespace: string) => readonly KubeObject[] {
  const group = 'rbac.authorization.k8s.io'
  const role = { apiVersion: `${group}/v1`, kind: 'Role', metadata: { name } }
  return (namespace) => [
    { ...role, rules },
    {
      ...role,
      kind: 'RoleBinding',
      roleRef: { apiGroup: group, kind: 'Role', name },
      subjects: [{ kind: 'ServiceAccount', name: 'predictor-deployer', namespace }],
    },
  ]
}

function openDelivered(cluster: TestCluster, namespace: string, repository: string): Delivered {
  const { admin, signal } = cluster
  const path = `/apis/${apiVersion}/namespaces/${namespace}/${plural}/predictor`

  async function get<T>(path: string): Promise<T | undefined> {
    const answer = await admin.send<T>({ method: 'GET', path, what: `read ${path}`, signal })
    return answer.ok ? answer.body : undefined
  }
  async function patch(path: string, body: object, type = 'merge'): Promise<void> {
    const contentType = `application/${type}-patch+json`
    const query = { fieldManager: 'kubectl-edit' }
    await admin.request({ method: 'PATCH', path, query, body, contentType, what: `patch ${path}`, signal })
  }
  const delivery = () => get<Delivery>(path)

  async function until(describe: string, isSo: (delivery: Delivery) => boolean): Promise<Delivery> {
    return waitFor(
      async () => {
        const found = await delivery()
        return found !== undefined && isSo(found) ? found : undefined
      },
      async () => `${describe}; status is ${JSON.stringify((await delivery())?.status, undefined, 1)}`,
      { timeoutMs: patienceMs, everyMs: 100 },
    )
  }
  const isReady = ({ status }: Delivery) =>
    status?.conditions?.some((condition) => condition.type === 'Ready' && condition.status === 'True') === true
  const reasonOf = ({ status }: Delivery) => status?.conditions?.find(({ type }) => type === 'Ready')?.reason

  return {
    namespace,
    repository,
    delivery,
    until,
    untilRuns: (tag) =>
      until(
        `${tag} to run`,
        (found) => found.status?.current?.tag === tag && found.status.rollout === undefined && isReady(found),
      ),
    untilRolledBack: () =>
      until(
        'the last good release to run again',
        (found) => found.status?.rollout === undefined && reasonOf(found) === 'RolledBack',
      ),
    async untilGone() {
      await waitFor(
        async () => ((await delivery()) === undefined ? true : undefined),
        async () => `the Delivery to be gone; it is ${JSON.stringify(await delivery(), undefined, 1)}`,
        { timeoutMs: patienceMs, everyMs: 100 },
      )
    },
    patchDelivery: (body) => patch(path, body),
    async deleteDelivery() {
      await admin.request({ method: 'DELETE', path, what: 'delete the Delivery', signal })
    },
    edit: (object, body, type) => patch(objectPath(object, namespace), body, type),
    read: (object) => get<KubeObject>(objectPath(object, namespace)),
  }
}

/** The authorizer sees a new binding a moment after it was made. */
async function untilAllowed(cluster: TestCluster, namespace: string): Promise<void> {
  const account = `system:serviceaccount:${namespace}:predictor-deployer`
  const questions = [
    { user: reconciler, verb: 'impersonate', group: '', resource: 'serviceaccounts', name: 'predictor-deployer' },
    { user: account, verb: 'patch', group: 'apps', resource: 'deployments' },
  ]
  for (const { user, ...attributes } of questions) {
    await waitFor(
      async () => {
        const review = { spec: { user, resourceAttributes: { namespace, ...attributes } } }
        const answer = await cluster.create('/apis/authorization.k8s.io/v1/subjectaccessreviews', review)
        return (answer['status'] as { readonly allowed: boolean }).allowed || undefined
      },
      () => `${user} to be allowed to ${attributes.verb} ${attributes.resource}`,
      { timeoutMs: 20_000 },
    )
  }
}

export async function apply({ admin, signal }: TestCluster, namespace: string, object: KubeObject): Promise<void> {
  await admin.request({
    method: 'PATCH',
    path: objectPath(object, namespace),
    query: { fieldManager: 'test', force: true },
    body: object,
    contentType: 'application/apply-patch+yaml',
    what: `apply ${object.kind} ${object.metadata.name}`,
    signal,
  })
}

const others = new Map([
  ['Namespace', 'namespaces'],
  ['Role', 'roles'],
  ['RoleBinding', 'rolebindings'],
  ['Delivery', plural],
])

function objectPath(
  { apiVersion, kind, metadata }: Pick<KubeObject, 'apiVersion' | 'kind' | 'metadata'>,
  namespace: string,
): string {
  const resource = supportedKinds.find((one) => one.kind === kind)?.plural ?? others.get(kind)
  if (resource === undefined) throw new Error(`no test has a ${kind}`)
  const root = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`
  return kind === 'Namespace'
    ? `${root}/${resource}/${metadata.name}`
    : `${root}/namespaces/${namespace}/${resource}/${metadata.name}`
}
