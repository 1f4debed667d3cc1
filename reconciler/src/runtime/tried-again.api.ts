import t from 'tap'
import { maxAttempts } from '../api/delivery.ts'
import type { KubeObject } from '../api/object.ts'
import { operatorAnnotations as hand } from '../api/annotations.ts'
import { installRefusal, labelNamespace } from './test-admission.ts'
import { conditionOf, TestLoop, type Tenancy } from './test-loop.ts'
import { settings, workload } from './test-registry.ts'

t.setTimeout(400_000)

const loop = await TestLoop.open(t)
await loop.start()

const deployment = 'apps/v1/deployments/web'
/** Longer than any pause between two tries. */
const stepMs = 10 * 60_000
let aheadMs = 0
let epoch = 1

t.test('what the environment fails is awaited until its deadline, gone back from, and tried five times', async (t) => {
  const web = await rolledOut('given-up')
  const pausesMs: number[] = []
  for (let attempt = 1; attempt <= maxAttempts; attempt += 1) {
    const { status } = await web.untilAwaited('r2')
    t.equal(status?.rollout?.attempt, attempt)
    const deadlineMs = timeOf(status?.rollout?.deadline)

    await meetQuota(web)
    const held = await web.until(
      'what holds it up to be told',
      ({ status }) => status?.rollout?.hindrance !== undefined,
    )
    t.match(held.status?.rollout, { phase: 'Waiting', hindrance: { reason: 'QuotaExceeded' } })
    t.match(conditionOf(held, 'Ready')?.message, /QuotaExceeded: Deployment\/web: exceeded quota/)

    const back = await web.untilGoingBack()
    const { failed, quarantine } = back.status ?? {}
    t.match(failed, { revision: { tag: 'r2' }, fault: 'Environment', reason: 'QuotaExceeded', attempt })
    t.ok(timeOf(failed?.at) >= deadlineMs, 'not before its time was over')
    t.notOk(quarantine)
    await web.rollOut()
    const again = await web.untilRolledBack()
    t.match(again.status, { current: { tag: 'r1' }, highWater: { tag: 'r2' } })
    const { nextTryAt } = again.status?.failed ?? {}
    if (nextTryAt === undefined) break
    pausesMs.push(timeOf(nextTryAt) - timeOf(failed?.at))
    await restartLater()
  }

  t.same(pausesMs, [30_000, 60_000, 120_000, 240_000], 'each pause is twice the one before')
  const last = await web.delivery()
  t.match(last.status?.failed, { attempt: maxAttempts })
  t.match(conditionOf(last, 'Ready')?.message, /given up after 5 attempts/)
  await web.untilEvent('Warning QuotaExceeded')
})

t.test('a further try that comes up runs, and nothing has failed any more', async (t) => {
  const web = await rolledOut('recovers')
  await web.untilAwaited('r2')
  await meetQuota(web)
  await web.goBack()
  await restartLater()

  const { status } = await web.release('r2')

  t.match(status, { current: { tag: 'r2' }, previous: { tag: 'r1' }, history: [{ tag: 'r2', outcome: 'Ready' }] })
  t.notOk(status?.failed)
})

const holds = {
  'a pause for releases': { [hand.paused]: 'true', [hand.pauseMode]: 'releases' },
  'a pin to what runs': { [hand.pin]: 'r1' },
}
for (const [what, annotations] of Object.entries(holds)) {
  t.test(`a further try that is due waits for as long as ${what} holds`, async (t) => {
    const web = await rolledOut('held')
    await web.untilAwaited('r2')
    await meetQuota(web)
    await web.goBack()
    await web.annotate(annotations)
    await restartLater()
    const held = await web.reconcileNow()
    t.notOk(held.status?.rollout)
    t.match(held.status, { current: { tag: 'r1' } })

    await web.annotate(Object.fromEntries(Object.keys(annotations).map((key) => [key, null])))

    t.match((await web.release('r2')).status, { current: { tag: 'r2' } })
  })
}

t.test('what can not be deleted after going back holds up no further try', async (t) => {
  const label = 'undeletable'
  await installRefusal(loop.cluster, { label, operations: ['DELETE'], unless: 'false' })
  const web = await loop.deliver('undeletable', { rollout: { timeout: '6s' } })
  web.registry.push()
  web.poll()
  await web.release('r1')
  await labelNamespace(loop.cluster, web.namespace, label, true)
  web.registry.push({ documents: [settings({ a: '1' }), workload(web.namespace)] })
  web.poll()
  await web.untilAwaited('r2')
  await meetQuota(web)
  await web.untilGoingBack()
  await web.rollOut()
  const stuck = await web.until('its deletion to be refused', ({ status }) =>
    /not now/.test(status?.summary?.held ?? ''),
  )
  t.match(stuck.status, { rollout: { phase: 'Pruning' }, failed: { revision: { tag: 'r2' } } })

  await restartLater()

  t.match((await web.release('r2')).status, { current: { tag: 'r2' } })
})

/** A Delivery in which its first push runs, and whose second is about to be rolled out. */
async function rolledOut(purpose: string): Promise<Tenancy> {
  const web = await loop.deliver(purpose, { rollout: { timeout: '6s' } })
  web.registry.push()
  web.poll()
  await web.release('r1')
  web.registry.push()
  web.poll()
  return web
}

/** By the clock of the next process, the time of the next try has come. */
async function restartLater(): Promise<void> {
  await loop.stop()
  aheadMs += stepMs
  epoch += 1
  await loop.start(epoch, aheadMs)
}

/** Plays the controllers: the ReplicaSet of what was applied last may make no pod. */
async function meetQuota(web: Tenancy): Promise<void> {
  const { metadata, spec } = (await web.object(deployment)) as KubeObject & { readonly spec: { template: object } }
  const { uid, generation } = metadata
  const name = `web-${generation}`
  const annotations = { 'deployment.kubernetes.io/revision': String(generation) }
  await web.create('apps/v1/replicasets', {
    metadata: {
      name,
      labels: { app: 'web' },
      annotations,
      ownerReferences: [{ apiVersion: 'apps/v1', kind: 'Deployment', name: 'web', uid, controller: true }],
    },
    spec: { selector: { matchLabels: { app: 'web' } }, template: spec.template },
  })
  await web.edit(deployment, { metadata: { annotations } })
  // The API server counts a change of a Deployment's annotations as one of its spec.
  const marked = await web.object(deployment)
  const message = `pods "${name}-x" is forbidden: exceeded quota: most, requested: pods=1, used: pods=1, limited: pods=1`
  await web.edit(`${deployment}/status`, {
    status: {
      observedGeneration: marked?.metadata.generation,
      replicas: 1,
      updatedReplicas: 0,
      readyReplicas: 1,
      availableReplicas: 1,
      conditions: [{ type: 'ReplicaFailure', status: 'True', reason: 'FailedCreate', message }],
    },
  })
}

function timeOf(text: string | undefined): number {
  return Date.parse(text ?? '')
}
