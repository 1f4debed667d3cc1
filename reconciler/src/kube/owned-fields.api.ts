import type { Test } from 'tap'
import t from 'tap'
import { sharedApiServer } from '../../../bootstrap/local/testing.ts'
import { ownedFieldsHash, ownershipHint } from '../core/owned-fields.ts'
import { createObjectStore } from './apply.ts'
import { objectPath } from './paths.ts'
import type { KubeObject } from './ports.ts'
import { testCluster } from './test-cluster.ts'
import { samples, type Sample } from './test-objects.ts'

t.setTimeout(120_000)
const server = await sharedApiServer(t)
const cluster = testCluster(t, server)
const { signal } = cluster
const namespace = await cluster.namespace('owned fields')
const tenant = await cluster.tenant(namespace, 'deployer')
const store = createObjectStore(cluster.admin)

function patch(object: KubeObject, body: object, fieldManager: string, subresource = ''): Promise<KubeObject> {
  return cluster.admin.request<KubeObject>({
    method: 'PATCH',
    path: `${objectPath({ ...object, namespace, name: object.metadata.name })}${subresource}`,
    query: { fieldManager },
    body,
    contentType: 'application/merge-patch+json',
    what: `patch ${object.kind}`,
    signal,
  })
}

async function read({ apiVersion, kind, metadata }: KubeObject): Promise<KubeObject> {
  const object = await store.get({ apiVersion, kind, namespace, name: metadata.name }, tenant, signal)
  if (object === undefined) throw new Error(`${kind} ${metadata.name} is gone`)
  return object
}

const statuses: Readonly<Record<string, object>> = {
  DaemonSet: { numberReady: 1, desiredNumberScheduled: 1, currentNumberScheduled: 1, numberMisscheduled: 0 },
  Deployment: { replicas: 2, readyReplicas: 1, observedGeneration: 1 },
  StatefulSet: { replicas: 1, observedGeneration: 1 },
  HorizontalPodAutoscaler: { currentReplicas: 2, desiredReplicas: 3, conditions: [] },
  CronJob: { lastScheduleTime: '2026-01-02T03:04:05Z' },
  Ingress: { loadBalancer: { ingress: [{ ip: '10.0.0.1' }] } },
  PersistentVolumeClaim: { phase: 'Bound' },
  PodDisruptionBudget: { currentHealthy: 1, desiredHealthy: 1, disruptionsAllowed: 0, expectedPods: 2 },
}

const laterStatuses: Readonly<Record<string, object>> = {
  DaemonSet: { numberReady: 0 },
  Deployment: { readyReplicas: 2 },
  StatefulSet: { replicas: 0 },
  HorizontalPodAutoscaler: { currentReplicas: 3 },
  CronJob: { lastScheduleTime: '2026-01-02T04:04:05Z' },
  Ingress: { loadBalancer: { ingress: [{ ip: '10.0.0.2' }] } },
  PersistentVolumeClaim: { phase: 'Lost' },
  PodDisruptionBudget: { currentHealthy: 2 },
}

for (const sample of samples(namespace)) {
  await t.test(`${sample.object.kind}: what we own, and only that, makes the hash`, async (t) => {
    const { object } = sample
    const applied = await store.apply(object, { tenant, signal })
    const hash = ownedFieldsHash(applied)
    t.match(hash, /^[0-9a-f]{64}$/)
    t.equal(ownedFieldsHash(await read(object)), hash, 'as it is read')
    t.equal(ownedFieldsHash(await store.apply(object, { tenant, signal })), hash, 'as it is applied again')

    const status = statuses[object.kind]
    if (status !== undefined) {
      await patch(object, { status }, 'controller', '/status')
      const after = await read(object)
      t.not(after.metadata.resourceVersion, applied.metadata.resourceVersion, 'a controller wrote its status')
      t.equal(ownedFieldsHash(after), hash, 'which changes no hash')
      await patch(object, { status: { ...status, ...laterStatuses[object.kind] } }, 'controller', '/status')
      const later = await read(object)
      t.not(later.metadata.resourceVersion, after.metadata.resourceVersion, 'and wrote it again')
      // Where no generation is counted, the first status ever written is told from a change of spec by a read.
      const known = applied.metadata.generation === undefined ? after : applied
      t.equal(ownershipHint(later), ownershipHint(known), 'and is no reason to read the object')
    }

    await patch(object, { metadata: { annotations: { note: 'of another hand' } } }, 'kubectl-annotate')
    t.equal(ownedFieldsHash(await read(object)), hash, 'nor does a field of another hand')
    await hands(t, sample, hash)
  })
}

/** Another hand changes a field of ours, then the next takes it back by force. */
async function hands(t: Test, { object, change }: Sample, hash: string | undefined): Promise<void> {
  const before = await read(object)
  await patch(object, change, 'kubectl-edit')
  const after = await read(object)
  t.not(ownedFieldsHash(after), hash, 'another hand changed a field of ours')
  t.not(ownershipHint(after), ownershipHint(before), 'and a metadata event shows it')
  const corrected = await store.apply(object, { tenant, force: true, signal })
  t.equal(ownedFieldsHash(corrected), hash, 'taken back, it is as it was')
}

t.test('defaults and fields of others below a field of ours that is empty are no drift', async (t) => {
  const sample = samples(namespace).find(({ object }) => object.kind === 'Deployment')
  if (sample === undefined) throw new Error('there is no Deployment among the samples')
  const object = { ...sample.object, metadata: { ...sample.object.metadata, name: 'filled' } }
  const hash = ownedFieldsHash(await store.apply(object, { tenant, signal }))
  const template = {
    spec: {
      securityContext: { runAsNonRoot: true },
      volumes: [{ name: 'tmp', emptyDir: { sizeLimit: '1Gi' } }],
      containers: [
        { name: 'main', resources: { requests: { 'ephemeral-storage': '1Gi' } }, env: [{ name: 'B', value: '2' }] },
      ],
    },
  }
  await cluster.admin.request({
    method: 'PATCH',
    path: objectPath({ ...object, namespace, name: 'filled' }),
    query: { fieldManager: 'kubectl-patch' },
    body: { spec: { template } },
    contentType: 'application/strategic-merge-patch+json',
    what: 'patch',
    signal,
  })
  t.equal(ownedFieldsHash(await read(object)), hash)
})

t.test('a field of ours that another hand removes is drift, and comes back without force', async (t) => {
  const sample = samples(namespace).find(({ object }) => object.kind === 'ConfigMap')
  if (sample === undefined) throw new Error('there is no ConfigMap among the samples')
  const object = { ...sample.object, metadata: { ...sample.object.metadata, name: 'removed' } }
  const applied = await store.apply(object, { tenant, signal })
  await patch(object, { data: null }, 'kubectl-edit')
  const after = await read(object)
  t.not(ownedFieldsHash(after), ownedFieldsHash(applied))
  t.not(ownershipHint(after), ownershipHint(applied))
  t.equal(ownedFieldsHash(await store.apply(object, { tenant, signal })), ownedFieldsHash(applied))
})
