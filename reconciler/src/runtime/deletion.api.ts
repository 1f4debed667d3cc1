import t from 'tap'
import { deletionFinalizer, operatorAnnotations as hand } from '../api/annotations.ts'
import type { DeliverySpec } from '../api/delivery.ts'
import { deletionPatienceMs } from '../core/deletion.ts'
import type { Rule } from '../kube/test-cluster.ts'
import { TestLoop, type Tenancy } from './test-loop.ts'
import { settings, workload } from './test-registry.ts'

t.setTimeout(240_000)

const loop = await TestLoop.open(t)
await loop.start()

const deployment = 'apps/v1/deployments/web'
const configMap = 'v1/configmaps/settings'
const claim = 'v1/persistentvolumeclaims/data'

t.test('by default what was delivered stays, and no finalizer keeps the Delivery', async (t) => {
  const web = await running('orphaned', {})
  t.notOk((await web.delivery()).metadata.finalizers)

  await web.removeDelivery()

  t.notOk(await find(web))
  t.same(await left(web), [deployment, configMap, claim])
})

t.test('with the policy Delete it goes with the Delivery, but data and what is to be kept', async (t) => {
  const web = await running('deleted')
  await web.create('v1/configmaps', { metadata: { name: 'theirs' }, data: { a: '1' } })

  const writes = await loop.writesDuring(async () => {
    await web.removeDelivery()
    await untilGone(web)
  })

  t.same(await left(web), [claim])
  t.ok(await web.object('v1/configmaps/theirs'))
  await web.untilEvent('Normal Deleted')
  const deletions = writes.filter(({ verb, objectRef }) => verb === 'delete' && objectRef?.namespace === web.namespace)
  t.same(
    deletions.map(({ objectRef }) => objectRef?.resource),
    ['deliveries', 'deployments', 'configmaps'],
    'in the opposite order of the one in which they were written',
  )
})

t.test('the finalizer stands before the first object is written', async (t) => {
  const web = await loop.deliver('first', { deletionPolicy: 'Delete' })
  const { metadata } = await web.until('the finalizer', (delivery) => delivery.metadata.finalizers !== undefined)

  t.same(metadata.finalizers, [deletionFinalizer])
  t.notOk(await web.object(deployment))
})

t.test('a change of policy sets the finalizer and takes it away', async (t) => {
  const web = await running('changed', {})

  await web.editSpec({ deletionPolicy: 'Delete' })
  const kept = await web.until('the finalizer', ({ metadata }) => metadata.finalizers !== undefined)
  t.same(kept.metadata.finalizers, [deletionFinalizer])
  await web.editSpec({ deletionPolicy: 'Orphan' })
  await web.until('no finalizer', ({ metadata }) => metadata.finalizers === undefined)

  await web.removeDelivery()
  t.same(await left(web), [deployment, configMap, claim])
})

t.test('the policy is still heeded when it changes after the deletion', async (t) => {
  const web = await running('late')
  await loop.stop()
  await web.removeDelivery()
  await web.editSpec({ deletionPolicy: 'Orphan' })

  await loop.start()

  await untilGone(web)
  t.same(await left(web), [deployment, configMap, claim])
  await web.untilEvent('Warning Orphaned')
})

t.test('a Delivery that is deleted while the reconciler is away goes when it is back', async (t) => {
  const web = await running('away')
  await loop.stop()
  await web.removeDelivery()
  t.ok(await find(web), 'the finalizer keeps it')

  await loop.start()

  await untilGone(web)
  t.same(await left(web), [claim])
})

t.test('long after the deletion nothing is deleted any more, and the Delivery goes', async (t) => {
  const web = await running('too-late')
  await loop.stop()
  await web.removeDelivery()

  await loop.start(2, deletionPatienceMs)

  await untilGone(web)
  t.same(await left(web), [deployment, configMap, claim])
  await web.untilEvent('Warning Orphaned')
  await loop.stop()
  await loop.start(3)
})

t.test('an object that says so is never deleted, nor one of another Delivery', async (t) => {
  const web = await running('kept')
  await web.edit(configMap, { metadata: { annotations: { [hand.prune]: 'Disabled, please' } } })
  await web.annotate({ [hand.paused]: 'true' })
  await web.until('the pause', ({ status }) => status?.summary?.state === 'Paused')
  const annotations = { 'windlass.dev/owner': `${web.namespace}/other/uid` }
  await web.edit(deployment, { metadata: { annotations } })
  await loop.stop()
  await web.annotate({ [hand.paused]: null })
  await web.removeDelivery()

  await loop.start()

  await untilGone(web)
  t.same(await left(web), [deployment, configMap, claim])
})

t.test(
  'where the Namespace is being deleted the Delivery goes at once, and nothing is asked of the account',
  async (t) => {
    const web = await running('terminating')
    const { admin, signal } = loop.cluster
    const path = `/api/v1/namespaces/${web.namespace}`
    await admin.request({ method: 'DELETE', path, what: 'delete the namespace', signal })

    const writes = await loop.writesDuring(async () => {
      await web.removeDelivery()
      await untilGone(web)
    })

    t.same(await left(web), [deployment, configMap, claim])
    t.notOk(writes.some(({ objectRef }) => objectRef?.resource === 'configmaps'))
  },
)

