import type { Test } from 'tap'
import t from 'tap'
import { sharedApiServer } from '../../../bootstrap/local/testing.ts'
import { waitFor } from '../../../bootstrap/local/wait.ts'
import { systemClock } from '../runtime/clock.ts'
import type { KubeClient } from './client.ts'
import type { KubeObject, WatchEvent, WatchRequest } from './ports.ts'
import { deliveryCrd, testCluster, type TestCluster } from './test-cluster.ts'
import { startProxy } from './test-proxy.ts'
import { createWatchSource, type RestartCause, type WatchTuning } from './watch.ts'

t.setTimeout(180_000)
const server = await sharedApiServer(t)

function follow(t: Test, client: KubeClient, request: WatchRequest, tuning: Partial<WatchTuning> = {}) {
  const events: string[] = []
  const restarts: RestartCause[] = []
  const stop = new AbortController()
  t.teardown(() => stop.abort())
  const source = createWatchSource({
    client,
    clock: systemClock,
    random: Math.random,
    hooks: {
      restarted: (_, cause) => restarts.push(cause),
      bug: (_, error) => t.error(error, 'no bug is reported'),
    },
    tuning,
  })
  const onEvent = (event: WatchEvent<KubeObject>) => {
    events.push(event.type === 'synced' ? event.type : `${event.type} ${event.object.metadata.name}`)
  }
  const watch = source.watch<KubeObject>(request, onEvent, stop.signal)
  const until = (event: string) =>
    waitFor(
      async () => (events.includes(event) ? true : undefined),
      () => `${event}; there came ${events.join(', ')}`,
      { timeoutMs: 60_000, everyMs: 10 },
    )
  return { events, restarts, watch, until, stop }
}

function mapsOf(namespace: string): string {
  return `/api/v1/namespaces/${namespace}/configmaps`
}

async function write(cluster: TestCluster, namespace: string, name: string, labels: object = {}): Promise<void> {
  await cluster.create(mapsOf(namespace), { metadata: { name, labels }, data: { key: 'value' } })
}

async function remove({ admin, signal }: TestCluster, namespace: string, name: string): Promise<void> {
  await admin.request({ method: 'DELETE', path: `${mapsOf(namespace)}/${name}`, what: 'delete', signal })
}

t.test('what stands is listed in pages, and what happens then is told', async (t) => {
  const cluster = testCluster(t, server)
  const namespace = await cluster.namespace('watch')
  for (const name of ['a', 'b', 'c', 'd', 'e']) await write(cluster, namespace, name)
  const { events, watch, until } = follow(t, cluster.admin, { path: mapsOf(namespace) }, { pageSize: 2 })
  await watch.synced
  t.same(events, ['added a', 'added b', 'added c', 'added d', 'added e', 'synced'])
  t.match(watch.get(`${namespace}/c`), { apiVersion: 'v1', kind: 'ConfigMap', data: { key: 'value' } })

  await write(cluster, namespace, 'f')
  await remove(cluster, namespace, 'a')
  await until('deleted a')
  t.same(events.slice(6), ['added f', 'deleted a'])
  t.equal(watch.list().length, 5)
})

t.test('by label and as metadata only, an object comes and goes with its label', async (t) => {
  const cluster = testCluster(t, server)
  const { admin, signal } = cluster
  const namespace = await cluster.namespace('watch metadata')
  await write(cluster, namespace, 'ours', { mark: namespace })
  await write(cluster, namespace, 'other')
  const { events, watch, until } = follow(t, admin, {
    path: '/api/v1/configmaps',
    labelSelector: `mark=${namespace}`,
    metadataOnly: true,
  })
  await watch.synced
  t.same(events, ['added ours', 'synced'])
  const [object] = watch.list()
  t.equal(object?.kind, 'PartialObjectMetadata')
  t.notOk(object && 'data' in object, 'nothing but metadata crosses the wire')
  t.ok(object?.metadata.managedFields?.[0]?.fieldsV1, 'with it come the managed fields')

  const relabel = (mark: string | null) =>
    admin.request({
      method: 'PATCH',
      path: `${mapsOf(namespace)}/ours`,
      body: { metadata: { labels: { mark } } },
      contentType: 'application/merge-patch+json',
      what: 'relabel',
      signal,
    })
  await relabel(null)
  await until('deleted ours')
  t.same(watch.list(), [])
  await relabel(namespace)
  await waitFor(
    async () => watch.list().length === 1 || undefined,
    () => `the object back under its old uid; there came ${events.join(', ')}`,
    { timeoutMs: 60_000, everyMs: 10 },
  )
  t.same(events.slice(2), ['deleted ours', 'added ours'])
})

