import type { Test } from 'tap'
import t from 'tap'
import { sharedApiServer } from '../../../bootstrap/local/testing.ts'
import { waitFor } from '../../../bootstrap/local/wait.ts'
import type { KubeClient } from './client.ts'
import { explainMissingAccounts } from './account-check.ts'
import { createObjectStore } from './apply.ts'
import { objectPath } from './paths.ts'
import type { KubeObject, Tenant } from './ports.ts'
import { testCluster, type TestCluster } from './test-cluster.ts'
import { configMap, deployment, ownedBy, samples } from './test-objects.ts'

t.setTimeout(180_000)
const server = await sharedApiServer(t)

async function setUp(t: Test, purpose: string) {
  const cluster = testCluster(t, server)
  const namespace = await cluster.namespace(purpose)
  const tenant = await cluster.tenant(namespace, 'deployer')
  const { admin, signal } = cluster
  const store = createObjectStore(admin)
  const pathOf = (object: KubeObject) => objectPath({ ...object, namespace, name: object.metadata.name })
  return {
    cluster,
    namespace,
    tenant,
    signal,
    store,
    apply: (object: KubeObject, force = false) => store.apply(object, { tenant, force, signal }),
    read: (object: KubeObject) => store.get({ ...object, namespace, name: object.metadata.name }, tenant, signal),
    /** As kubectl edit, patch or set would: a merge patch under a manager's name. */
    edit: (object: KubeObject, body: object, fieldManager = 'kubectl-edit', subresource = '') =>
      admin.request<KubeObject>({
        method: 'PATCH',
        path: `${pathOf(object)}${subresource}`,
        query: { fieldManager },
        body,
        contentType: 'application/merge-patch+json',
        what: 'edit',
        signal,
      }),
    /** As another apply manager would. */
    applyAs: (fieldManager: string, object: KubeObject) => applyAs(admin, fieldManager, pathOf(object), object, signal),
    delete: (object: KubeObject) => admin.request({ method: 'DELETE', path: pathOf(object), what: 'delete', signal }),
  }
}

async function requestsIn(cluster: TestCluster, namespace: string): Promise<number> {
  const events = await cluster.audited(
    ({ objectRef, stage }) => stage === 'RequestReceived' && objectRef?.namespace === namespace,
  )
  return events.length
}

function applyAs(
  client: KubeClient,
  fieldManager: string,
  path: string,
  object: KubeObject,
  signal: AbortSignal,
): Promise<KubeObject> {
  return client.request({
    method: 'PATCH',
    path,
    query: { fieldManager, force: true },
    body: object,
    contentType: 'application/apply-patch+yaml',
    what: `apply as ${fieldManager}`,
    signal,
  })
}

t.test('an apply creates, changes, and does nothing where nothing is to be done', async (t) => {
  const { namespace, apply, read } = await setUp(t, 'apply')
  const first = configMap(namespace, 'a', { key: '1', gone: 'x' })
  t.equal(await read(first), undefined)
  const created = await apply(first)
  t.match(created, { metadata: { uid: String, resourceVersion: String }, data: { key: '1' } })
  const again = await apply(first)
  t.equal(again.metadata.resourceVersion, created.metadata.resourceVersion, 'nothing was written')
  const changed = await apply(configMap(namespace, 'a', { key: '2' }))
  t.same(changed['data'], { key: '2' }, 'a field that is no longer applied goes')
  t.same(await read(first), changed)
})

t.test('a field that another hand took is told, and taken back only by force', async (t) => {
  const { namespace, apply, edit } = await setUp(t, 'drift')
  const web = deployment(namespace, 'web', 'a:1')
  await apply(web)
  const hands = [
    [{ spec: { paused: true } }, 'kubectl-patch', '', undefined],
    [{ spec: { replicas: 5 } }, 'kubectl', '/scale', '.spec.replicas'],
    [{ spec: { replicas: 6 } }, 'kubectl-edit', '', '.spec.replicas'],
  ] as const
  for (const [body, manager, subresource, field] of hands) {
    await edit(web, body, manager, subresource)
    if (field === undefined) {
      t.ok(await apply(web), 'a field that is not ours is no conflict')
      continue
    }
    await t.rejects(apply(web), {
      kind: 'waiting',
      reason: 'FieldConflict',
      message: new RegExp(`"${manager}".*${field}`),
    })
    const taken = await apply(web, true)
    t.match(taken['spec'], { replicas: 2, paused: true })
  }
})