t.test('where the account may not delete, the Delivery goes all the same', async (t) => {
  const read = ['get', 'list', 'create', 'patch']
  const rules = [
    { apiGroups: ['', 'autoscaling'], resources: ['*'], verbs: read },
    { apiGroups: ['apps'], resources: ['*'], verbs: [...read, 'delete'] },
  ]
  const web = await running('forbidden', { deletionPolicy: 'Delete' }, rules)

  await web.removeDelivery()

  await untilGone(web)
  t.same(await left(web), [configMap, claim], 'what it may delete is deleted')
  await web.untilEvent('Warning Orphaned')
})

t.test('where the account is gone the Delivery goes all the same', async (t) => {
  const web = await running('account-gone')
  const { admin, signal } = loop.cluster
  const bindings = `/apis/rbac.authorization.k8s.io/v1/namespaces/${web.namespace}/rolebindings`
  await admin.request({ method: 'DELETE', path: bindings, what: 'delete the bindings', signal })
  await web.remove('v1/serviceaccounts/deployer')

  await web.removeDelivery()

  await untilGone(web)
  t.same(await left(web), [deployment, configMap, claim])
})

t.test('what can not be deleted yet is tried again, and the others go meanwhile', async (t) => {
  const web = await running('held')
  await forbidDeletion(web)

  await web.removeDelivery()
  const held = await web.until('what is in the way to be said', ({ status }) =>
    /ConfigMap\/settings.*not now/.test(status?.conditions?.[0]?.message ?? ''),
  )
  t.equal(held.status?.conditions?.[0]?.reason, 'Deleting')
  t.same(await left(web), [configMap, claim])

  await web.editSpec({ deletionPolicy: 'Orphan' })
  await untilGone(web)
  t.same(await left(web), [configMap, claim])
})

t.test('a deletion in mid-rollout deletes what was written so far', async (t) => {
  const web = await loop.deliver('mid-rollout', { deletionPolicy: 'Delete' })
  web.registry.push({ documents: [workload(web.namespace), settings({ a: '1' })] })
  web.poll()
  await web.untilAwaited('r1')

  await web.removeDelivery()

  await untilGone(web)
  t.same(await left(web), [])
})

/** A Delivery in which its first push runs: a Deployment, a ConfigMap and a claim. */
async function running(
  purpose: string,
  spec: Partial<DeliverySpec> = { deletionPolicy: 'Delete' },
  rules?: readonly Rule[],
): Promise<Tenancy> {
  const web = await loop.deliver(purpose, spec, rules)
  const data = {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name: 'data' },
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
  }
  web.registry.push({ documents: [workload(web.namespace), settings({ a: '1' }), data] })
  web.poll()
  await web.untilAwaited('r1')
  await web.edit(`${claim}/status`, { status: { phase: 'Bound' } })
  await web.release('r1')
  return web
}

/** An admission policy refuses to delete the ConfigMap: what somebody may mend. */
async function forbidDeletion({ namespace }: Tenancy): Promise<void> {
  const group = '/apis/admissionregistration.k8s.io/v1'
  const { cluster } = loop
  const { admin, signal } = cluster
  await cluster.create(`${group}/validatingadmissionpolicies`, {
    metadata: { name: namespace },
    spec: {
      matchConstraints: {
        resourceRules: [{ apiGroups: [''], apiVersions: ['v1'], resources: ['configmaps'], operations: ['DELETE'] }],
      },
      validations: [{ expression: 'false', message: 'not now' }],
    },
  })
  await cluster.create(`${group}/validatingadmissionpolicybindings`, {
    metadata: { name: namespace },
    spec: {
      policyName: namespace,
      validationActions: ['Deny'],
      matchResources: { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespace } } },
    },
  })
  const probe = `/api/v1/namespaces/${namespace}/configmaps/settings`
  await loop.until(async () => {
    const dryRun = { dryRun: 'All' }
    const answer = await admin.send({ method: 'DELETE', path: probe, query: dryRun, what: 'probe', signal })
    return !answer.ok
  }, 'the policy to be in force')
}

async function find(web: Tenancy): Promise<unknown> {
  return web.object('windlass.dev/v1alpha1/deliveries/web')
}

async function untilGone(web: Tenancy): Promise<void> {
  await web.untilObject('windlass.dev/v1alpha1/deliveries/web', (object) => object === undefined)
}

/** Which of them is not being deleted: a claim may wait for a controller that there is none of here. */
async function left(web: Tenancy): Promise<readonly string[]> {
  const found = await Promise.all(
    [deployment, configMap, claim].map(async (path) => ({ path, is: await web.object(path) })),
  )
  return found.flatMap(({ path, is }) =>
    is === undefined || is.metadata.deletionTimestamp !== undefined ? [] : [path],
  )
}
