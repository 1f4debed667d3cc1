import { HttpMethod } from '@kubernetes/client-node'
import t from 'tap'
import { sharedApiServer } from '../../../bootstrap/local/testing.ts'
import { deliveryCrd, testCluster } from '../kube/test-cluster.ts'
import type { Delivery, DeliverySpec } from './delivery.ts'
import { apiVersion, kind, plural } from './delivery.ts'

t.setTimeout(180_000)

const cluster = testCluster(t, await sharedApiServer(t))
await cluster.install(deliveryCrd)
const path = `/apis/${apiVersion}/namespaces/${await cluster.namespace('crd')}/${plural}`

t.test('the API server takes the definition and fills in the defaults', async (t) => {
  const created = await create({ name: 'defaults' })

  t.match(created.spec, {
    image: { tags: '^[0-9a-f]{40}$' },
    poll: { schedule: '*/30 * * * * *', timeZone: 'UTC' },
    rollout: { timeout: '5m' },
    drift: 'Correct',
    prune: true,
  })
  t.equal(created.status, undefined)
})

t.test('what is written is kept, and unknown fields are pruned', async (t) => {
  const created = await create({
    name: 'kept',
    spec: { drift: 'Report', prune: false, rollout: { timeout: '1h30m' }, unknown: true },
  })

  t.match(created.spec, { drift: 'Report', prune: false, rollout: { timeout: '1h30m' } })
  t.notOk('unknown' in created.spec)
})

const refused: Record<string, { name?: string; spec: Record<string, unknown>; says: RegExp }> = {
  'a repository with a tag': {
    spec: { image: { repository: 'contoso.azurecr.io/web:1' } },
    says: /without tag or digest/,
  },
  'a repository without a host': { spec: { image: { repository: 'web' } }, says: /HOST\/REPOSITORY/ },
  'both kinds of manifests': {
    spec: { manifests: { attached: {}, configMap: { name: 'x' } } },
    says: /exactly one of/,
  },
  'no kind of manifests': { spec: { manifests: {} }, says: /exactly one of/ },
  'a timeout of nothing': { spec: { rollout: { timeout: '0s' } }, says: /above zero/ },
  'a timeout of days': { spec: { rollout: { timeout: '25h' } }, says: /24h at most/ },
  'a timeout that is no duration': { spec: { rollout: { timeout: 'soon' } }, says: /should match/ },
  'a drift that is neither': { spec: { drift: 'Ignore' }, says: /Unsupported value/ },
  'a service account of no possible name': { spec: { serviceAccountName: 'A b' }, says: /should match/ },
  'a name that no label can carry': { name: 'x'.repeat(64), spec: {}, says: /63 characters at most/ },
  'no spec at all': {
    spec: { image: undefined, manifests: undefined, serviceAccountName: undefined },
    says: /Required/,
  },
}
for (const [what, { name = 'refused', spec, says }] of Object.entries(refused)) {
  t.test(`${what} is refused`, async (t) => {
    await t.rejects(create({ name, spec }), { message: says })
  })
}

t.test('status is written beside spec, and not with it', async (t) => {
  const created = await create({ name: 'status' })
  const patch = (target: string, body: object) =>
    cluster.admin.request<Delivery>({
      method: HttpMethod.PATCH,
      path: target,
      body,
      contentType: 'application/merge-patch+json',
      what: 'patch',
      signal: cluster.signal,
    })

  const summary = { summary: { running: 'abc1234', state: 'Ready' } }
  t.notOk((await patch(`${path}/status`, { status: summary })).status, 'a status by way of spec is dropped')
  const written = await patch(`${path}/status/status`, { status: summary })

  t.match(written.status, summary)
  t.equal(written.metadata.generation, created.metadata.generation)
})

t.test('kubectl shows what runs, how it stands and what is held', async (t) => {
  await create({ name: 'shown' })

  const table = await cluster.admin.request<{ columnDefinitions: { name: string; priority: number }[] }>({
    method: HttpMethod.GET,
    path,
    accept: 'application/json;as=Table;g=meta.k8s.io;v=v1',
    what: 'list as a table',
    signal: cluster.signal,
  })

  const shown = table.columnDefinitions.filter(({ priority }) => priority === 0).map(({ name }) => name)
  t.same(shown, ['Name', 'Running', 'State', 'Age', 'Pending', 'Held'])
})

async function create({
  name,
  spec = {},
}: {
  name: string
  spec?: Partial<DeliverySpec> | Record<string, unknown>
}): Promise<Delivery> {
  const whole = {
    image: { repository: 'contoso.azurecr.io/web' },
    manifests: { attached: {} },
    serviceAccountName: 'deployer',
    ...spec,
  }
  return (await cluster.create(path, { apiVersion, kind, metadata: { name }, spec: whole })) as unknown as Delivery
}
