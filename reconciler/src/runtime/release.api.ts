import t from 'tap'
import { operatorAnnotations as hand } from '../api/annotations.ts'
import { conditionOf, TestLoop, type Tenancy } from './test-loop.ts'
import { workload } from './test-registry.ts'

t.setTimeout(240_000)

const loop = await TestLoop.open(t)
await loop.start()

t.test('a push is rolled out with its image pinned by digest, and becomes current when it is ready', async (t) => {
  const web = await loop.deliver('first-release')
  await web.untilReason('WaitingForFirstTag')
  const { digest } = web.registry.push()

  web.poll()
  const delivery = await web.release('r1')

  t.match(delivery.status, {
    current: { tag: 'r1', digest, sequence: 1 },
    highWater: { tag: 'r1', digest },
    summary: { running: 'r1', state: 'Ready' },
    history: [{ tag: 'r1', outcome: 'Ready' }],
    inventory: [{ apiVersion: 'apps/v1', kind: 'Deployment', name: 'web', hash: /^[0-9a-f]{64}$/ }],
  })
  t.equal(conditionOf(delivery, 'Ready')?.status, 'True')
  t.match(await web.object('apps/v1/deployments/web'), {
    metadata: {
      labels: { 'windlass.dev/delivery': 'web' },
      annotations: { 'windlass.dev/owner': `${web.namespace}/web/${delivery.metadata.uid}` },
    },
    spec: { template: { spec: { containers: [{ image: `contoso.azurecr.io/${web.namespace}:r1@${digest}` }] } } },
  })
})

t.test('a newer push takes the place of what runs, and what ran is remembered', async (t) => {
  const web = await running('second-release')
  web.registry.push()

  web.poll()
  const delivery = await web.release('r2')

  t.match(delivery.status, { current: { tag: 'r2' }, previous: { tag: 'r1' }, summary: { running: 'r2' } })
  t.same(
    delivery.status?.history?.map(({ tag, outcome }) => `${tag} ${outcome}`),
    ['r2 Ready', 'r1 Ready'],
  )
  await web.untilEvent('Normal Ready')
})

t.test('what is about to be written stands in status before it is written', async (t) => {
  const web = await loop.deliver('write-ahead')
  web.registry.push()

  const writes = await loop.writesDuring(async () => {
    web.poll()
    await web.untilAwaited('r1')
  })

  const ours = writes.filter(({ objectRef }) => objectRef?.namespace === web.namespace)
  const order = ours.map(({ objectRef }) => [objectRef?.resource, objectRef?.subresource].filter(Boolean).join('/'))
  t.ok(order.indexOf('deliveries/status') < order.indexOf('deployments'), order.join(' '))
  const { status } = await web.delivery()
  t.match(status?.rollout, { leaseEpoch: 1, attempt: 1, deadline: /T/ })
})

t.test('of a newer release only what differs from the one that runs is written', async (t) => {
  const web = await loop.deliver('no-op')
  const settings = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'settings' }, data: { mode: 'live' } }
  const documents = [settings, workload(web.namespace)]
  web.registry.push({ documents })
  web.poll()
  await web.release('r1')
  web.registry.push({ documents })

  const writes = await loop.writesDuring(async () => {
    web.poll()
    await web.untilAwaited('r2')
  })

  const account = `system:serviceaccount:${web.namespace}:deployer`
  const written = writes.filter(({ impersonatedUser }) => impersonatedUser?.username === account)
  t.same(
    written.map(({ verb, objectRef }) => `${verb} ${objectRef?.resource}`),
    ['patch deployments'],
  )
  const { status } = await web.delivery()
  t.same(
    status?.inventory?.map(({ kind, hash }) => `${kind} ${hash === undefined ? 'without' : 'with'} a hash`),
    ['ConfigMap with a hash', 'Deployment with a hash'],
  )
})

t.test("all that is a tenant's is read and written as its account", async (t) => {
  const web = await loop.deliver('impersonation')
  web.registry.push()
  web.poll()

  // Read, dry run, read once more because it is made anew, and written.
  const verbs = ['get', 'patch', 'get', 'patch']
  const requests = await loop.answered(web, 'deployments', verbs)

  const account = `system:serviceaccount:${web.namespace}:deployer`
  t.same(
    requests.map(({ verb, impersonatedUser }) => `${verb} as ${impersonatedUser?.username}`),
    verbs.map((verb) => `${verb} as ${account}`),
  )
})

