/** A workload that the cluster's own autoscaler scales, seen by a watch of the test's own. */
import t, { type Test } from 'tap'
import { sharedPlatform } from '../../bootstrap/local/testing-platform.ts'
import { waitFor } from '../../bootstrap/local/wait.ts'
import type { KubeObject } from '../src/kube/ports.ts'
import { createWatchSource } from '../src/kube/watch.ts'
import { systemClock } from '../src/runtime/clock.ts'
import { deployTenant, readMoved } from './delivered.ts'
import { openStage } from './rollout-scene.ts'
import { withReplicas, withShell, type Shape } from './test-documents.ts'
import { pushRelease } from './test-releases.ts'

t.setTimeout(600_000)
const platform = await sharedPlatform(t)
const cluster = openStage(t, platform)
const { admin, signal } = cluster
const rollout = { timeout: '20s' } as const
const web = await deployTenant(cluster, 'autoscaled', { rollout, deletionPolicy: 'Delete' })
const release = await readMoved('release', web.namespace)
const deployment = find('Deployment')

t.test('at four replicas no release, correction or going back shows fewer', async (t) => {
  await push('r1', withoutAutoscaler)
  await web.untilRuns('r1')
  // The autoscaler comes with the second release: from then on the number is its own.
  await push('r2', withAutoscaler)
  await web.untilRuns('r2')
  await untilAvailable(4)
  const seen = await watchReplicas(t)

  await push('r3', withAutoscaler, { script: 'echo another; exec /busybox sleep 3600' })
  await web.untilRuns('r3')
  await setImage()
  await untilImage('r3')
  await untilAvailable(4)
  await push('r4', withAutoscaler, { probe: ['/busybox', 'false'] })
  t.match((await web.untilRolledBack()).status, { current: { tag: 'r3' }, failed: { revision: { tag: 'r4' } } })
  await untilAvailable(4)

  const { wanted, available, count } = await seen()
  t.ok(count > 10, `${count} versions of the Deployment were seen`)
  t.same(wanted, [4], 'the number that is wanted')
  t.same(
    available.filter((number) => number < 4),
    [],
    'and of pods that were there',
  )
})

t.test('a Namespace that is deleted goes with its Delivery, whose finalizer holds up nothing', async (t) => {
  t.match((await web.delivery())?.metadata, { finalizers: ['windlass.dev/deletion'] })
  const path = `/api/v1/namespaces/${web.namespace}`
  await admin.request({ method: 'DELETE', path, what: 'delete the Namespace', signal })

  await waitFor(
    async () => ((await admin.send({ method: 'GET', path, what: 'read it', signal })).ok ? undefined : true),
    async () => `the Namespace to be gone; its Delivery is ${JSON.stringify(await web.delivery())}`,
    { timeoutMs: 120_000 },
  )
  t.notOk(await web.delivery())
})

t.test('a Delivery that is deleted while no reconciler is installed goes once one is back', async (t) => {
  const left = await deployTenant(cluster, 'left', { deletionPolicy: 'Delete' })
  await left.until('the finalizer', ({ metadata }) => (metadata.finalizers ?? []).length > 0)
  await scale(0)
  await left.deleteDelivery()
  t.ok(await left.delivery(), 'nobody takes its finalizer away')

  await scale(2)
  await left.untilGone()
  t.notOk(await left.delivery())
})

function withoutAutoscaler(object: KubeObject): readonly KubeObject[] {
  return object.kind === 'HorizontalPodAutoscaler' ? [] : [withReplicas(object, 2)]
}

/** Without a metric it has its bounds to go by. */
function withAutoscaler(object: KubeObject): readonly KubeObject[] {
  if (object.kind !== 'HorizontalPodAutoscaler') return [withReplicas(object, 2)]
  return [{ ...object, spec: { ...(object['spec'] as object), minReplicas: 4 } }]
}

