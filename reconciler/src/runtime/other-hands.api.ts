import { isDeepStrictEqual } from 'node:util'
import t from 'tap'
import type { Delivery } from '../api/delivery.ts'
import { TestLoop, type Tenancy, type TestSpec } from './test-loop.ts'
import { settings, workload } from './test-registry.ts'

t.setTimeout(300_000)

const loop = await TestLoop.open(t)
await loop.start()
const { cluster } = loop

const deployment = 'apps/v1/deployments/web'
const configMap = 'v1/configmaps/settings'
const hooks = '/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations'

t.test('drift that a webhook keeps from being taken back is taken back once it answers', async (t) => {
  const web = await loop.deliver('webhook')
  web.registry.push({ documents: [settings({ a: '1' }), workload(web.namespace)] })
  web.poll()
  await web.release('r1')
  await refuseWrites(web)

  await web.edit(configMap, { data: { a: 'theirs' } })

  await web.untilReason('WebhookFailed')
  await loop.until(() => triesOf(web) > 6, 'more tries than corrections are made of one object')
  await cluster.admin.request({ method: 'DELETE', path: `${hooks}/down`, what: 'delete', signal: cluster.signal })
  await web.untilObject(configMap, (object) => isDeepStrictEqual(object?.['data'], { a: '1' }))
  const { status } = await web.untilReason('Ready')
  const corrections = status?.inventory?.find(({ kind }) => kind === 'ConfigMap')?.corrections
  t.equal(corrections?.length, 1, 'all tries are one correction')
})

t.test('a Deployment that another hand paused is nobody’s fault, and goes on once it is resumed', async (t) => {
  const web = await running('paused', { rollout: { timeout: '3s' } })
  await web.edit(deployment, { spec: { paused: true } })

  web.registry.push()
  web.poll()

  const { status } = await web.untilReason('WorkloadPaused')
  t.match(status, {
    rollout: { phase: 'Failed', fault: 'Environment', revision: { tag: 'r2' }, message: /paused by kubectl-edit/ },
    current: { tag: 'r1' },
  })
  t.equal(status?.quarantine, undefined)
  t.equal(status?.rollout?.purpose, undefined, 'what is paused takes up no older release either')

  await web.edit(deployment, { spec: { paused: null } })
  await web.rollOut()
  t.match((await web.until('r2 to run', runs('r2'))).status, { current: { tag: 'r2' } })
})

t.test('what a failing release took over is left when it is gone back from', async (t) => {
  const web = await running('taken', { adopt: true })
  await takenOver(web)
  await web.fail()
  await web.until('going back', ({ status }) => status?.rollout?.purpose === 'GoBack' && isWaiting(status))
  await web.rollOut()

  const { status } = await web.untilRolledBack()

  t.ok(await web.object(configMap), 'what an operator made is there')
  t.match(status?.inventory, [{ kind: 'Deployment' }, { name: 'settings', adopted: true, stale: true }])

  web.registry.push()
  web.poll()
  t.match((await web.release('r3')).status?.inventory, [{ kind: 'Deployment' }], 'it is nobody’s any more')
  t.ok(await web.object(configMap), 'and still there')
})

t.test('what a good release took over goes with the next one that does not hold it', async (t) => {
  const web = await running('kept', { adopt: true })
  await takenOver(web)
  await web.rollOut()
  const { status } = await web.until('r2 to run', runs('r2'))
  t.same(
    status?.inventory?.filter(({ adopted }) => adopted === true),
    [],
  )

  web.registry.push({ documents: [workload(web.namespace)] })
  web.poll()
  await web.release('r3')

  t.equal(await web.object(configMap), undefined)
})

async function running(purpose: string, spec: TestSpec = {}): Promise<Tenancy> {
  const web = await loop.deliver(purpose, spec)
  web.registry.push({ documents: [workload(web.namespace)] })
  web.poll()
  await web.release('r1')
  return web
}

/** An operator makes what the second release then holds as well. */
async function takenOver(web: Tenancy): Promise<void> {
  await cluster.admin.request({
    method: 'POST',
    path: `/api/v1/namespaces/${web.namespace}/configmaps`,
    query: { fieldManager: 'kubectl-create' },
    body: { metadata: { name: 'settings' }, data: { a: 'theirs' } },
    what: 'create',
    signal: cluster.signal,
  })
  web.registry.push({ documents: [workload(web.namespace), settings({ a: '2' })] })
  web.poll()
  await web.untilAwaited('r2')
}

/** A webhook that never answers stands in the way of what service accounts change; an operator's hand is free. */
async function refuseWrites(web: Tenancy): Promise<void> {
  await cluster.create(hooks, {
    metadata: { name: 'down' },
    webhooks: [
      {
        name: 'down.example.com',
        clientConfig: { url: 'https://127.0.0.1:1/' },
        rules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['UPDATE'], resources: ['configmaps'] }],
        namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': web.namespace } },
        matchConditions: [
          { name: 'tenant', expression: "request.userInfo.username.startsWith('system:serviceaccount')" },
        ],
        failurePolicy: 'Fail',
        sideEffects: 'None',
        admissionReviewVersions: ['v1'],
        timeoutSeconds: 1,
      },
    ],
  })
  // The API server takes a new webhook up within a second or so.
  const client = await cluster.clientOf({ namespace: web.namespace, serviceAccountName: 'deployer' })
  await loop.until(async () => {
    const answer = await client.send({
      method: 'PATCH',
      path: `/api/v1/namespaces/${web.namespace}/configmaps/settings`,
      query: { dryRun: 'All', fieldManager: 'probe' },
      body: { metadata: { labels: { probe: 'x' } } },
      contentType: 'application/merge-patch+json',
      what: 'probe',
      signal: cluster.signal,
    })
    return !answer.ok
  }, 'the webhook to stand in the way')
}

function triesOf({ namespace }: Tenancy): number {
  return loop.lines().filter((line) => line.includes(`"${namespace}/web"`) && line.includes('WebhookFailed')).length
}

function runs(tag: string): (delivery: Delivery) => boolean {
  return ({ status }) => status?.current?.tag === tag && status.rollout === undefined
}

function isWaiting({ rollout }: NonNullable<Delivery['status']>): boolean {
  return rollout?.phase === 'Waiting'
}