t.test('at rest nothing is asked of the API server, however often the registry is', async (t) => {
  const web = await running('steady')
  await web.untilEvent('Normal Ready')
  web.registry.asked.length = 0

  const requests = await loop.requestsDuring(async () => {
    for (let n = 1; n <= 5; n += 1) {
      web.poll()
      await loop.until(() => web.registry.asked.length === n, 'the poll to be over')
    }
  })

  t.same(
    requests.map(({ verb, requestURI }) => `${verb} ${requestURI}`),
    [],
  )
})

const atRest: Record<string, (web: Tenancy) => Promise<unknown>> = {
  'after going back': async (web) => {
    web.registry.push()
    web.poll()
    await web.untilAwaited('r2')
    await web.fail()
    await web.goBack()
    await web.untilEvent('Normal RolledBack')
  },
  'while it is paused': async (web) => {
    await web.annotate({ [hand.paused]: 'true' })
    await web.untilEvent('Normal Paused')
  },
  'while it is stalled': async (web) => {
    web.registry.attach(web.registry.push())
    web.poll()
    await web.untilReason('BundleAmbiguous')
    await web.untilEvent('Warning BundleAmbiguous')
  },
}
for (const [when, become] of Object.entries(atRest)) {
  t.test(`${when} nothing is asked either`, async (t) => {
    const web = await running('at-rest')
    await become(web)
    web.registry.asked.length = 0

    const requests = await loop.requestsDuring(async () => {
      for (let n = 1; n <= 3; n += 1) {
        web.poll()
        await loop.until(() => web.registry.asked.length >= n, 'the poll to be over')
      }
    })

    t.same(
      requests.map(({ verb, requestURI }) => `${verb} ${requestURI}`),
      [],
    )
  })
}

t.test('a newer push supersedes a rollout under way', async (t) => {
  const web = await loop.deliver('superseded')
  web.registry.push()
  web.poll()
  await web.untilAwaited('r1')

  web.registry.push()
  web.poll()
  const delivery = await web.release('r2')

  t.same(
    delivery.status?.history?.map(({ tag, outcome }) => `${tag} ${outcome}`),
    ['r2 Ready', 'r1 Superseded'],
  )
  await web.untilEvent('Normal Superseded')
})

t.test('three undecided rollouts in a row are superseded, and the next is let finish', async (t) => {
  const web = await loop.deliver('busy')
  for (const tag of ['r1', 'r2', 'r3', 'r4']) {
    web.registry.push()
    web.poll()
    await web.untilAwaited(tag)
  }
  web.registry.push()
  web.poll()

  const held = await web.until('r5 to wait', ({ status }) => status?.candidate?.tag === 'r5')
  t.match(held.status?.rollout, { phase: 'Waiting', revision: { tag: 'r4' } })
  await web.rollOut()

  const delivery = await web.release('r5')
  t.same(
    delivery.status?.history?.map(({ tag, outcome }) => `${tag} ${outcome}`),
    ['r5 Ready', 'r4 Ready', 'r3 Superseded', 'r2 Superseded', 'r1 Superseded'],
  )
})

t.test('the pods of a rollout are watched as the account, and no longer than it is awaited', async (t) => {
  const web = await loop.deliver('pods')
  web.registry.push()
  web.poll()
  await web.release('r1')

  // It is answered in full when it ends.
  const hasEnded = async () => (await loop.answered(web, 'pods', ['list'])).some(({ verb }) => verb === 'watch')
  await loop.until(hasEnded, 'the watch of its pods to end')
  const account = `system:serviceaccount:${web.namespace}:deployer`
  t.same(
    (await loop.answered(web, 'pods', ['list', 'watch'])).filter(
      ({ impersonatedUser }) => impersonatedUser?.username !== account,
    ),
    [],
  )
})

