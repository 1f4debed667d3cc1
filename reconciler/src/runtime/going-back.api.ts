import t from 'tap'
import { operatorAnnotations as hand } from '../api/annotations.ts'
import type { Delivery } from '../api/delivery.ts'
import type { KubeObject } from '../api/object.ts'
import { installRefusal, labelNamespace } from './test-admission.ts'
import { conditionOf, TestLoop, type Tenancy, type TestSpec } from './test-loop.ts'
import { settings, workload } from './test-registry.ts'

t.setTimeout(240_000)

const loop = await TestLoop.open(t)
let epoch = 1
await loop.start(epoch)

const deployment = 'apps/v1/deployments/web'
const configMap = 'v1/configmaps/settings'
const statefulSet = 'apps/v1/statefulsets/web'

t.test('a release that is not ready in time is gone back from, and put into quarantine', async (t) => {
  const web = await running('timeout')
  const good = specOf(await web.object(deployment))
  const bad = web.registry.push({ documents: [settings({ b: '2' }), settings({}, 'added'), workload(web.namespace)] })
  web.poll()

  await web.untilAwaited('r2')
  await web.fail()
  const back = await web.untilGoingBack()
  t.match(conditionOf(back, 'Ready'), { status: 'False', reason: 'GoingBack' })
  t.ok(await web.object('v1/configmaps/added'), 'what failed is deleted only once the good one runs')
  await web.rollOut()

  const delivery = await web.untilRolledBack()
  t.match(delivery.status, {
    current: { tag: 'r1' },
    highWater: { tag: 'r2' },
    failed: { revision: { tag: 'r2' }, fault: 'Release', reason: 'RolloutFailed', attempt: 1 },
    quarantine: [{ tag: 'r2', digest: bad.digest, reason: 'RolloutFailed' }],
    history: [
      { tag: 'r1', outcome: 'RolledBack', reason: 'RolloutFailed' },
      { tag: 'r2', outcome: 'Failed', reason: 'RolloutFailed' },
      { tag: 'r1', outcome: 'Ready' },
    ],
    summary: { running: 'r1', pending: 'r2', state: 'RolledBack' },
  })
  t.notOk(delivery.status?.rollout)
  t.match(conditionOf(delivery, 'Ready')?.message, /r2 failed \(RolloutFailed\).*r1 runs again/)
  t.equal(conditionOf(delivery, 'Stalled')?.status, 'False')
  t.same(specOf(await web.object(deployment)), good)
  t.match(await web.object(configMap), { data: { a: '1' } })
  t.notOk(await web.object('v1/configmaps/added'), 'what the failed release added is gone')
  await web.untilEvent('Warning RolloutFailed')
  await web.untilEvent('Normal RolledBack')

  web.registry.push()
  web.poll()
  const fixed = await web.release('r3')
  t.match(fixed.status, { current: { tag: 'r3' }, previous: { tag: 'r1' } })
  t.notOk(fixed.status?.failed)
  t.equal(conditionOf(fixed, 'Ready')?.status, 'True')
})

t.test('the deadline counts as well as what a workload says', async (t) => {
  const web = await running('deadline', { rollout: { timeout: '2s' } })
  web.registry.push()
  web.poll()

  const back = await web.until('r2 to have failed', ({ status }) => status?.failed !== undefined)

  t.match(back.status?.failed, { reason: 'RolloutTimeout', fault: 'Release' })
})

t.test('where a failed release holds, it stays as it is, and a newer one ends that', async (t) => {
  const web = await running('hold', { rollout: { onFailure: 'Hold' } })
  web.registry.push({ documents: [settings({ a: '2' }), workload(web.namespace)] })
  web.poll()
  await web.untilAwaited('r2')
  await web.fail()

  const held = await web.untilReason('RolloutFailed')
  t.match(held.status, {
    current: { tag: 'r1' },
    rollout: { phase: 'Failed', revision: { tag: 'r2' }, reason: 'RolloutFailed', fault: 'Release' },
    quarantine: [{ tag: 'r2' }],
    summary: { running: 'r1', pending: 'r2' },
  })
  t.equal(conditionOf(held, 'Stalled')?.status, 'True')
  t.match(await web.object(configMap), { data: { a: '2' } })

  web.registry.push()
  web.poll()
  t.equal(conditionOf(await web.release('r3'), 'Stalled')?.status, 'False')
})

