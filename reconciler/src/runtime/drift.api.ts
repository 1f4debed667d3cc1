import { isDeepStrictEqual } from 'node:util'
import t from 'tap'
import { operatorAnnotations as hand } from '../api/annotations.ts'
import type { Delivery } from '../api/delivery.ts'
import type { KubeObject } from '../api/object.ts'
import { installRefusal, labelNamespace } from './test-admission.ts'
import { conditionOf, TestLoop, type Tenancy, type TestSpec } from './test-loop.ts'
import { settings, workload } from './test-registry.ts'

t.setTimeout(240_000)

const loop = await TestLoop.open(t)
await loop.start()

const deployment = 'apps/v1/deployments/web'
const configMap = 'v1/configmaps/settings'

const undeletable = 'undeletable'
await installRefusal(loop.cluster, { label: undeletable, operations: ['DELETE'], unless: 'false', reason: 'Invalid' })

const edits: Record<string, (web: Tenancy) => Promise<void>> = {
  'a scale': (web) => web.edit(deployment, { spec: { replicas: 5 } }),
  'another image': (web) => {
    const podSpec = { containers: [{ name: 'web', image: 'nginx' }] }
    return web.edit(deployment, { spec: { template: { spec: podSpec } } }, 'strategic-merge')
  },
  'a value of a ConfigMap': (web) => web.edit(configMap, { data: { a: '2' } }),
  'a value that is taken out': (web) => web.edit(configMap, { data: { a: null } }),
  'our label': (web) => web.edit(configMap, { metadata: { labels: { 'windlass.dev/delivery': 'other' } } }),
  'our mark': (web) => web.edit(configMap, { metadata: { annotations: { 'windlass.dev/owner': null } } }),
  'a deletion': (web) => web.remove(configMap),
}
for (const [what, edit] of Object.entries(edits)) {
  t.test(`${what} is taken back, and told`, async (t) => {
    const web = await running('drift')
    const before = [fieldsOf(await web.object(deployment)), fieldsOf(await web.object(configMap))]

    await edit(web)
    await web.untilEvent('Normal DriftCorrected')

    t.same([fieldsOf(await web.object(deployment)), fieldsOf(await web.object(configMap))], before)
    await web.until('nothing to be drifted', ({ status }) => status?.drifted === undefined)
    t.match((await web.delivery()).status, { current: { tag: 'r1' }, summary: { state: 'Ready' } })
  })
}

t.test('what runs is taken back as it was, though the spec names another repository by now', async (t) => {
  const web = await running('moving')
  const next = await loop.deliver('moved')
  const before = fieldsOf(await web.object(deployment))
  await web.editSpec({ image: { repository: `contoso.azurecr.io/${next.namespace}` } })

  await web.edit(deployment, { spec: { replicas: 5 } })
  await web.untilEvent('Normal DriftCorrected')

  t.same(fieldsOf(await web.object(deployment)), before)
})

t.test('another repository is released from, whatever was released from the one before', async (t) => {
  const web = await running('other-before')
  web.registry.push({ documents: documentsOf(web, '2') })
  web.poll()
  await web.release('r2')
  const next = await loop.deliver('other-after')
  next.registry.push()
  await web.editSpec({ image: { repository: `contoso.azurecr.io/${next.namespace}` } })

  const { status } = await web.release('r1')
  t.match(status, {
    current: { tag: 'r1', repository: `contoso.azurecr.io/${next.namespace}` },
    highWater: { tag: 'r1' },
  })
})

t.test('what others may change is no drift', async (t) => {
  const web = await running('no-drift')

  const requests = await loop.requestsDuring(async () => {
    await web.edit(deployment, { metadata: { annotations: { note: 'theirs' } } })
    await web.edit(configMap, { data: { theirs: '1' } })
    await web.reconcileNow()
  })

  const applied = requests.filter(({ requestURI }) => requestURI.includes('fieldManager=windlass&'))
  t.same(
    applied.filter(({ objectRef }) => objectRef?.namespace === web.namespace).map(({ requestURI }) => requestURI),
    [],
  )
  t.match(await web.object(configMap), { data: { a: '1', theirs: '1' } })
})