t.test('each kind is watched once for the whole cluster, of objects by our label alone', async (t) => {
  const [one, other] = [await running('one'), await running('other')]
  const path = 'apps/v1/deployments/web'

  const requests = await loop.requestsDuring(async () => {
    await loop.stop()
    await loop.start()
    for (const web of [one, other]) {
      await web.edit(path, { metadata: { labels: { 'windlass.dev/delivery': 'web-2' } } })
      await web.untilObject(path, (object) => object?.metadata.labels?.['windlass.dev/delivery'] === 'web')
    }
  })

  // Pods are watched for the time of a rollout, by who owns them.
  const watches = requests
    .filter(({ verb, objectRef }) => verb === 'watch' && objectRef?.resource !== 'pods')
    .map(({ requestURI }) => new URL(requestURI, 'http://a'))
  const paths = watches.map(({ pathname }) => pathname)
  t.ok(paths.includes('/apis/apps/v1/deployments'), paths.join(' '))
  t.same([...new Set(paths)], paths, 'none twice')
  t.same(
    paths.filter((each) => each.includes('/namespaces/')),
    [],
    'none of one Namespace alone',
  )
  const others = watches.filter(({ searchParams }) => searchParams.get('labelSelector') !== 'windlass.dev/delivery')
  t.same(
    others.filter(({ pathname }) => !/\/(?:deliveries|namespaces)$/.test(pathname)),
    [],
  )
})

t.test('one Delivery is reconciled once at a time, and once more for all that came meanwhile', async (t) => {
  const [web, other] = [await running('once'), await running('beside')]
  await web.untilEvent('Normal Ready')
  const { opened, isAsked } = web.registry.holdBundles()
  web.registry.push()
  web.poll()
  await isAsked
  web.registry.asked.length = 0

  const meanwhile = await loop.requestsDuring(async () => {
    for (let n = 1; n <= 5; n += 1) {
      await web.annotate({ [hand.reconcileRequestedAt]: `request ${n}` })
      await web.edit('apps/v1/deployments/web', { metadata: { labels: { 'windlass.dev/delivery': `web-${n}` } } })
    }
    // By the time that another's release runs, it knows of them all.
    other.registry.push()
    other.poll()
    await other.release('r2')
  })
  const ours = meanwhile.filter(({ objectRef, requestURI }) => {
    const isTold = objectRef?.subresource === 'status' || requestURI.includes('fieldManager=windlass&')
    return objectRef?.namespace === web.namespace && isTold
  })
  t.same(
    ours.map(({ verb, requestURI }) => `${verb} ${requestURI}`),
    [],
  )
  t.same(web.registry.asked, [], 'no other asks for its bundle')
  opened()

  await web.release('r2')
  const { status } = await web.until(
    'the last request to be noted',
    ({ status }) => status?.lastHandledReconcileRequest === 'request 5',
  )
  t.match(status, { current: { tag: 'r2' } })
})

t.test('a late build of an older commit does not win', async (t) => {
  const web = await running('late-build')
  web.registry.push({ sequence: 0 })
  web.poll()
  await web.until('its poll to be over', () => web.registry.asked.includes('scan'))

  web.registry.push({ sequence: 3 })
  web.poll()

  t.match((await web.release('r3')).status, { previous: { tag: 'r1' } })
})

t.test('an object that goes missing in mid-rollout is written again', async (t) => {
  const web = await loop.deliver('missing')
  web.registry.push()
  web.poll()
  await web.untilAwaited('r1')
  const uid = (await web.object('apps/v1/deployments/web'))?.metadata.uid

  await web.remove('apps/v1/deployments/web')
  await web.untilObject('apps/v1/deployments/web', (object) => object !== undefined && object.metadata.uid !== uid)

  t.match((await web.release('r1')).status, { current: { tag: 'r1' } })
})

t.test('a release is measured from its push, and its metrics go with the Delivery', async (t) => {
  const web = await running('metrics')

  const labels = `delivery_namespace="${web.namespace}",delivery="web"`
  await loop.until(
    async () => (await loop.metrics()).includes(`windlass_delivery_ready{${labels}} 1`),
    'it to be ready',
  )
  const metrics = await loop.metrics()
  t.match(metrics, `windlass_push_to_ready_seconds_count{${labels}} 1`)
  t.match(metrics, `windlass_rollouts_total{${labels},outcome="ready"} 1`)

  await web.removeDelivery()
  await loop.until(async () => !(await loop.metrics()).includes(labels), 'its metrics to go')
  t.ok(await web.object('apps/v1/deployments/web'), 'what it delivered stays')
})

/** A Delivery in which its first push runs. */
async function running(purpose: string): Promise<Tenancy> {
  const web = await loop.deliver(purpose)
  web.registry.push()
  web.poll()
  await web.release('r1')
  return web
}