t.test('what happened while the connection was cut is told after it', async (t) => {
  const cluster = testCluster(t, server)
  const proxy = await startProxy(t, server.url)
  const namespace = await cluster.namespace('watch cut')
  await write(cluster, namespace, 'a')
  const client = cluster.through(proxy.url)
  const { events, restarts, watch, until } = follow(t, client, { path: mapsOf(namespace) })
  await watch.synced
  proxy.refuse()
  proxy.cut()
  await remove(cluster, namespace, 'a')
  await write(cluster, namespace, 'b')
  await waitFor(
    async () => restarts.length >= 2 || undefined,
    () => 'a second try',
    { timeoutMs: 60_000, everyMs: 10 },
  )
  t.match(watch.problem, { kind: 'retryable', reason: 'ApiUnavailable' })
  proxy.accept()
  await until('added b')
  t.same(events, ['added a', 'synced', 'deleted a', 'added b'], 'from where it stood, without a second list')
  t.same(new Set(restarts), new Set(['failed']))
})

t.test('a connection on which silently nothing passes any more is given up for a new one', async (t) => {
  const cluster = testCluster(t, server)
  const proxy = await startProxy(t, server.url)
  const namespace = await cluster.namespace('watch stall')
  const client = cluster.through(proxy.url)
  const { restarts, watch, until } = follow(t, client, { path: mapsOf(namespace) }, { stallMs: 1_500 })
  await watch.synced
  await write(cluster, namespace, 'a')
  await until('added a')
  proxy.stall()
  await write(cluster, namespace, 'b')
  await waitFor(
    async () => restarts.includes('stalled') || undefined,
    () => `a stall; there were ${restarts.join(', ')}`,
    { timeoutMs: 60_000, everyMs: 10 },
  )
  proxy.resume()
  await until('added b')
  t.equal(restarts[0], 'stalled')
})

t.test('a watch that the server ends in time goes on', async (t) => {
  const cluster = testCluster(t, server)
  const namespace = await cluster.namespace('watch ended')
  const { restarts, until, watch } = follow(t, cluster.admin, { path: mapsOf(namespace) }, { minWatchS: 1 })
  await watch.synced
  await waitFor(
    async () => restarts.includes('ended') || undefined,
    () => 'an end',
    { timeoutMs: 60_000 },
  )
  await write(cluster, namespace, 'late')
  await until('added late')
  t.same(new Set(restarts), new Set(['ended']))
})

t.test('a version that the server has forgotten is answered by a list', async (t) => {
  const cluster = testCluster(t, server)
  // What the server remembers of a kind begins when the kind does, and so after version 1.
  await cluster.install(deliveryCrd)
  const namespace = await cluster.namespace('watch expired')
  const path = `/apis/windlass.dev/v1alpha1/namespaces/${namespace}/deliveries`
  const create = (name: string) => {
    const image = { repository: 'registry.windlass.test/web' }
    const spec = { image, manifests: { attached: {} }, serviceAccountName: 'deployer' }
    return cluster.create(path, {
      apiVersion: 'windlass.dev/v1alpha1',
      kind: 'Delivery',
      metadata: { name },
      spec,
    })
  }
  await create('a')
  let isFirst = true
  const aged: KubeClient = {
    ...cluster.admin,
    stream: (request) => {
      const query = isFirst ? { ...request.query, resourceVersion: '1' } : request.query
      isFirst = false
      return cluster.admin.stream({ ...request, ...(query !== undefined && { query }) })
    },
  }
  const { events, restarts, until, watch } = follow(t, aged, { path })
  await watch.synced
  await waitFor(
    async () => events.filter((event) => event === 'synced').length === 2 || undefined,
    () => `a second list; there came ${events.join(', ')}`,
    { timeoutMs: 60_000, everyMs: 10 },
  )
  t.same(restarts, ['expired'])
  await create('b')
  await until('added b')
  t.same(events, ['added a', 'synced', 'synced', 'added b'])
})

t.test('a tenant sees what its account may see, and the watch says why it cannot', async (t) => {
  const cluster = testCluster(t, server)
  const namespace = await cluster.namespace('watch tenant')
  const rules = [{ apiGroups: [''], resources: ['configmaps'], verbs: ['list', 'watch'] }]
  const may = await cluster.tenant(namespace, 'may', rules)
  const mayNot = await cluster.tenant(namespace, 'may-not', [])
  const allowed = follow(t, cluster.admin, { path: mapsOf(namespace), tenant: may })
  await allowed.watch.synced
  await write(cluster, namespace, 'a')
  await allowed.until('added a')

  const refused = follow(t, cluster.admin, { path: mapsOf(namespace), tenant: mayNot })
  await waitFor(
    async () => refused.watch.problem,
    () => 'a problem',
    { timeoutMs: 60_000, everyMs: 10 },
  )
  t.match(refused.watch.problem, { kind: 'waiting', reason: 'Impersonation', message: /cannot list/ })
  refused.stop.abort()
  await t.rejects(refused.watch.synced, { name: 'AppError', kind: 'aborted' })
})
