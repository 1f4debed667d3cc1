import { randomBytes } from 'node:crypto'
import t from 'tap'
import { sharedApiServer } from '../../../bootstrap/local/testing.ts'
import type { Delivery } from '../api/delivery.ts'
import type { KubeObject, Snapshot } from './ports.ts'
import { createSnapshotStore } from './snapshots.ts'
import { testCluster, type Rule } from './test-cluster.ts'
import { configMap, samples } from './test-objects.ts'

t.setTimeout(120_000)
const server = await sharedApiServer(t)
const cluster = testCluster(t, server)
const { admin, signal } = cluster

async function setUp(purpose: string) {
  const namespace = await cluster.namespace(purpose)
  const path = `/apis/apps/v1/namespaces/${namespace}/controllerrevisions`
  const delivery = deliveryOf(namespace)
  return {
    namespace,
    path,
    delivery,
    store: createSnapshotStore(admin),
    list: async () => {
      const { items } = await admin.request<{ items: KubeObject[] }>({ method: 'GET', path, what: 'list', signal })
      return items.map(({ metadata }) => metadata.name)
    },
    replace: async ({ name }: Snapshot, data: object, uid = delivery.metadata.uid) => {
      await admin.request({ method: 'DELETE', path: `${path}/${name}`, what: 'delete', signal })
      const owner = { apiVersion: 'windlass.dev/v1alpha1', kind: 'Delivery', name: 'web', uid }
      await cluster.create(path, { metadata: { name, ownerReferences: [owner] }, data, revision: 1 })
    },
  }
}

/** There is no garbage collector here that would look for it. */
function deliveryOf(namespace: string, name = 'web', uid = '0f5b2c1a-2d5e-4c43-9f0e-0b4f9d0f7a11'): Delivery {
  return { metadata: { namespace, name, uid } } as unknown as Delivery
}

t.test('a release is kept, and comes back as it was', async (t) => {
  const { namespace, path, delivery, store } = await setUp('snapshot')
  const objects = samples(namespace).map(({ object }) => object)
  const snapshot = await store.save(delivery, objects, signal)
  t.match(snapshot, { name: /^web-[0-9a-f]{16}$/, hash: /^[0-9a-f]{64}$/ })
  t.same(await store.load(delivery, snapshot, signal), objects)
  const kept = await admin.request<KubeObject>({
    method: 'GET',
    path: `${path}/${snapshot.name}`,
    what: 'read',
    signal,
  })
  t.strictSame(kept.metadata.labels, { 'windlass.dev/delivery': 'web' }, "none of the app's")
  t.match(kept.metadata, {
    ownerReferences: [{ kind: 'Delivery', name: 'web', uid: delivery.metadata.uid, controller: true }],
  })
})

t.test('the same release, in whatever order of keys, is one snapshot', async (t) => {
  const { namespace, delivery, store, list } = await setUp('snapshot again')
  const first = await store.save(delivery, [configMap(namespace, 'a', { x: '1', y: '2' })], signal)
  const again = await store.save(delivery, [configMap(namespace, 'a', { y: '2', x: '1' })], signal)
  t.same(again, first)
  const other = await store.save(delivery, [configMap(namespace, 'a', { x: '1' })], signal)
  t.not(other.name, first.name)
  t.same(await list(), [first.name, other.name].sort())
})

t.test('a snapshot that is gone, or holds something else, is none, and is saved anew', async (t) => {
  const { namespace, delivery, store, replace } = await setUp('snapshot broken')
  const objects = [configMap(namespace, 'a', { x: '1' })]
  const snapshot = await store.save(delivery, objects, signal)
  for (const data of [{ gzip: 'bm90IGd6aXA=' }, { other: true }, { gzip: 7 }]) {
    await replace(snapshot, data)
    t.equal(await store.load(delivery, snapshot, signal), undefined, JSON.stringify(data))
    t.same(await store.save(delivery, objects, signal), snapshot)
    t.same(await store.load(delivery, snapshot, signal), objects)
  }
  t.equal(await store.load(delivery, { ...snapshot, hash: 'another' }, signal), undefined)
  t.equal(await store.load(delivery, { ...snapshot, name: 'gone' }, signal), undefined)
})

t.test('a snapshot of an earlier Delivery of that name, which will be collected, is made anew', async (t) => {
  const { namespace, delivery, store, path } = await setUp('snapshot of old')
  const objects = [configMap(namespace, 'a', { x: '1' })]
  const earlier = deliveryOf(namespace, 'web', '7d0c5d7a-6a0e-4a51-8a58-3d1f5a3f2b10')
  const snapshot = await store.save(earlier, objects, signal)
  t.same(await store.save(delivery, objects, signal), snapshot)
  const kept = await admin.request<KubeObject>({
    method: 'GET',
    path: `${path}/${snapshot.name}`,
    what: 'read',
    signal,
  })
  t.equal(kept.metadata.ownerReferences?.[0]?.uid, delivery.metadata.uid)
})

t.test('only this Delivery’s own snapshots are pruned', async (t) => {
  const { namespace, delivery, store, list } = await setUp('snapshot prune')
  const save = (owner: Delivery, value: string) => store.save(owner, [configMap(namespace, 'a', { value })], signal)
  const [one, two, three] = [await save(delivery, '1'), await save(delivery, '2'), await save(delivery, '3')]
  const foreign = await save(deliveryOf(namespace, 'api', '7d0c5d7a-6a0e-4a51-8a58-3d1f5a3f2b10'), '1')
  await store.prune(delivery, [two, three], signal)
  t.same((await list()).sort(), [foreign.name, two.name, three.name].sort())
  t.equal(await store.load(delivery, one, signal), undefined)
})

t.test('the largest release that may be fits, with these rights', async (t) => {
  const { namespace, delivery } = await setUp('snapshot rights')
  const rules: readonly Rule[] = [
    { apiGroups: ['apps'], resources: ['controllerrevisions'], verbs: ['get', 'list', 'create', 'delete'] },
  ]
  const client = await cluster.clientOf(await cluster.tenant(namespace, 'reconciler', rules))
  const store = createSnapshotStore(client)
  // What is random does not compress: these bytes stay as many.
  const objects = [configMap(namespace, 'a', { value: randomBytes(500 * 1024).toString('base64') })]
  const snapshot = await store.save(delivery, objects, signal)
  t.same(await store.load(delivery, snapshot, signal), objects)
  await store.prune(delivery, [], signal)
  t.equal(await store.load(delivery, snapshot, signal), undefined)
})