t.test(
  'the number that an autoscaler set since it was looked for is not taken back, though it is asked for',
  async (t) => {
    const { namespace, apply, edit, applyAs, read } = await setUp(t, 'scaled')
    const web = deployment(namespace, 'web', 'a:1')
    const other = deployment(namespace, 'other', 'a:1')
    for (const object of [web, other]) {
      await apply(object)
      await edit(object, { spec: { replicas: 4 } }, 'kube-controller-manager', '/scale')
    }
    const scaleTargetRef = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' }
    await applyAs('anna', {
      apiVersion: 'autoscaling/v2',
      kind: 'HorizontalPodAutoscaler',
      metadata: { name: 'web', namespace },
      spec: { scaleTargetRef, minReplicas: 4, maxReplicas: 8 },
    })

    await t.rejects(apply(web, true), {
      kind: 'retryable',
      reason: 'ApiConflict',
      message: /\/web is scaled by an autoscaler/,
    })
    t.match((await read(web))?.['spec'], { replicas: 4 })
    t.match((await apply(other, true))['spec'], { replicas: 2 }, 'of another workload it is')
  },
)

t.test('a field that an apply manager holds is never forced, nor is anything beside it', async (t) => {
  const { namespace, apply, edit, applyAs, read } = await setUp(t, 'conflict')
  const web = deployment(namespace, 'web', 'a:1')
  await apply(web)
  await edit(web, { spec: { replicas: 5 } }, 'kubectl', '/scale')
  const { replicas: _, ...spec } = deployment(namespace, 'web', 'theirs:1')['spec'] as Record<string, unknown>
  await applyAs('argocd', { ...web, spec })
  const before = await read(web)
  for (const force of [false, true]) {
    await t.rejects(apply(web, force), {
      kind: 'waiting',
      reason: 'FieldConflict',
      message: /argocd.*\.spec\.template\.spec\.containers\[name="main"\]\.image/,
    })
  }
  t.same(await read(web), before, 'nothing was written')
})

t.test('a field that an apply manager takes just before the force is not taken from it', async (t) => {
  const { cluster, namespace, tenant, signal, apply, edit, applyAs, read } = await setUp(t, 'conflict race')
  const map = configMap(namespace, 'a', { key: 'ours', other: 'ours' })
  await apply(map)
  await edit(map, { data: { key: 'edited' } })
  const racing: KubeClient = {
    ...cluster.admin,
    async send(request) {
      if (request.query?.['force'] === true) await applyAs('argocd', configMap(namespace, 'a', { other: 'theirs' }))
      return cluster.admin.send(request)
    },
  }
  const applied = createObjectStore(racing).apply(map, { tenant, force: true, signal })
  await t.rejects(applied, { kind: 'retryable', reason: 'ApiConflict', message: /has been modified/ })
  t.match((await read(map))?.['data'], { key: 'edited', other: 'theirs' })
})

t.test('what is not ours is not touched', async (t) => {
  const { cluster, namespace, apply, applyAs, read } = await setUp(t, 'not ours')
  await cluster.create(`/api/v1/namespaces/${namespace}/configmaps`, {
    metadata: { name: 'foreign' },
    data: { a: '1' },
  })
  const foreign = configMap(namespace, 'foreign', { b: '2' })
  const before = await read(foreign)
  for (const force of [false, true]) {
    await t.rejects(apply(foreign, force), {
      kind: 'waiting',
      reason: 'NotOurs',
      message: /^ConfigMap .*\/foreign is there/,
    })
  }
  t.same(await read(foreign), before)

  await apply(configMap(namespace, 'shared', { a: '1' }, 'api'))
  const shared = configMap(namespace, 'shared', { a: '2' })
  await t.rejects(apply(shared, true), { kind: 'waiting', reason: 'OwnedByAnother', message: /\/api\/uid\)/ })

  await apply(configMap(namespace, 'unmarked', { a: '1' }))
  await applyAs('helm', { ...configMap(namespace, 'unmarked', {}), metadata: { name: 'unmarked', namespace } })
  t.ok(await apply(configMap(namespace, 'unmarked', { a: '2' })), 'beside another manager it stays ours')
})

