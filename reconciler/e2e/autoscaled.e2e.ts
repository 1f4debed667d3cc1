/** A workload that the cluster's own autoscaler scales, seen by a watch of the test's own. */
import t from 'tap'
import { sharedPlatform } from '../../bootstrap/local/testing-platform.ts'
import { waitFor } from '../../bootstrap/local/wait.ts'
import type { KubeObject } from '../src/kube/ports.ts'
import { deployTenant, readMoved } from './delivered.ts'
import { openStage } from './rollout-scene.ts'
import { withReplicas, withShell, type Shape } from './test-documents.ts'
import { pushRelease } from './test-releases.ts'
import { untilAvailable, watchReplicas } from './watch-replicas.ts'

t.setTimeout(600_000)
const platform = await sharedPlatform(t)
const cluster = openStage(t, platform)
const { admin, signal } = cluster
// A sound release must come up in it on a busy machine, too.
const rollout = { timeout: '60s' } as const
const web = await deployTenant(cluster, 'autoscaled', { rollout, deletionPolicy: 'Delete' })
const release = await readMoved('release', web.namespace)
const deployment = find('Deployment')

t.test('at four replicas no release, correction or going back shows fewer', async (t) => {
  await push('r1', withoutAutoscaler)
  await web.untilRuns('r1')
  // The autoscaler comes with the second release: from then on the number is its own.
  await push('r2', withAutoscaler)
  await web.untilRuns('r2')
  await untilAvailable(web, deployment, 4)
  const seen = await watchReplicas(t, cluster, web, deployment)

  await push('r3', withAutoscaler, { script: 'echo another; exec /busybox sleep 3600' })
  await web.untilRuns('r3')
  await setImage()
  await untilImage('r3')
  await untilAvailable(web, deployment, 4)
  await push('r4', withAutoscaler, { probe: ['/busybox', 'false'] })
  t.match((await web.untilRolledBack()).status, {
    current: { tag: 'r3' },
    failed: { revision: { tag: 'r4' }, fault: 'Release', reason: 'RolloutTimeout' },
  })
  await untilAvailable(web, deployment, 4)

  const versions = await seen()
  t.ok(versions.length > 10, `${versions.length} versions of the Deployment were seen`)
  t.same([...new Set(versions.map(({ wanted }) => wanted))], [4], 'the number that is wanted')
  t.same(
    versions.filter(({ available }) => available < 4),
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
