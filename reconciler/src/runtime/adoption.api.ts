import t from 'tap'
import { run } from '../../../bootstrap/local/run.ts'
import { ensureTools } from '../../../bootstrap/local/tools.ts'
import { operatorAnnotations as hand } from '../api/annotations.ts'
import type { DeliverySpec } from '../api/delivery.ts'
import type { KubeObject } from '../api/object.ts'
import { digestOf } from '../core/test-builders.ts'
import { conditionOf, TestLoop, type Tenancy } from './test-loop.ts'
import { settings, workload } from './test-registry.ts'

t.setTimeout(240_000)

const { kubectl } = await ensureTools(['kubectl'])
const loop = await TestLoop.open(t)
await loop.start()

const deployment = 'apps/v1/deployments/web'
const configMap = 'v1/configmaps/settings'
/** Of the first push. */
const digest = digestOf(1)
const lastApplied = 'kubectl.kubernetes.io/last-applied-configuration'

t.test('what a push pipeline applied and set the image of is taken over without a rollout', async (t) => {
  const web = await delivery('seed')
  await apply(web, [workload(web.namespace), settings({ a: '1' })])
  await kubectlIn(web, ['set', 'image', 'deployment/web', `web=${repositoryOf(web)}:r1`])
  await startPods(web, digest)
  const before = await web.object(deployment)

  push(web)
  web.poll()
  const { status } = await web.release('r1')

  t.match(status, { current: { tag: 'r1', digest, image: `${repositoryOf(web)}:r1` }, highWater: { tag: 'r1' } })
  const after = await web.object(deployment)
  t.same(after?.['spec'], before?.['spec'], 'the template makes no new ReplicaSet')
  t.same(after?.metadata.uid, before?.metadata.uid)
  t.same(managersOf(after), ['windlass Apply'])
  t.notOk(after?.metadata.annotations?.[lastApplied])
})

t.test('the next release after that is pinned by its digest, and drops what kubectl had applied', async (t) => {
  const web = await delivery('next')
  await start(web, `${repositoryOf(web)}:r1`, digest)
  push(web)
  web.poll()
  await web.release('r1')

  const next = push(web, [workload(web.namespace), settings({ b: '2' })])
  web.poll()
  await web.release('r2')

  t.same((await web.object(configMap))?.['data'], { b: '2' }, 'a is really removed')
  t.equal(imageOf(await web.object(deployment)), `${repositoryOf(web)}:r2@${next.digest}`)
})

t.test('drift is taken back to the image as it was taken over', async (t) => {
  const web = await delivery('drift')
  await start(web, `${repositoryOf(web)}:r1`, digest)
  push(web)
  web.poll()
  await web.release('r1')

  await kubectlIn(web, ['set', 'image', 'deployment/web', 'web=nginx'])
  await web.untilEvent('Normal DriftCorrected')

  t.equal(imageOf(await web.object(deployment)), `${repositoryOf(web)}:r1`)
})

const other = `sha256:${'b'.repeat(64)}`
const differing: Record<string, (web: Tenancy) => Promise<void>> = {
  'pods that run another digest under its tag': (web) => start(web, `${repositoryOf(web)}:r1`, other),
  'no pods at all': (web) => start(web, `${repositoryOf(web)}:r1`),
  'a tag that is not the release’s': (web) => start(web, `${repositoryOf(web)}:latest`, digest),
  'another digest': (web) => start(web, `${repositoryOf(web)}@${other}`, other),
  'another registry': (web) => start(web, `example.com/${web.namespace}:r1`, digest),
}
for (const [what, begin] of Object.entries(differing)) {
  t.test(`${what}: the release is rolled out as any other`, async (t) => {
    const web = await delivery('differing')
    await begin(web)

    push(web)
    web.poll()
    const { status } = await web.release('r1')

    t.equal(imageOf(await web.object(deployment)), `${repositoryOf(web)}:r1@${digest}`)
    t.notOk(status?.current?.image)
  })
}

t.test(
  'an image that is named by the digest of the release is left as it is named, whatever pods there are',
  async (t) => {
    const web = await delivery('by-digest')
    const image = `${repositoryOf(web)}@${digest}`
    await start(web, image)
    const before = await web.object(deployment)

    push(web)
    web.poll()
    await web.release('r1')

    t.same((await web.object(deployment))?.['spec'], before?.['spec'])
    t.equal(imageOf(await web.object(deployment)), image)
  },
)