t.test('a mark that another hand removed comes back', async (t) => {
  const { namespace, apply, edit } = await setUp(t, 'unmarked')
  const map = configMap(namespace, 'a', { key: '1' })
  const { annotations, labels } = (await apply(map)).metadata
  await edit(map, { metadata: { annotations: null, labels: null } })
  t.match((await apply(map)).metadata, { annotations, labels })
})

t.test('a release of which one object is refused is not begun, and the error tells how many were', async (t) => {
  const { namespace, tenant, signal, store, apply, read } = await setUp(t, 'dry run')
  await apply(deployment(namespace, 'web', 'a:1'))
  const before = await read(deployment(namespace, 'web', 'a:1'))
  const fine = configMap(namespace, 'fine', { a: '1' })
  const immutable = deployment(namespace, 'web', 'b:2', { selector: { matchLabels: { app: 'other' } } })
  const unknown = deployment(namespace, 'unknown', 'a:1', { replica: 2 })
  const wrongType = deployment(namespace, 'wrong', 'a:1', { replicas: 'two' })
  const invalid = deployment(namespace, 'invalid', 'a:1', { replicas: -1 })
  for (const [object, problem] of [
    [immutable, /field is immutable|selector.*does not match/],
    [unknown, /\.spec\.replica: field not declared in schema/],
    [wrongType, /\.spec\.replicas: expected numeric/],
    [invalid, /spec\.replicas: Invalid value: -1/],
  ] as const) {
    const run = store.dryRunAll([fine, object, fine], { tenant, signal })
    await t.rejects(run, { kind: 'terminal', reason: 'ApplyRefused', message: problem })
  }
  await t.rejects(store.dryRunAll([fine, unknown, invalid], { tenant, signal }), {
    message: /^dry-run Deployment .*\/unknown .* \(and 1 more of 3 objects\)$/,
  })
  t.equal(await read(fine), undefined, 'nothing was written')
  t.same(await read(deployment(namespace, 'web', 'a:1')), before)
})

t.test('a dry run tells what is there and what would be', async (t) => {
  const { namespace, tenant, signal, store, apply } = await setUp(t, 'dry run result')
  await apply(configMap(namespace, 'old', { a: '1' }))
  const objects = [configMap(namespace, 'old', { a: '2' }), configMap(namespace, 'new', { b: '1' })]
  const [old, added] = await store.dryRunAll(objects, { tenant, signal })
  t.match(old, { object: objects[0], live: { data: { a: '1' } }, result: { data: { a: '2' } } })
  t.match(added, { object: objects[1], live: undefined, result: { data: { b: '1' } } })
  for (const seen of [old, added]) {
    if (seen !== undefined)
      t.match(await store.apply(seen.object, { tenant, seen, signal }), { data: seen.object['data'] })
  }
})

t.test('of every kind, what a dry run found to be as it is wanted is not written again', async (t) => {
  const { cluster, namespace, tenant, signal, store } = await setUp(t, 'as it is wanted')
  const objects = samples(namespace).map(({ object }) => object)
  for (const object of objects) await store.apply(object, { tenant, signal })
  const runs = await store.dryRunAll(objects, { tenant, signal })
  const asked = await requestsIn(cluster, namespace)

  for (const seen of runs) t.same(await store.apply(seen.object, { tenant, force: true, seen, signal }), seen.live)

  t.equal(await requestsIn(cluster, namespace), asked)
})

t.test('a field of ours that another hand holds too is written, whatever its value', async (t) => {
  const { namespace, tenant, signal, store, apply, edit } = await setUp(t, 'held by another too')
  const map = configMap(namespace, 'a', { key: '1' })
  await apply(map)
  await edit(map, { data: { key: '2' } })
  await edit(map, { data: { key: '1' } })
  const [seen] = await store.dryRunAll([map], { tenant, force: true, signal })

  const written = await store.apply(map, { tenant, force: true, signal, ...(seen && { seen }) })

  t.not(written.metadata.resourceVersion, seen?.live?.metadata.resourceVersion)
  t.match(written.metadata.managedFields, [{ manager: 'windlass', fieldsV1: { 'f:data': { 'f:key': {} } } }])
})

