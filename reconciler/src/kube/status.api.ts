import t from 'tap'
import { sharedApiServer } from '../../../bootstrap/local/testing.ts'
import type { Delivery, DeliveryStatus } from '../api/delivery.ts'
import { createStatusWriter } from './status.ts'
import { deliveryCrd, testCluster } from './test-cluster.ts'

t.setTimeout(120_000)
const server = await sharedApiServer(t)
const cluster = testCluster(t, server)
const { admin, signal } = cluster
await cluster.install(deliveryCrd)

const status: DeliveryStatus = {
  observedGeneration: 1,
  conditions: [
    {
      type: 'Ready',
      status: 'False',
      reason: 'Progressing',
      message: 'on its way',
      lastTransitionTime: '2026-01-02T03:04:05.678Z',
    },
  ],
}

async function createDelivery(purpose: string) {
  const namespace = await cluster.namespace(purpose)
  const path = `/apis/windlass.dev/v1alpha1/namespaces/${namespace}/deliveries`
  const created = await cluster.create(path, {
    apiVersion: 'windlass.dev/v1alpha1',
    kind: 'Delivery',
    metadata: { name: 'web' },
    spec: {
      image: { repository: 'registry.windlass.test/web' },
      manifests: { attached: {} },
      serviceAccountName: 'deployer',
    },
  })
  const read = () => admin.request<Delivery>({ method: 'GET', path: `${path}/web`, what: 'read the Delivery', signal })
  return { namespace, path, delivery: created as unknown as Delivery, read }
}

t.test('a status is written whole, and by what comes back the next one is', async (t) => {
  const { delivery, read } = await createDelivery('status')
  const writer = createStatusWriter(admin)
  const first = await writer.write(delivery, status, signal)
  t.match(first, { metadata: { generation: 1 }, status })
  const second = await writer.write(first, { observedGeneration: 2 }, signal)
  t.same(second.status, { observedGeneration: 2 }, 'what is not in it is gone')
  t.same(await read(), second)
  t.same(second.spec, delivery.spec)
})

t.test('a status that is the same is not sent', async (t) => {
  const { namespace, delivery } = await createDelivery('status same')
  const writer = createStatusWriter(admin)
  const first = await writer.write(delivery, status, signal)
  t.equal(await writer.write(first, { ...status, current: undefined } as unknown as DeliveryStatus, signal), first)
  const writes = await cluster.audited(
    ({ stage, verb, objectRef }) =>
      stage === 'RequestReceived' && verb === 'patch' && objectRef?.namespace === namespace,
  )
  t.equal(writes.length, 1)
})

t.test('nor is one that was cut in the midst of a character, once it is there', async (t) => {
  const { delivery, read } = await createDelivery('status cut')
  const writer = createStatusWriter(admin)
  const cut = { ...status, lastHandledRetry: 'r1/😀'.slice(0, 4) }
  const first = await writer.write(delivery, cut, signal)
  t.equal(first.status?.lastHandledRetry, 'r1/\ufffd')
  t.equal(await writer.write(first, cut, signal), first)
  t.same(await read(), first)
})

t.test('a Delivery that has changed, or is another one, or gone, is not written to', async (t) => {
  const { path, delivery, read } = await createDelivery('status conflict')
  const writer = createStatusWriter(admin)
  await writer.write(delivery, { observedGeneration: 1 }, signal)
  const late = writer.write(delivery, { observedGeneration: 9 }, signal)
  await t.rejects(late, { kind: 'retryable', reason: 'ApiConflict', message: /^write status of Delivery .*\/web: / })
  t.same((await read()).status, { observedGeneration: 1 })

  const current = await read()
  await admin.request({ method: 'DELETE', path: `${path}/web`, what: 'delete', signal })
  const gone = writer.write(current, { observedGeneration: 9 }, signal)
  await t.rejects(gone, { kind: 'retryable', reason: 'ApiConflict', message: /not found/ })
  const { metadata: _, status: __, ...rest } = current
  await cluster.create(path, { ...rest, metadata: { name: 'web' } })
  const another = writer.write(current, { observedGeneration: 9 }, signal)
  await t.rejects(another, { kind: 'retryable', reason: 'ApiConflict', message: /has been modified/ })
})

t.test('a Delivery is read as it is, and is undefined where it is gone', async (t) => {
  const { path, delivery, read } = await createDelivery('status read')
  const writer = createStatusWriter(admin)
  await writer.write(delivery, status, signal)
  t.same(await writer.read(delivery, signal), await read())

  await admin.request({ method: 'DELETE', path: `${path}/web`, what: 'delete', signal })
  t.equal(await writer.read(delivery, signal), undefined)
})

t.test('a status that its schema does not allow is a bug of ours, and told as one', async (t) => {
  const { delivery } = await createDelivery('status invalid')
  const wrong = { observedGeneration: 'one' } as unknown as DeliveryStatus
  await t.rejects(createStatusWriter(admin).write(delivery, wrong, signal), {
    kind: 'retryable',
    reason: 'InternalError',
    message: /status\.observedGeneration/,
  })
})

t.test('to write a status, patch on it is the only right that is needed', async (t) => {
  const { namespace, delivery } = await createDelivery('status rights')
  const account = await cluster.tenant(namespace, 'reconciler', [
    { apiGroups: ['windlass.dev'], resources: ['deliveries/status'], verbs: ['patch'] },
  ])
  const written = await createStatusWriter(await cluster.clientOf(account)).write(delivery, status, signal)
  t.match(written.status, status)
})