t.test('a first release that fails holds, for there is nothing to go back to', async (t) => {
  const web = await loop.deliver('first')
  web.registry.push()
  web.poll()
  await web.untilAwaited('r1')
  await web.fail()

  const held = await web.untilReason('RolloutFailed')

  t.match(held.status?.rollout, { phase: 'Failed' })
  t.equal(conditionOf(held, 'Stalled')?.status, 'True')
})

t.test('going back that fails too stops, until a newer release', async (t) => {
  const web = await rolledOutBadly('no-way-back')
  await web.untilGoingBack()
  await web.fail()

  const stuck = await web.untilReason('GoingBackFailed')
  t.equal(conditionOf(stuck, 'Stalled')?.status, 'True')
  t.match(stuck.status, {
    rollout: { phase: 'Failed', purpose: 'GoBack', revision: { tag: 'r1' } },
    failed: { revision: { tag: 'r2' } },
    quarantine: [{ tag: 'r2' }],
  })
  t.equal(stuck.status?.quarantine?.length, 1, 'what once was good is not put into quarantine')
  await web.untilEvent('Warning GoingBackFailed')

  web.registry.push()
  web.poll()
  t.match((await web.release('r3')).status, { current: { tag: 'r3' } })
})

t.test('the good release that comes up late after all runs', async (t) => {
  const web = await rolledOutBadly('late-recovery')
  await web.untilGoingBack()
  await web.fail()
  await web.untilReason('GoingBackFailed')

  await web.rollOut()

  t.match((await web.untilRolledBack()).status, { current: { tag: 'r1' } })
})

t.test('a newer push supersedes going back', async (t) => {
  const web = await rolledOutBadly('newer-comes')
  await web.untilGoingBack()

  web.registry.push()
  web.poll()

  const { status } = await web.release('r3')
  t.match(status, { current: { tag: 'r3' }, previous: { tag: 'r1' } })
  t.same(
    status?.history?.map(({ tag, outcome }) => `${tag} ${outcome}`),
    ['r3 Ready', 'r2 Failed', 'r1 Ready'],
  )
})

t.test('going back needs no registry and no ConfigMap source', async (t) => {
  const web = await loop.deliver('without-source', { manifests: { configMap: { name: 'source' } } })
  const source = (documents: readonly object[]) => ({
    all: documents.map((one) => JSON.stringify(one)).join('\n---\n'),
  })
  const one = [settings({ a: '1' }), workload(web.namespace)]
  await web.create('v1/configmaps', { metadata: { name: 'source' }, data: source(one) })
  web.registry.push({ hasBundle: false })
  web.poll()
  await web.release('r1')
  const two = [settings({ a: '2' }), workload(web.namespace)]
  await web.edit('v1/configmaps/source', { data: source(two) })
  web.registry.push({ hasBundle: false })
  web.poll()
  await web.untilAwaited('r2')
  await web.remove('v1/configmaps/source')
  web.registry.fail()

  await web.fail()
  await web.untilGoingBack()
  await web.rollOut()

  t.match((await web.until('r1 to run again', isRolledBack)).status, { current: { tag: 'r1' } })
  t.match(await web.object(configMap), { data: { a: '1' } })
  await web.edit(configMap, { data: { a: '3' } })
  await web.untilObject(configMap, (object) => dataOf(object)?.['a'] === '1')
  await web.untilEvent('Normal DriftCorrected')
})

t.test('a pinned release that fails is gone back from, and the pin goes on holding', async (t) => {
  const web = await running('pinned')
  web.registry.push()
  web.poll()
  await web.release('r2')
  await web.annotate({ [hand.pin]: 'r1' })
  await web.untilAwaited('r1')
  await web.fail()
  const back = await web.goBack()
  t.match(back.status, { current: { tag: 'r2' }, failed: { revision: { tag: 'r1' }, pin: 'r1' } })

  web.registry.push()
  web.poll()
  const held = await web.until('r3 to wait', ({ status }) => status?.candidate?.tag === 'r3')
  t.notOk(held.status?.rollout)
  await web.annotate({ [hand.pin]: null })
  t.match((await web.release('r3')).status, { current: { tag: 'r3' } })
})