t.test('what was read ahead is not read again, and where that failed the dry run does', async (t) => {
  const { cluster, namespace, tenant, signal, store, apply } = await setUp(t, 'read ahead')
  const [old, added] = [configMap(namespace, 'old', { a: '1' }), configMap(namespace, 'new', { b: '1' })]
  await apply(old)
  const references = [old, added].map(({ apiVersion, kind, metadata: { name } }) => ({
    apiVersion,
    kind,
    namespace,
    name,
  }))
  const ahead = store.readAhead(references, tenant, signal)
  t.match(await Promise.all(ahead.values()), [{ data: { a: '1' } }, undefined])
  const asked = await requestsIn(cluster, namespace)

  const runs = await store.dryRunAll([old, added], { tenant, signal, ahead })

  t.match(runs, [{ live: { data: { a: '1' } } }, { live: undefined, result: { data: { b: '1' } } }])
  t.equal(await requestsIn(cluster, namespace), asked + 2)
  const weak = await cluster.tenant(namespace, 'weak', [])
  const failing = store.readAhead(references, weak, signal)
  await t.rejects(store.dryRunAll([old], { tenant, signal, ahead: failing }), {
    name: 'AppError',
    kind: 'waiting',
    reason: 'Impersonation',
  })
})

t.test('what another made since the dry run saw nothing is not taken over', async (t) => {
  const { cluster, namespace, tenant, signal, store, apply, read } = await setUp(t, 'made meanwhile')
  const { admin } = cluster
  const makers: Record<string, (object: KubeObject) => Promise<KubeObject>> = {
    OwnedByAnother: (object) => apply(ownedBy(namespace, 'other', object)),
    NotOurs: async ({ metadata, ...rest }) =>
      applyAs(
        admin,
        'helm',
        objectPath({ ...rest, namespace, name: metadata.name }),
        { ...rest, metadata: { name: metadata.name, namespace } },
        signal,
      ),
  }
  for (const [reason, make] of Object.entries(makers)) {
    const object = configMap(namespace, reason.toLowerCase(), { a: '1' })
    const [seen] = await store.dryRunAll([object], { tenant, signal })
    t.equal(seen?.live, undefined)
    const theirs = await make(object)
    const write = store.apply(object, { tenant, force: true, signal, seen: { live: seen?.live } })
    await t.rejects(write, { name: 'AppError', kind: 'waiting', reason }, reason)
    t.same(await read(object), theirs, 'it is as it was')
  }
})

t.test('of two Deliveries that make the same object at once, one has it and the other is told', async (t) => {
  const { namespace, tenant, signal, store, read } = await setUp(t, 'made at once')
  for (const name of ['a', 'b', 'c', 'd', 'e']) {
    const rivals = ['one', 'two'].map((owner) => ownedBy(namespace, owner, configMap(namespace, name, { owner })))
    const ends = await Promise.allSettled(
      rivals.map((object) => store.apply(object, { tenant, seen: { live: undefined }, signal })),
    )
    const [made] = ends.flatMap((end) => (end.status === 'fulfilled' ? [end.value] : []))
    const refused = ends.flatMap((end): unknown[] => (end.status === 'rejected' ? [end.reason] : []))
    t.match(refused, [{ kind: 'waiting', reason: 'OwnedByAnother' }])
    t.equal(refused.length, 1)
    t.same(await read(configMap(namespace, name, {})), made)
  }
})

t.test('of every kind, what was deleted since it was seen is not made anew', async (t) => {
  const { namespace, tenant, signal, store, delete: remove, read } = await setUp(t, 'deleted meanwhile')
  for (const { object } of samples(namespace)) {
    const live = await store.apply(object, { tenant, signal })
    // The claim's finalizer would wait for a controller.
    if (object.kind === 'PersistentVolumeClaim') continue
    await remove(object)
    const write = store.apply(object, { tenant, seen: { live }, signal })
    await t.rejects(write, { kind: 'retryable', reason: 'ApiConflict', message: /uid/i }, object.kind)
    t.equal(await read(object), undefined, object.kind)
    const anew = await store.apply(object, { tenant, signal })
    const late = store.apply(object, { tenant, seen: { live }, signal })
    await t.rejects(late, { kind: 'retryable', message: /has been modified|uid/i }, object.kind)
    t.same(await read(object), anew, object.kind)
  }
})

t.test('an object that is being deleted is waited for', async (t) => {
  const { namespace, apply, edit, delete: remove } = await setUp(t, 'terminating')
  const map = configMap(namespace, 'a', { key: '1' })
  await apply(map)
  await edit(map, { metadata: { finalizers: ['example.com/hold'] } })
  await remove(map)
  await t.rejects(apply(map), { kind: 'retryable', reason: 'ApiConflict', message: /is being deleted/ })
})

