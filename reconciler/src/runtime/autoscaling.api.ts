import t, { type Test } from 'tap'
import { operatorAnnotations as hand } from '../api/annotations.ts'
import type { Delivery } from '../api/delivery.ts'
import type { KubeObject } from '../api/object.ts'
import { createWatchSource } from '../kube/watch.ts'
import { systemClock } from './clock.ts'
import { TestLoop, type Tenancy } from './test-loop.ts'
import { settings, workload } from './test-registry.ts'

t.setTimeout(240_000)

const loop = await TestLoop.open(t)
await loop.start()

const deployment = 'apps/v1/deployments/web'
const autoscalers = 'autoscaling/v2/horizontalpodautoscalers'

t.test('where the bundle holds an autoscaler, no release, correction or pin shows fewer replicas', async (t) => {
  const web = await loop.deliver('bundled')
  const documents = (a: string) => [withReplicas(web, 2), autoscaler(), settings({ a })]
  web.registry.push({ documents: documents('1') })
  web.poll()
  await web.release('r1')
  await scale(web, 4)
  const seen = await watchReplicas(t, web)

  web.registry.push({ documents: documents('2') })
  web.poll()
  await web.release('r2')
  await setImage(web)
  await web.untilEvent('Normal DriftCorrected')
  await web.annotate({ [hand.pin]: 'r1' })
  await web.release('r1')

  t.same(await seen(), [4])
  t.notOk((await web.delivery()).status?.drifted)
})

t.test('the first release with an autoscaler hands over the number that runs', async (t) => {
  const web = await loop.deliver('handed-over')
  web.registry.push({ documents: [withReplicas(web, 4)] })
  web.poll()
  await web.release('r1')
  t.equal(inventoryReplicas(await web.delivery()), 4)
  const seen = await watchReplicas(t, web)

  web.registry.push({ documents: [withReplicas(web, 4), autoscaler()] })
  web.poll()
  const released = await web.release('r2')

  t.same(await seen(), [4])
  t.equal(inventoryReplicas(released), undefined)
  await scale(web, 5)
  await scale(web, 3)
  await setImage(web)
  await web.untilEvent('Normal DriftCorrected')
  t.same(await seen(), [4, 5, 3], 'the autoscaler alone moves it from then on')
})

t.test('an autoscaler that is not in the bundle counts too: what it sets is no drift', async (t) => {
  const web = await loop.deliver('foreign')
  web.registry.push({ documents: [withReplicas(web, 2), settings({ a: '1' })] })
  web.poll()
  await web.release('r1')
  await web.create(autoscalers, autoscaler())

  const writes = await loop.writesDuring(async () => {
    await scale(web, 4)
    await web.reconcileNow()
  })
  const seen = await watchReplicas(t, web)
  const ours = writes.filter(({ objectRef }) => objectRef?.resource === 'deployments' && !objectRef.subresource)
  t.same(ours, [], 'the Deployment was not written')
  t.notOk((await web.delivery()).status?.drifted)

  await setImage(web)
  await web.untilEvent('Normal DriftCorrected')
  web.registry.push({ documents: [withReplicas(web, 2), settings({ a: '2' })] })
  web.poll()
  await web.release('r2')

  t.same(await seen(), [4])
})

t.test('a release that names no number any more leaves the one that is there', async (t) => {
  const web = await loop.deliver('dropped')
  web.registry.push({ documents: [withReplicas(web, 3)] })
  web.poll()
  await web.release('r1')
  const seen = await watchReplicas(t, web)

  web.registry.push({ documents: [withReplicas(web, undefined)] })
  web.poll()
  await web.release('r2')

  t.same(await seen(), [3])
})

t.test('without an autoscaler the number is the release’s, and a scale is taken back', async (t) => {
  const web = await loop.deliver('fixed')
  web.registry.push({ documents: [withReplicas(web, 2)] })
  web.poll()
  await web.release('r1')
  await web.create(autoscalers, autoscaler('another'))

  await scale(web, 5)
  await web.untilObject(deployment, (object) => replicasOf(object) === 2)

  await web.untilEvent('Normal DriftCorrected')
  t.equal(inventoryReplicas(await web.delivery()), 2)
})

t.test('an account that may not look for autoscalers is told so before anything is written', async (t) => {
  const rules = [
    { apiGroups: ['apps'], resources: ['deployments'], verbs: ['get', 'create', 'patch'] },
    { apiGroups: ['autoscaling'], resources: ['horizontalpodautoscalers'], verbs: ['get'] },
  ]
  const web = await loop.deliver('blind', {}, rules)
  web.registry.push({ documents: [withReplicas(web, 2)] })
  web.poll()

  const { status } = await web.untilReason('Impersonation')

  t.match(status?.conditions?.[0]?.message, /cannot list resource "horizontalpodautoscalers".*grant it to the account/)
  t.notOk(await web.object(deployment))
})

function withReplicas({ namespace }: Tenancy, replicas: number | undefined): object {
  const made = workload(namespace) as { readonly spec: { readonly replicas: number } }
  const { replicas: _, ...spec } = made.spec
  return { ...made, spec: { ...spec, ...(replicas !== undefined && { replicas }) } }
}

function autoscaler(name = 'web'): object {
  return {
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    metadata: { name },
    spec: { minReplicas: 2, maxReplicas: 6, scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name } },
  }
}

/** As the controller of HorizontalPodAutoscalers does. */
async function scale(web: Tenancy, replicas: number): Promise<void> {
  await web.edit(`${deployment}/scale`, { spec: { replicas } })
}

async function setImage(web: Tenancy): Promise<void> {
  const podSpec = { containers: [{ name: 'web', image: 'nginx' }] }
  await web.edit(deployment, { spec: { template: { spec: podSpec } } }, 'strategic-merge')
}

/** Every number that the Deployment shows from now on, each once for as long as it lasts. */
async function watchReplicas(t: Test, web: Tenancy): Promise<() => Promise<readonly unknown[]>> {
  const seen: unknown[] = []
  let version = ''
  const stopping = new AbortController()
  t.teardown(() => stopping.abort())
  const hooks = { restarted: () => {}, bug: (path: string, error: unknown) => t.fail(path, { error }) }
  const watches = createWatchSource({ client: loop.cluster.admin, clock: systemClock, random: Math.random, hooks })
  const path = `/apis/apps/v1/namespaces/${web.namespace}/deployments`
  const watch = watches.watch<KubeObject>(
    { path, fieldSelector: 'metadata.name=web' },
    (event) => {
      if (event.type === 'synced') return
      version = event.object.metadata.resourceVersion ?? ''
      const replicas = event.type === 'deleted' ? 'deleted' : replicasOf(event.object)
      if (seen.at(-1) !== replicas) seen.push(replicas)
    },
    stopping.signal,
  )
  await watch.synced
  return async () => {
    const latest = (await web.object(deployment))?.metadata.resourceVersion
    await loop.until(() => version === latest, 'the watch to have told all')
    return [...seen]
  }
}

function replicasOf(object: KubeObject | undefined): unknown {
  return (object?.['spec'] as { readonly replicas?: number } | undefined)?.replicas
}

function inventoryReplicas({ status }: Delivery): number | undefined {
  return status?.inventory?.find(({ kind }) => kind === 'Deployment')?.replicas
}