async function push(
  tag: string,
  choose: (object: KubeObject) => readonly KubeObject[],
  shape: Omit<Shape, 'repository'> = {},
): Promise<void> {
  const { repository } = web
  const documents = release.flatMap(choose).map((object) => withShell(object, { repository, ...shape }))
  await pushRelease(platform, { repository, tag, sequence: Number(tag.slice(1)), documents, signal })
}

async function setImage(): Promise<void> {
  const podSpec = { containers: [{ name: 'predictor', image: 'nowhere.windlass.test/other:1' }] }
  await web.edit(deployment, { spec: { template: { spec: podSpec } } }, 'strategic-merge')
}

async function untilImage(tag: string): Promise<void> {
  const read = async () => JSON.stringify((await web.read(deployment))?.['spec'])
  await waitFor(
    async () => (await read()).includes(`/${web.repository}:${tag}@`) || undefined,
    async () => `the image of ${tag}; it is ${await read()}`,
    { timeoutMs: 60_000 },
  )
}

async function untilAvailable(number: number): Promise<void> {
  const read = async () => countsOf(await web.read(deployment))
  await waitFor(
    async () => {
      const { wanted, available, updated } = await read()
      return (wanted === number && available === number && updated === number) || undefined
    },
    async () => `${number} pods to be available; it is ${JSON.stringify(await read())}`,
    { timeoutMs: 120_000 },
  )
}

function countsOf(object: KubeObject | undefined) {
  const { replicas } = (object?.['spec'] ?? {}) as { readonly replicas?: number }
  const { availableReplicas, updatedReplicas } = (object?.['status'] ?? {}) as Readonly<
    Record<string, number | undefined>
  >
  return { wanted: replicas ?? 0, available: availableReplicas ?? 0, updated: updatedReplicas ?? 0 }
}

/** Everything that the Deployment shows from now on. */
async function watchReplicas(t: Test) {
  const wanted = new Set<number>()
  const available = new Set<number>()
  let count = 0
  let version = ''
  const stopping = new AbortController()
  t.teardown(() => stopping.abort())
  const hooks = { restarted: () => {}, bug: (path: string, error: unknown) => t.fail(path, { error }) }
  const watches = createWatchSource({ client: admin, clock: systemClock, random: Math.random, hooks })
  const path = `/apis/apps/v1/namespaces/${web.namespace}/deployments`
  const watch = watches.watch<KubeObject>(
    { path, fieldSelector: 'metadata.name=predictor' },
    (event) => {
      if (event.type === 'synced') return
      count += 1
      version = event.object.metadata.resourceVersion ?? ''
      const counts = event.type === 'deleted' ? { wanted: 0, available: 0 } : countsOf(event.object)
      wanted.add(counts.wanted)
      available.add(counts.available)
    },
    stopping.signal,
  )
  await watch.synced
  return async () => {
    await waitFor(
      async () => (await web.read(deployment))?.metadata.resourceVersion === version || undefined,
      () => 'the watch to have told all',
      { timeoutMs: 30_000 },
    )
    return { wanted: [...wanted], available: [...available], count }
  }
}

/** As one uninstalls it: its rights and its Deliveries stay. */
async function scale(replicas: number): Promise<void> {
  const name = 'windlass'
  const of = ['--namespace', 'windlass-system']
  await platform.cluster.exec('kubectl', [...of, 'scale', `deployment/${name}`, `--replicas=${replicas}`], { signal })
  const wait =
    replicas === 0
      ? ['wait', 'pods', '--all', '--for=delete', '--timeout=60s']
      : ['rollout', 'status', `deployment/${name}`, '--timeout=120s']
  await platform.cluster.exec('kubectl', [...of, ...wait], { signal })
}

function find(kind: string): KubeObject {
  const found = release.find((object) => object.kind === kind)
  if (found === undefined) throw new Error(`the predictor's release holds no ${kind}`)
  return found
}