t.test('a change of status is not even read', async (t) => {
  const web = await running('status')
  await web.untilEvent('Normal Ready')

  const requests = await loop.requestsDuring(async () => {
    await web.edit(`${deployment}/status`, { status: { availableReplicas: 0, readyReplicas: 0 } })
    await web.edit(`${deployment}/status`, { status: { availableReplicas: 1, readyReplicas: 1 } })
    await new Promise((resolve) => setTimeout(resolve, 300))
  })

  t.same(
    requests.filter(({ verb }) => verb === 'get').map(({ requestURI }) => requestURI),
    [],
  )
})

t.test('where drift is only reported, it stays, is shown, and goes with the next release', async (t) => {
  const web = await running('reported', { drift: 'Report' })
  await web.edit(configMap, { data: { a: '2' } })

  const reported = await web.untilReason('DriftDetected')
  t.match(reported.status, { drifted: [{ kind: 'ConfigMap', name: 'settings' }], current: { tag: 'r1' } })
  t.match(await web.object(configMap), { data: { a: '2' } })

  web.registry.push({ documents: documentsOf(web, '3') })
  web.poll()
  t.notOk((await web.release('r2')).status?.drifted)
  t.match(await web.object(configMap), { data: { a: '3' } })
})

t.test('what another hand changes in mid-rollout is written again before the release counts as running', async (t) => {
  const web = await running('mid-rollout')
  web.registry.push({ documents: documentsOf(web, '2') })
  web.poll()
  await web.untilAwaited('r2')
  const before = fieldsOf(await web.object(deployment))

  await edits['another image']?.(web)
  await web.rollOut()
  await web.untilObject(deployment, (object) => isDeepStrictEqual(fieldsOf(object), before))

  t.match((await web.release('r2')).status, { current: { tag: 'r2' }, history: [{ tag: 'r2', outcome: 'Ready' }] })
  t.same(fieldsOf(await web.object(deployment)), before)
})

t.test('where drift is only reported, a release that another hand changed in mid-rollout does not run', async (t) => {
  const web = await running('reported-mid-rollout', {
    drift: 'Report',
    rollout: { timeout: '5s', onFailure: 'Hold' },
  })
  web.registry.push({ documents: documentsOf(web, '2') })
  web.poll()
  await web.untilAwaited('r2')

  await edits['another image']?.(web)
  await web.rollOut()
  await web.until('the change to be shown', ({ status }) => status?.drifted?.[0]?.name === 'web')

  const failed = await web.untilReason('RolloutTimeout')
  t.match(failed.status, { current: { tag: 'r1' }, rollout: { message: /by another hand: Deployment\/web/ } })
})

t.test('a field that another apply manager took is not forced, and holds up nothing else', async (t) => {
  const web = await running('taken')
  const theirs = { ...settings({ a: 'theirs' }), metadata: { name: 'settings' } }
  await loop.applyAs('helm', web, theirs)

  const held = await web.untilReason('FieldConflict')
  t.match(conditionOf(held, 'Ready')?.message, /ConfigMap .*settings.*helm/)
  t.match(await web.object(configMap), { data: { a: 'theirs' } })

  await web.edit(deployment, { spec: { replicas: 5 } })
  await web.untilObject(deployment, (object) => (object?.['spec'] as { replicas?: number } | undefined)?.replicas === 1)
  t.match(await web.object(configMap), { data: { a: 'theirs' } })
})

t.test('an object that is being deleted is made anew once it is gone', async (t) => {
  const web = await running('going')
  await web.edit(configMap, { metadata: { finalizers: ['example.org/theirs'] } })
  const uid = (await web.object(configMap))?.metadata.uid
  await web.remove(configMap)
  await web.untilObject(configMap, (object) => object?.metadata.deletionTimestamp !== undefined)

  await web.edit(configMap, { metadata: { finalizers: null } })

  await web.untilObject(configMap, (object) => object !== undefined && object.metadata.uid !== uid)
  t.match((await web.untilReason('Ready')).status, { current: { tag: 'r1' } })
})