t.test('only the very object that was read is removed', async (t) => {
  const { namespace, tenant, signal, store, apply, edit, read } = await setUp(t, 'remove')
  const map = configMap(namespace, 'a', { key: '1' })
  const old = await apply(map)
  await edit(map, { data: { key: '2' } })
  await t.rejects(
    store.remove(old, tenant, signal),
    { reason: 'ApiConflict', message: /precondition/ },
    'it has changed',
  )
  const live = await read(map)
  if (live === undefined) throw new Error('the object is gone')
  t.equal(await store.remove(live, tenant, signal), true)
  t.equal(await store.remove(live, tenant, signal), false, 'it is gone')
  const anew = await apply(map)
  t.equal(await store.remove(live, tenant, signal), false, 'it is another')
  t.same(await read(map), anew)
})

t.test('a tenant may do what its account may, and the error says which right is missing', async (t) => {
  const { cluster, namespace, store, signal } = await setUp(t, 'rights')
  const verbs = async (name: string, list: readonly string[]): Promise<Tenant> =>
    cluster.tenant(namespace, name, [{ apiGroups: [''], resources: ['configmaps'], verbs: list }])
  const map = configMap(namespace, 'a', { key: '1' })
  const enough = await verbs('enough', ['get', 'create', 'patch', 'delete'])
  await t.rejects(store.apply(map, { tenant: await verbs('no-create', ['get', 'patch']), signal }), {
    kind: 'waiting',
    reason: 'Impersonation',
    message: /cannot create resource/,
  })
  const live = await store.apply(map, { tenant: enough, signal })
  t.equal(await store.remove(live, enough, signal), true)
})

t.test('an account that is not there is told from one without rights', async (t) => {
  const { cluster, namespace, store, signal } = await setUp(t, 'no account')
  const explaining = explainMissingAccounts(store, cluster.admin)
  const map = configMap(namespace, 'a', { key: '1' })
  const weak = await cluster.tenant(namespace, 'weak', [])
  const nobody = { namespace, serviceAccountName: 'nobody' }
  const missing = {
    kind: 'waiting',
    reason: 'ServiceAccountNotFound',
    message: /there is no ServiceAccount .*\/nobody/,
  }
  await t.rejects(explaining.apply(map, { tenant: nobody, signal }), missing)
  await t.rejects(explaining.dryRunAll([map, map], { tenant: nobody, signal }), missing)
  await t.rejects(explaining.dryRunAll([map, map], { tenant: weak, signal }), {
    kind: 'waiting',
    reason: 'Impersonation',
    message: /cannot get resource .* \(and 1 more of 2 objects\)$/,
  })
})

t.test('a kind that is not served, and a namespace that is not there, may come yet', async (t) => {
  const { namespace, tenant, signal, apply, store } = await setUp(t, 'not served')
  const route = ownedBy(namespace, 'web', {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'HTTPRoute',
    metadata: { name: 'a' },
  })
  await t.rejects(apply(route), { kind: 'waiting', reason: 'ApplyRefused', message: /404 page not found/ })
  const elsewhere = configMap(`${namespace}-gone`, 'a', {})
  await t.rejects(store.apply(elsewhere, { tenant, signal }), { kind: 'waiting', name: 'AppError' })
})

t.test('everything is asked as the tenant, and by one field manager', async (t) => {
  const { cluster, namespace, apply, read } = await setUp(t, 'witness')
  const map = configMap(namespace, 'a', { key: '1' })
  await apply(map)
  const applied = await read(map)
  t.match(applied?.metadata.managedFields, [{ manager: 'windlass', operation: 'Apply' }])
  t.equal(applied?.metadata.managedFields?.length, 1)
  // An answer is in the log a moment after it is sent.
  const ours = await waitFor(
    async () => {
      const events = await cluster.audited(
        ({ objectRef, stage }) =>
          stage === 'ResponseComplete' && objectRef?.namespace === namespace && objectRef.resource === 'configmaps',
      )
      return events.length >= 3 ? events : undefined
    },
    () => 'three answers in the audit log',
    { timeoutMs: 60_000 },
  )
  t.same(
    ours.map(({ verb, impersonatedUser }) => `${verb} ${impersonatedUser?.username}`),
    ['get', 'patch', 'get'].map((verb) => `${verb} system:serviceaccount:${namespace}:deployer`),
  )
})