t.test('unpinned after a bad release, that one does not come back, nor does the one that was skipped', async (t) => {
  const web = await rolledOutBadly('unpinned', { rollout: { onFailure: 'Hold' } })
  await web.untilReason('RolloutFailed')
  await web.annotate({ [hand.pin]: 'r1' })
  t.match((await web.release('r1')).status, { highWater: { tag: 'r1' }, quarantine: [{ tag: 'r2' }] })

  await web.annotate({ [hand.pin]: null })
  web.poll()

  const held = await web.untilReason('Quarantined')
  t.match(held.status, { current: { tag: 'r1' } })
  t.notOk(held.status?.rollout)
  t.equal(conditionOf(held, 'Stalled')?.status, 'False')

  await web.annotate({ [hand.retry]: 'r2/after-the-fix' })
  const again = await web.release('r2')
  t.match(again.status, { current: { tag: 'r2' }, lastHandledRetry: 'r2/after-the-fix' })
  t.notOk(again.status?.quarantine)
})

for (const onFailure of ['RollBack', 'Hold'] as const) {
  const then = onFailure === 'Hold' ? 'held, and pinned away from' : 'gone back from'
  t.test(`what was skipped does not come when the newer one was ${then}, across restarts`, async (t) => {
    const web = await running('skipped', { rollout: { onFailure } })
    web.registry.push()
    web.registry.push()
    web.poll()
    await web.untilAwaited('r3')
    await web.fail()
    if (onFailure === 'RollBack') await web.goBack()
    else {
      await web.untilReason('RolloutFailed')
      await web.annotate({ [hand.pin]: 'r1' })
      await web.release('r1')
    }
    await restart()
    await web.annotate({ [hand.pin]: null, [hand.reconcileRequestedAt]: 'now' })
    await web.until('the request to be noted', ({ status }) => status?.lastHandledReconcileRequest === 'now')
    const held = await web.untilReason(onFailure === 'Hold' ? 'Quarantined' : 'RolledBack')

    t.match(held.status, { current: { tag: 'r1' }, quarantine: [{ tag: 'r3' }] })
    t.notOk(held.status?.rollout)
    t.notOk(held.status?.history?.some(({ tag }) => tag === 'r2'))
  })
}

t.test(
  'of a ConfigMap it is the content that is in quarantine, too: with another the same image is tried',
  async (t) => {
    const web = await loop.deliver('other-content', {
      manifests: { configMap: { name: 'source' } },
      rollout: { onFailure: 'Hold' },
    })
    const write = async (a: string) => {
      const all = [settings({ a }), workload(web.namespace)].map((one) => JSON.stringify(one)).join('\n---\n')
      if ((await web.object('v1/configmaps/source')) === undefined)
        await web.create('v1/configmaps', { metadata: { name: 'source' }, data: { all } })
      else await web.edit('v1/configmaps/source', { data: { all } })
    }
    await write('1')
    web.registry.push({ hasBundle: false })
    web.poll()
    await web.release('r1')
    await write('2')
    web.registry.push({ hasBundle: false })
    web.poll()
    await web.untilAwaited('r2')
    await web.fail()
    await web.untilReason('RolloutFailed')
    await web.annotate({ [hand.pin]: 'r1' })
    await web.release('r1')
    await restart()

    await web.annotate({ [hand.pin]: null })
    await web.untilReason('Quarantined')
    await write('3')
    await web.annotate({ [hand.reconcileRequestedAt]: 'now' })

    t.match((await web.release('r2')).status, { current: { tag: 'r2' } })
    t.match(await web.object(configMap), { data: { a: '3' } })
  },
)

t.test('a retry rolls out what failed once more, once', async (t) => {
  const web = await rolledOutBadly('retry')
  await web.goBack()

  await web.annotate({ [hand.retry]: 'r2' })
  await web.untilAwaited('r2')
  await web.fail()
  const back = await web.goBack()
  t.match(back.status, { lastHandledRetry: 'r2', quarantine: [{ tag: 'r2' }], current: { tag: 'r1' } })
  await web.annotate({ [hand.retry]: 'nothing at all' })
  await web.until('the odd one to be noted', ({ status }) => status?.lastHandledRetry === 'nothing at all')
  await web.untilEvent('Warning RetryNotFound')
})

t.test('a retry of what is not the last that was tried lets it out of quarantine, and rolls nothing out', async (t) => {
  const web = await rolledOutBadly('let-out')
  const { status } = await web.goBack()
  const digest = status?.quarantine?.[0]?.digest ?? ''
  web.registry.push()
  web.poll()
  await web.release('r3')

  const retry = `${digest}/after-all`
  await web.annotate({ [hand.retry]: retry })
  const free = await web.until('the request to be heeded', ({ status }) => status?.lastHandledRetry === retry)

  t.notOk(free.status?.quarantine)
  t.notOk(free.status?.rollout)
  t.match(free.status, { current: { tag: 'r3' } })
  await web.untilEvent('Normal LetOut')
})