const makers: Record<string, (web: Tenancy, objects: readonly object[]) => Promise<void>> = {
  'kubectl apply': (web, objects) => apply(web, objects),
  'kubectl apply --server-side': (web, objects) => apply(web, objects, undefined, ['--server-side']),
  'kubectl create': (web, objects) => send(web, ['create'], objects),
  'kubectl replace': async (web, objects) => {
    await send(web, ['create'], objects)
    await send(web, ['replace'], objects)
  },
  'Helm before version 4': (web, objects) => create(web, objects, 'helm'),
  'Helm since version 4': async (web, objects) => {
    await apply(web, objects, undefined, ['--server-side', '--field-manager=helm'])
  },
  'kubectl edit afterwards': async (web, objects) => {
    await apply(web, objects)
    await web.edit(configMap, { data: { c: 'by hand' } })
    await kubectlIn(web, ['label', 'configmap', 'settings', 'team=a'])
  },
}
for (const [what, make] of Object.entries(makers)) {
  t.test(`what ${what} made is taken over: what the release does not hold goes, and later what it drops`, async (t) => {
    const web = await delivery('makers')
    await make(web, [workload(web.namespace), settings({ a: '1', old: '1' })])
    push(web, [workload(web.namespace), settings({ a: '2', b: '2' })])
    web.poll()
    await web.release('r1')

    const { c: byHand, ...data } = dataOf(await web.object(configMap))
    t.same(data, { a: '2', b: '2' }, 'old is gone')
    t.equal(byHand, what === 'kubectl edit afterwards' ? 'by hand' : undefined, 'a hand’s own field stays')
    t.same(managersOf(await web.object(configMap)), ['windlass Apply'])

    push(web, [workload(web.namespace), settings({ b: '2' })])
    web.poll()
    await web.release('r2')
    t.same(Object.keys(dataOf(await web.object(configMap))), byHand === undefined ? ['b'] : ['b', 'c'])
  })
}

t.test('without spec.adopt it is not ours, and the message says how it could be', async (t) => {
  const web = await delivery('not-adopted', { adopt: false })
  await apply(web, [settings({ a: '1' })])
  push(web)
  web.poll()

  const held = await web.untilReason('NotOurs')

  t.match(conditionOf(held, 'Ready')?.message, /ConfigMap .*settings.*spec\.adopt/)
  t.notOk(await web.object(deployment))
  t.same(dataOf(await web.object(configMap)), { a: '1' })
})

t.test('what another tool made, or a controller keeps, is not taken over', async (t) => {
  const web = await delivery('foreign')
  await apply(web, [settings({ a: '1' })], undefined, ['--server-side', '--field-manager=argocd-controller'])
  push(web)
  web.poll()
  const held = await web.untilReason('NotOurs')
  t.match(conditionOf(held, 'Ready')?.message, /neither kubectl nor Helm made it, but "argocd-controller"/)

  await web.remove(configMap)
  await create(
    web,
    [{ ...settings({ a: '1' }), metadata: { name: 'settings', ownerReferences: [controller] } }],
    'helm',
  )
  await web.annotate({ [hand.reconcileRequestedAt]: '1' })
  await web.until('the controller to be told', (delivery) =>
    /Thing its controls it/.test(conditionOf(delivery, 'Ready')?.message ?? ''),
  )
  t.same(dataOf(await web.object(configMap)), { a: '1' })
})

t.test('a field that a third apply manager holds on it is not forced', async (t) => {
  const web = await delivery('third')
  await apply(web, [settings({ a: '1', theirs: '1' })])
  await loop.applyAs('argocd-controller', web, settings({ theirs: '2' }))
  push(web, [workload(web.namespace), settings({ a: '2', theirs: '3' })])
  web.poll()

  const held = await web.untilReason('FieldConflict')

  t.match(conditionOf(held, 'Ready')?.message, /"argocd-controller" holds \.data\.theirs/)
  t.same(dataOf(await web.object(configMap)), { a: '1', theirs: '2' })
  t.notOk(await web.object(deployment), 'nothing of the release is written')
})

t.test('a number of replicas that an autoscaler has is kept when the workload is taken over', async (t) => {
  const web = await delivery('scaled')
  const made = workload(web.namespace) as KubeObject & { readonly spec: object }
  await apply(web, [{ ...made, spec: { ...made.spec, replicas: 4 } }, autoscaler])
  push(web, [made, autoscaler])
  web.poll()
  await web.release('r1')

  t.match(await web.object(deployment), { spec: { replicas: 4 } })
})

t.test('what the API server chose when an object was made is kept', async (t) => {
  const web = await delivery('at-creation')
  const ingressClass = {
    metadata: {
      name: `class-${web.namespace}`,
      annotations: { 'ingressclass.kubernetes.io/is-default-class': 'true' },
    },
  }
  await loop.cluster.create('/apis/networking.k8s.io/v1/ingressclasses', {
    ...ingressClass,
    spec: { controller: 'a.test/b' },
  })
  const objects = [workload(web.namespace), ingress, claim]
  await apply(web, objects)
  push(web, objects)
  web.poll()
  await web.untilAwaited('r1')
  await web.edit('v1/persistentvolumeclaims/data/status', { status: { phase: 'Bound' } })
  await web.release('r1')

  t.match(await web.object('networking.k8s.io/v1/ingresses/web'), {
    spec: { ingressClassName: `class-${web.namespace}` },
  })
  t.match(managersOf(await web.object('v1/persistentvolumeclaims/data')), ['windlass Apply'])
})

