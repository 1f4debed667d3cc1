import t from 'tap'
import { deliveryLabel, operatorAnnotations } from '../api/annotations.ts'
import { supportedKinds } from '../api/kinds.ts'
import type { KubeObject } from '../api/object.ts'
import { delivery, running } from '../core/test-builders.ts'
import { AppError } from '../core/errors.ts'
import { TestWatches } from './test-watches.ts'
import { World, type WorldChange } from './world.ts'

const deliveries = '/apis/windlass.dev/v1alpha1/deliveries'
const deployments = '/apis/apps/v1/deployments'
const namespaces = '/api/v1/namespaces'
const routes = '/apis/gateway.networking.k8s.io/v1/httproutes'

t.test('Deliveries are watched in full, all else by its metadata, managed objects by our label', async (t) => {
  const { watches, start } = setUp()
  void start()

  t.same(watches.request(deliveries), { path: deliveries })
  t.same(watches.request(namespaces), { path: namespaces, metadataOnly: true })
  t.same(watches.request(deployments), { path: deployments, metadataOnly: true, labelSelector: deliveryLabel })
  t.equal(watches.paths().length, supportedKinds.filter(({ needsCrd }) => !needsCrd).length + 2)
})

t.test('it is not ready before every list is complete, and says what is missing and why', async (t) => {
  const { world, watches, start } = setUp()
  t.same(world.waitingFor(), ['the first watch'])
  const started = start()
  for (const path of watches.paths()) if (path !== deployments) watches.sync(path)
  watches.fail(deployments, new AppError({ kind: 'waiting', reason: 'ApiForbidden', message: '403' }))
  t.same(world.waitingFor(), [`watch ${deployments} (ApiForbidden)`])

  watches.sync(deployments)
  await started
  t.same(world.waitingFor(), [])
})

t.test(
  'a kind that not every cluster serves is watched from the first release that holds one, and never missed',
  async (t) => {
    const { world, watches, start } = setUp()
    const started = start()
    watches.syncAll()
    await started
    t.notOk(watches.paths().includes(routes))

    world.follow([{ apiVersion: 'gateway.networking.k8s.io/v1', kind: 'HTTPRoute', name: 'web' }])
    world.follow([{ apiVersion: 'gateway.networking.k8s.io/v1', kind: 'HTTPRoute', name: 'web' }])

    t.equal(watches.paths().filter((path) => path === routes).length, 1)
    t.same(world.waitingFor(), [])
  },
)

t.test(
  'such a kind is watched by each replica, so that a pause on its objects is known to who comes to lead',
  async (t) => {
    const { world, watches, start } = setUp()
    const started = start()
    watches.syncAll()
    await started
    const route = { apiVersion: 'gateway.networking.k8s.io/v1', kind: 'HTTPRoute', name: 'web' }
    const delivered = delivery({ status: { inventory: [route] } })

    watches.tell(deliveries, asObject(delivered))
    watches.tell(routes, managed({ annotations: { [operatorAnnotations.paused]: 'true' } }))
    t.match(world.pausesOf(delivered), [{ on: 'HTTPRoute web' }])
  },
)

t.test('a change of a Delivery, of its Namespace and of its objects brings back its key', async (t) => {
  const { watches, start, changes } = setUp()
  const started = start()
  watches.syncAll()
  await started

  watches.tell(deliveries, asObject(delivery()))
  watches.tell(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'team' } })
  watches.tell(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'other' } })
  watches.tell(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'windlass-system' } })
  watches.tell(deployments, managed())

  t.same(
    changes.map(({ key }) => key),
    ['team/web', 'team/web', 'team/web', 'team/web'],
  )
})

t.test('of an object that names no Delivery nothing is kept once it is gone', async (t) => {
  const { world, watches, start } = setUp()
  const started = start()
  watches.syncAll()
  await started

  watches.tell(deployments, managed())
  watches.remove(deployments, managed())
  t.equal(world.objects.toldOf('team/web', 'apps/Deployment/web'), 0)

  watches.tell(deliveries, asObject(delivery()))
  watches.tell(deployments, managed())
  watches.remove(deployments, managed())
  t.equal(world.objects.toldOf('team/web', 'apps/Deployment/web'), 2, 'of one that there is it may be wanted')
})

t.test('an object that was verified and changes in its status alone is told as such', async (t) => {
  const { world, watches, start, changes } = setUp()
  const started = start()
  watches.syncAll()
  await started
  world.objects.verified('team/web', { ...managed(), apiVersion: 'apps/v1', kind: 'Deployment' })

  watches.tell(deployments, managed({ resourceVersion: '2' }))
  watches.tell(deployments, managed({ resourceVersion: '3', annotations: { note: 'x' } }))

  t.same(changes, [
    { key: 'team/web', isStatusOnly: true },
    { key: 'team/web', isStatusOnly: false },
  ])
})

t.test('pauses are found wherever they stand, and on objects only where they are managed', async (t) => {
  const { world, watches, start } = setUp()
  const started = start()
  watches.syncAll()
  await started
  const annotations = { [operatorAnnotations.paused]: 'true' }
  const paused = delivery({ metadata: { annotations }, status: running(1) })
  for (const name of ['team', 'windlass-system', 'other']) {
    watches.tell(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name, annotations } })
  }
  watches.tell(deployments, managed({ annotations }))
  watches.tell(deployments, managed({ annotations, name: 'stranger' }))

  t.same(
    world.pausesOf(paused).map(({ on }) => on),
    ['the Delivery', 'Namespace team', "the reconciler's Namespace windlass-system", 'Deployment web'],
  )
  t.same(
    world.pausesOf(delivery({ metadata: { namespace: 'quiet' } })).map(({ on }) => on),
    ["the reconciler's Namespace windlass-system"],
  )
})

t.test('one listener hears, until it stops', async (t) => {
  const { world, watches, start, changes } = setUp()
  const started = start()
  watches.syncAll()
  await started
  const others: WorldChange[] = []

  const stop = world.listen((change) => others.push(change))
  watches.tell(deliveries, asObject(delivery()))
  stop()
  watches.tell(deliveries, asObject(delivery({ metadata: { resourceVersion: '2' } })))

  t.equal(others.length, 1)
  t.same(changes, [])
})

function setUp() {
  const watches = new TestWatches()
  const world = new World({ watches, ownNamespace: 'windlass-system', signal: new AbortController().signal })
  const changes: WorldChange[] = []
  world.listen((change) => changes.push(change))
  return { world, watches, changes, start: () => world.start() }
}

function managed({
  name = 'web',
  resourceVersion = '1',
  annotations = {},
}: { name?: string; resourceVersion?: string; annotations?: Record<string, string> } = {}): KubeObject {
  return {
    apiVersion: 'meta.k8s.io/v1',
    kind: 'PartialObjectMetadata',
    metadata: {
      name,
      namespace: 'team',
      uid: 'u',
      resourceVersion,
      generation: 1,
      labels: { [deliveryLabel]: 'web' },
      annotations,
    },
  }
}

function asObject(object: object): KubeObject {
  return object as KubeObject
}