t.test('drift that came while nobody was there is found at the start', async (t) => {
  const web = await running('away')
  await loop.stop()
  await web.edit(configMap, { data: { a: '2' } })

  await loop.start()

  await web.untilObject(configMap, (object) => fieldsOf(object)?.data?.a === '1')
  await web.untilEvent('Normal DriftCorrected')
  t.match((await web.delivery()).status, { current: { tag: 'r1' } })
})

t.test('what a release no longer holds is deleted once it is ready, not before', async (t) => {
  const web = await running('pruned')
  web.registry.push({ documents: [workload(web.namespace)] })
  web.poll()
  await web.untilAwaited('r2')
  t.ok(await web.object(configMap), 'the older pods may still read it')

  const { status } = await web.release('r2')

  t.notOk(await web.object(configMap))
  t.same(
    status?.inventory?.map(({ name }) => name),
    ['web'],
  )
})

t.test('what may not be deleted is told once, however often it is tried, and goes once it may', async (t) => {
  const web = await running('undeletable')
  const told = await heldUp(web)
  t.match(told.status, { current: { tag: 'r2' } })
  t.equal(conditionOf(told, 'Stalled')?.status, 'False', 'what runs is well')

  const writes = await loop.writesDuring(async () => {
    for (const value of ['1', '2', '3']) await web.reconcileNow(value)
  })

  t.same(conditionOf(await web.delivery(), 'Ready'), conditionOf(told, 'Ready'))
  const ofStatus = writes.filter(
    ({ objectRef }) => objectRef?.namespace === web.namespace && objectRef.subresource === 'status',
  )
  const answers = ofStatus.map(({ responseStatus }) => responseStatus?.code)
  t.same(answers, [200, 200, 200], 'each request was noted, and nothing else')
  await labelNamespace(loop.cluster, web.namespace, undeletable, false)
  await web.reconcileNow('4')
  await web.untilObject(configMap, (object) => object === undefined)
  t.match((await web.untilReason('Ready')).status, { current: { tag: 'r2' } })
})

t.test('while something may not be deleted, what another hand changes is told', async (t) => {
  const web = await running('undeletable-drift', { drift: 'Report' })
  await heldUp(web)

  await web.edit(deployment, { spec: { replicas: 5 } })
  const { status } = await web.until('the drift to be told', ({ status }) => (status?.drifted ?? []).length > 0)

  t.match(status, { rollout: { phase: 'Pruning' }, drifted: [{ kind: 'Deployment', name: 'web' }] })
  t.same((await web.reconcileNow('again')).status?.drifted, status?.drifted)
})

t.test('what can not be taken back holds up no deletion', async (t) => {
  const web = await running('undeletable-taken')
  web.registry.push({ documents: [...documentsOf(web, '1'), settings({}, 'more')] })
  web.poll()
  await web.release('r2')
  await heldUp(web, documentsOf(web, '1'))
  await loop.applyAs('helm', web, settings({ a: 'theirs' }))
  await web.untilReason('FieldConflict')

  await labelNamespace(loop.cluster, web.namespace, undeletable, false)
  await web.reconcileNow('now')

  await web.untilObject('v1/configmaps/more', (object) => object === undefined)
  const { status } = await web.until('nothing to be left to delete', ({ status }) => status?.rollout === undefined)
  t.match(status, { current: { tag: 'r3' }, summary: { state: 'FieldConflict' } })
})

t.test('beside a paused object drift of the others is taken back, and nothing is deleted', async (t) => {
  const web = await running('beside-paused')
  web.registry.push({ documents: [...documentsOf(web, '1'), settings({}, 'more')] })
  web.poll()
  await web.release('r2')
  web.registry.push({ documents: documentsOf(web, '1') })
  web.poll()
  await web.untilAwaited('r3')
  await web.edit(configMap, { metadata: { annotations: { [hand.paused]: 'true' } } })
  await web.rollOut()
  await web.until('r3 to run', ({ status }) => status?.current?.tag === 'r3')

  const before = fieldsOf(await web.object(deployment))
  await web.edit(deployment, { spec: { replicas: 5 } })
  await web.untilObject(deployment, (object) => isDeepStrictEqual(fieldsOf(object), before))
  const held = await web.reconcileNow('now')

  t.match(held.status, { rollout: { phase: 'Pruning' } })
  t.match(conditionOf(held, 'Ready'), { message: /nothing is deleted/ })
  t.ok(await web.object('v1/configmaps/more'))
  await web.edit(configMap, { metadata: { annotations: { [hand.paused]: null } } })
  await web.untilObject('v1/configmaps/more', (object) => object === undefined)
})

