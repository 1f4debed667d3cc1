import t, { type Test } from 'tap'
import type { Delivery } from '../api/delivery.ts'
import type { KubeObject } from '../api/object.ts'
import { delivery, desired } from '../core/test-builders.ts'
import { FakeClock } from './fake-clock.ts'
import { newMemory } from './memory.ts'
import { TestWatches } from './test-watches.ts'
import { Turn, type TurnOptions } from './turn.ts'
import { World } from './world.ts'

const deliveries = '/apis/windlass.dev/v1alpha1/deliveries'
const settings = { kind: 'ConfigMap', metadata: { name: 'settings', namespace: 'team' } }

t.test('nothing is written for a Delivery that goes, is gone, or was made anew under its name', async (t) => {
  const { turn, watches } = await setUp(t)
  const writes = [() => turn.assertWritable(settings), () => turn.assertBeginnable()]
  for (const write of writes) t.doesNotThrow(write)

  const others = {
    'made anew': delivery({ metadata: { uid: 'uid-2' } }),
    'on its way out': delivery({ metadata: { deletionTimestamp: '2026-01-02T03:04:05Z' } }),
  }
  for (const [what, other] of Object.entries(others)) {
    watches.tell(deliveries, asObject(other))
    for (const write of writes) t.throws(write, { message: 'Delivery team/web is being deleted' }, what)
  }
  watches.remove(deliveries, asObject(delivery()))
  for (const write of writes) t.throws(write, { message: 'Delivery team/web is being deleted' }, 'gone')
})

async function setUp(t: Test) {
  const watches = new TestWatches()
  const { signal } = new AbortController()
  const world = new World({ watches, ownNamespace: 'windlass-system', signal })
  const started = world.start()
  watches.tell(deliveries, asObject(delivery()))
  watches.syncAll()
  await started
  const unused = new Proxy({}, { get: () => t.fail('it is not needed') })
  const options = {
    delivery: delivery(),
    desired: desired(),
    memory: newMemory('uid-1'),
    leaseEpoch: 1,
    signal,
    world,
    clock: new FakeClock(),
    log: unused,
    statuses: unused,
    events: unused,
    metrics: unused,
  }
  return { turn: new Turn(options as unknown as TurnOptions), watches }
}

function asObject(of: Delivery): KubeObject {
  return of as unknown as KubeObject
}