t.test('a retry may name a digest', async (t) => {
  const web = await rolledOutBadly('retry-digest')
  const { status } = await web.goBack()

  await web.annotate({ [hand.retry]: status?.failed?.revision.digest ?? '' })

  const again = await web.release('r2')
  t.match(again.status, { current: { tag: 'r2' }, lastHandledRetry: /^sha256:/ })
  t.notOk(again.status?.quarantine)
})

t.test('a release completes though the registry went down in the midst of it', async (t) => {
  const web = await running('registry-down')
  web.registry.push({ documents: [settings({ a: '2' }), workload(web.namespace)] })
  web.poll()
  await web.untilAwaited('r2')
  web.registry.fail()
  web.poll()
  await web.remove(configMap)
  await web.untilObject(configMap, (object) => dataOf(object)?.['a'] === '2')

  t.match((await web.release('r2')).status, { current: { tag: 'r2' } })
})

t.test('a copy that was changed is not used: it is made anew from the registry, and told', async (t) => {
  const web = await running('copy-lost')
  const { current } = (await web.delivery()).status ?? {}
  const copy = `apps/v1/controllerrevisions/${current?.snapshot?.name}`
  t.ok(await web.object(copy))
  await web.remove(copy)

  await web.edit(configMap, { data: { a: '3' } })

  await web.untilObject(configMap, (object) => dataOf(object)?.['a'] === '1')
  await web.untilEvent('Warning SnapshotLost')
  t.ok(await web.object(copy), 'the same again')
})

t.test('a pod of a StatefulSet that is stuck at what failed is deleted as the account, and no other', async (t) => {
  const web = await loop.deliver('stuck', { rollout: { timeout: '6s' } })

  const writes = await loop.writesDuring(async () => {
    await failWithPods(web, 'web-0')
    t.ok(await web.object('v1/pods/web-0'), 'it is not touched before')
    await playStatefulSet(web, goneBack)
    await web.untilObject('v1/pods/web-0', (object) => object === undefined)
    await makePod(web, 'web-0', 'web-a')
    await playStatefulSet(web, runsWell)
    t.match((await web.untilRolledBack()).status, { current: { tag: 'r1' }, failed: { revision: { tag: 'r2' } } })
  })

  const ofPods = writes.filter(
    ({ objectRef, impersonatedUser }) =>
      objectRef?.namespace === web.namespace && objectRef.resource === 'pods' && impersonatedUser,
  )
  t.same(
    ofPods.map(({ verb, impersonatedUser }) => `${verb} as ${impersonatedUser?.username}`),
    [`delete as system:serviceaccount:${web.namespace}:deployer`],
  )
})

t.test('a stuck pod that may not be deleted holds up no other', async (t) => {
  const label = 'one-pod-stays'
  const unless = "oldObject.metadata.name != 'web-0'"
  await installRefusal(loop.cluster, { label, operations: ['DELETE'], resource: 'pods', unless })
  const web = await loop.deliver('stuck-beside', { rollout: { timeout: '6s' } })
  await labelNamespace(loop.cluster, web.namespace, label, true)
  await failWithPods(web, 'web-0', 'web-1')

  await playStatefulSet(web, goneBack)
  await web.untilObject('v1/pods/web-1', (object) => object === undefined)

  t.ok(await web.object('v1/pods/web-0'))
  await labelNamespace(loop.cluster, web.namespace, label, false)
  await web.untilObject('v1/pods/web-0', (object) => object === undefined)
})

t.test('three copies are kept', async (t) => {
  const web = await running('copies')
  for (const tag of ['r2', 'r3', 'r4', 'r5']) {
    web.registry.push()
    web.poll()
    await web.release(tag)
  }

  const { items } = (await web.object('apps/v1/controllerrevisions')) as unknown as { items: readonly unknown[] }
  t.equal(items.length, 3)
})