const controller = { apiVersion: 'v1', kind: 'Thing', name: 'its', uid: 'u', controller: true }

const autoscaler = {
  apiVersion: 'autoscaling/v2',
  kind: 'HorizontalPodAutoscaler',
  metadata: { name: 'web' },
  spec: { maxReplicas: 6, scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' } },
}

const ingress = {
  apiVersion: 'networking.k8s.io/v1',
  kind: 'Ingress',
  metadata: { name: 'web' },
  spec: { defaultBackend: { service: { name: 'web', port: { number: 80 } } } },
}

const claim = {
  apiVersion: 'v1',
  kind: 'PersistentVolumeClaim',
  metadata: { name: 'data' },
  spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
}

async function delivery(purpose: string, spec: Partial<DeliverySpec> = {}): Promise<Tenancy> {
  return loop.deliver(`adopt-${purpose}`, { adopt: true, ...spec })
}

function push(web: Tenancy, documents: readonly object[] = [workload(web.namespace), settings({ a: '1' })]) {
  return web.registry.push({ documents })
}

function repositoryOf({ namespace }: Tenancy): string {
  return `contoso.azurecr.io/${namespace}`
}

/** What runs before us: the workload with that image, and pods that run that digest where one is given. */
async function start(web: Tenancy, image: string, digest?: string): Promise<void> {
  await apply(web, [workload(web.namespace), settings({ a: '1' })], image)
  if (digest !== undefined) await startPods(web, digest)
}

async function startPods(web: Tenancy, digest: string): Promise<void> {
  const image = imageOf(await web.object(deployment)) ?? ''
  for (const name of ['web-1', 'web-2']) {
    const spec = { serviceAccountName: 'deployer', containers: [{ name: 'web', image }] }
    await web.create('v1/pods', { metadata: { name, labels: { app: 'web' } }, spec })
    const imageID = `${image.replace(/[:@][^/]*$/, '')}@${digest}`
    const container = { name: 'web', image, imageID, ready: true, restartCount: 0, state: { running: {} } }
    await web.edit(`v1/pods/${name}/status`, { status: { phase: 'Running', containerStatuses: [container] } })
  }
}

async function apply(
  web: Tenancy,
  objects: readonly object[],
  image?: string,
  options: readonly string[] = [],
): Promise<void> {
  await send(
    web,
    ['apply', ...options],
    image === undefined ? objects : objects.map((object) => withImage(object, image)),
  )
}

function withImage(object: object, image: string): object {
  const text = JSON.stringify(object)
  return JSON.parse(text.replace(/"image":"[^"]*"/, `"image":"${image}"`)) as object
}

async function send(web: Tenancy, command: readonly string[], objects: readonly object[]): Promise<void> {
  const input = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects })
  await kubectlIn(web, [...command, '--filename=-'], input)
}

async function kubectlIn({ namespace }: Tenancy, args: readonly string[], input?: string): Promise<void> {
  const { kubeconfig } = loop.cluster.server
  const where = [`--kubeconfig=${kubeconfig}`, `--namespace=${namespace}`]
  await run(kubectl, [...where, ...args], input === undefined ? {} : { input })
}

/** As a tool that creates without apply. */
async function create({ namespace }: Tenancy, objects: readonly object[], fieldManager: string): Promise<void> {
  for (const body of objects) {
    const plural = `${(body as KubeObject).kind.toLowerCase()}s`
    const root = plural === 'deployments' ? '/apis/apps/v1' : '/api/v1'
    const path = `${root}/namespaces/${namespace}/${plural}`
    const { admin, signal } = loop.cluster
    await admin.request({ method: 'POST', path, query: { fieldManager }, body, what: `create ${plural}`, signal })
  }
}

function managersOf(object: KubeObject | undefined): readonly string[] {
  const entries = object?.metadata.managedFields ?? []
  return entries.filter(({ subresource }) => !subresource).map(({ manager, operation }) => `${manager} ${operation}`)
}

function templateOf(object: KubeObject | undefined): unknown {
  return (object?.['spec'] as { readonly template?: unknown } | undefined)?.template
}

function imageOf(object: KubeObject | undefined): string | undefined {
  const template = templateOf(object) as
    { readonly spec: { readonly containers: readonly { image: string }[] } } | undefined
  return template?.spec.containers[0]?.image
}

function dataOf(object: KubeObject | undefined): Readonly<Record<string, string>> {
  return (object?.['data'] ?? {}) as Readonly<Record<string, string>>
}