t.test('what may not be deleted yet is kept for good once spec.prune is taken back', async (t) => {
  const web = await running('kept-after-all')
  await heldUp(web)

  await web.editSpec({ prune: false })
  const { status } = await web.until('nothing to be left to delete', ({ status }) => status?.rollout === undefined)
  await labelNamespace(loop.cluster, web.namespace, undeletable, false)
  await web.reconcileNow('now')

  t.match(status, { current: { tag: 'r2' }, summary: { state: 'Ready' } })
  t.equal(status?.inventory?.length, 1, 'it is forgotten')
  t.ok(await web.object(configMap))
})

t.test('without prune it is left behind', async (t) => {
  const web = await running('left', { prune: false })
  web.registry.push({ documents: [workload(web.namespace)] })
  web.poll()

  const { status } = await web.release('r2')

  t.ok(await web.object(configMap))
  t.equal(status?.inventory?.length, 1)
})

t.test('an object that says so is never deleted', async (t) => {
  const web = await running('kept')
  await web.edit(configMap, { metadata: { annotations: { [hand.prune]: 'disabled' } } })
  web.registry.push({ documents: [workload(web.namespace)] })
  web.poll()

  await web.release('r2')

  t.ok(await web.object(configMap))
})

t.test('an object that another hand made anew is not deleted', async (t) => {
  const web = await running('anew')
  web.registry.push({ documents: [workload(web.namespace)] })
  web.poll()
  await web.untilAwaited('r2')
  await web.remove(configMap)
  await web.create('v1/configmaps', { metadata: { name: 'settings' }, data: { theirs: '1' } })

  await web.release('r2')

  t.match(await web.object(configMap), { data: { theirs: '1' } })
})

t.test('data is never deleted', async (t) => {
  const web = await loop.deliver('claim')
  const claim = {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name: 'data' },
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
  }
  web.registry.push({ documents: [workload(web.namespace), claim] })
  web.poll()
  await web.untilAwaited('r1')
  await web.edit('v1/persistentvolumeclaims/data/status', { status: { phase: 'Bound' } })
  await web.release('r1')
  web.registry.push({ documents: [workload(web.namespace)] })
  web.poll()

  const { status } = await web.release('r2')

  t.ok(await web.object('v1/persistentvolumeclaims/data'))
  t.equal(status?.inventory?.length, 1)
})

/** A Delivery in which its first push runs: a Deployment and a ConfigMap. */
async function running(purpose: string, spec: TestSpec = {}): Promise<Tenancy> {
  const web = await loop.deliver(purpose, spec)
  web.registry.push({ documents: documentsOf(web, '1') })
  web.poll()
  await web.release('r1')
  return web
}

/** The next release holds less, and what is left of the one before may not be deleted. */
async function heldUp(web: Tenancy, documents: readonly object[] = [workload(web.namespace)]): Promise<Delivery> {
  await labelNamespace(loop.cluster, web.namespace, undeletable, true)
  web.registry.push({ documents })
  web.poll()
  await web.untilAwaited(web.registry.latest)
  await web.rollOut()
  return web.untilReason('ApplyRefused')
}

function documentsOf({ namespace }: Tenancy, a: string): readonly object[] {
  return [workload(namespace), settings({ a })]
}

interface Fields {
  readonly spec?: unknown
  readonly data?: { readonly a?: string }
  readonly labels?: object
  readonly annotations?: object
}

/** What a release sets of an object. */
function fieldsOf(object: KubeObject | undefined): Fields | undefined {
  if (object === undefined) return undefined
  const { labels = {}, annotations = {} } = object.metadata
  return { spec: object['spec'], data: object['data'] ?? {}, labels, annotations }
}