const steps: Record<string, (web: Tenancy) => Promise<unknown>> = {
  'as it begins': (web) => web.until('the failure to be known', ({ status }) => status?.failed !== undefined),
  'while it waits': (web) => web.untilGoingBack(),
}
for (const [when, until] of Object.entries(steps)) {
  t.test(`going back that is cut short ${when} is finished by the next leader`, async (t) => {
    const web = await rolledOutBadly('cut-short')
    await until(web)
    await restart()
    await web.untilGoingBack()
    await web.rollOut()

    t.match((await web.untilRolledBack()).status, {
      current: { tag: 'r1' },
      quarantine: [{ tag: 'r2' }],
      history: [{ tag: 'r1', outcome: 'RolledBack' }, { tag: 'r2', outcome: 'Failed' }, { tag: 'r1' }],
    })
    web.poll()
    t.match((await web.delivery()).status?.highWater, { tag: 'r2' })
  })
}

/** A Delivery in which its first push runs. */
async function running(purpose: string, spec: TestSpec = {}): Promise<Tenancy> {
  const web = await loop.deliver(purpose, spec)
  web.registry.push({ documents: [settings({ a: '1' }), workload(web.namespace)] })
  web.poll()
  await web.release('r1')
  return web
}

/** A Delivery whose second push was rolled out and is failing. */
async function rolledOutBadly(purpose: string, spec: TestSpec = {}): Promise<Tenancy> {
  const web = await running(purpose, spec)
  web.registry.push()
  web.poll()
  await web.untilAwaited('r2')
  await web.fail()
  return web
}

/** Another leader goes on, with nothing in memory. */
async function restart(): Promise<void> {
  await loop.stop()
  epoch += 1
  await loop.start(epoch)
}

function isRolledBack({ status }: Delivery): boolean {
  return status?.rollout === undefined && status?.history?.[0]?.outcome === 'RolledBack'
}

function specOf(object: { readonly [field: string]: unknown } | undefined): unknown {
  return object?.['spec']
}

function dataOf(object: { readonly [field: string]: unknown } | undefined) {
  return object?.['data'] as Readonly<Record<string, string>> | undefined
}

function statefulSetOf({ namespace }: Tenancy): object {
  const { spec } = workload(namespace) as { readonly spec: object }
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name: 'web' },
    spec: { ...spec, serviceName: 'web' },
  }
}

interface StatefulSetStatus {
  readonly readyReplicas: number
  readonly updatedReplicas: number
  readonly currentRevision: string
  readonly updateRevision: string
}

const runsWell = { readyReplicas: 1, updatedReplicas: 1, currentRevision: 'web-a', updateRevision: 'web-a' }
const rollsOut = { readyReplicas: 0, updatedReplicas: 1, currentRevision: 'web-a', updateRevision: 'web-b' }
const goneBack = { readyReplicas: 0, updatedReplicas: 0, currentRevision: 'web-a', updateRevision: 'web-a' }

/** Brings a StatefulSet to run, and a second release of it to be gone back from, with these pods that never get ready. */
async function failWithPods(web: Tenancy, ...pods: readonly string[]): Promise<void> {
  web.registry.push({ documents: [statefulSetOf(web)] })
  web.poll()
  await web.untilAwaited('r1')
  await playStatefulSet(web, runsWell)
  await web.until('r1 to run', ({ status }) => status?.current?.tag === 'r1' && status.rollout === undefined)
  web.registry.push({ documents: [statefulSetOf(web)] })
  web.poll()
  await web.untilAwaited('r2')
  for (const pod of pods) await makePod(web, pod, 'web-b')
  await playStatefulSet(web, rollsOut)
  await web.untilGoingBack()
}

/** Plays the controller of the StatefulSet. */
async function playStatefulSet(web: Tenancy, status: StatefulSetStatus): Promise<void> {
  const { metadata } = (await web.object(statefulSet)) as KubeObject
  await web.edit(`${statefulSet}/status`, {
    status: {
      ...status,
      observedGeneration: metadata.generation,
      replicas: 1,
      availableReplicas: status.readyReplicas,
    },
  })
}

/** A pod of the StatefulSet, made to that revision of its template. */
async function makePod(web: Tenancy, name: string, revision: string): Promise<void> {
  const { uid } = ((await web.object(statefulSet)) as KubeObject).metadata
  await web.create('v1/pods', {
    metadata: {
      name,
      labels: { app: 'web', 'controller-revision-hash': revision },
      ownerReferences: [{ apiVersion: 'apps/v1', kind: 'StatefulSet', name: 'web', uid, controller: true }],
    },
    spec: { serviceAccountName: 'deployer', containers: [{ name: 'web', image: 'none' }] },
  })
}
