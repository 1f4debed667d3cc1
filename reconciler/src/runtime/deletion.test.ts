import t, { type Test } from 'tap'
import { deletionFinalizer, formatOwner, operatorAnnotations, ownerAnnotation } from '../api/annotations.ts'
import type { Delivery, InventoryEntry } from '../api/delivery.ts'
import type { KubeObject } from '../api/object.ts'
import { formatTime } from '../api/time.ts'
import { AppError } from '../core/errors.ts'
import { delivery, desired, startMs } from '../core/test-builders.ts'
import { endDelivery, type DeletionScope } from './deletion.ts'
import { FakeClock } from './fake-clock.ts'
import { newMemory } from './memory.ts'
import { pruneObjects } from './prune.ts'
import { TestWatches } from './test-watches.ts'
import { Turn, type TurnOptions } from './turn.ts'
import { World } from './world.ts'

const deliveries = '/apis/windlass.dev/v1alpha1/deliveries'
const paused = { [operatorAnnotations.paused]: 'true' }

t.test('a paused object is kept, though only the object itself tells of the pause', async (t) => {
  const { turn, scope, removed, told } = await setUp(t, { names: ['a', 'b'], annotations: { a: paused } })

  t.same(await endDelivery(turn, scope), { kind: 'onEvent' })
  t.same(removed, ['b'])
  t.equal(told.at(-1), 'all is deleted but ConfigMap/a: it is paused')
})

t.test('a paused object is not pruned, though only the object itself tells of the pause', async (t) => {
  const { turn, scope, removed } = await setUp(t, { names: ['a', 'b'], annotations: { a: paused }, isStale: true })

  await t.rejects(pruneObjects(turn, scope.objects), { message: 'ConfigMap a is paused' })
  t.same(removed, ['b'])
})

t.test('deleting ends when its time is up, however many objects there are that do not answer', async (t) => {
  const names = Array.from({ length: 400 }, (_, index) => `c-${index}`)
  const { turn, scope, clock, released } = await setUp(t, { names, takesMs: 5_000 })

  t.same(await endDelivery(turn, scope), { kind: 'after', ms: 0 })
  t.equal(clock.nowMs(), startMs + 300_000)
  t.same(released, [])

  t.same(await endDelivery(turn, scope), { kind: 'onEvent' })
  t.same(released, ['web'])
})

interface Scene {
  readonly names: readonly string[]
  readonly annotations?: Readonly<Record<string, Readonly<Record<string, string>>>>
  readonly isStale?: boolean
  /** Each object is asked for in vain for so long. */
  readonly takesMs?: number
}

async function setUp(t: Test, { names, annotations = {}, isStale = false, takesMs }: Scene) {
  const clock = new FakeClock(startMs)
  const inventory = names.map((name): InventoryEntry => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    name,
    ...(isStale && { stale: true }),
  }))
  const metadata = isStale ? {} : { deletionTimestamp: formatTime(startMs), finalizers: [deletionFinalizer] }
  const of = delivery({ metadata, spec: { deletionPolicy: 'Delete' }, status: { inventory } })
  const removed: string[] = []
  const released: string[] = []
  const told: string[] = []
  const owner = formatOwner({ namespace: 'team', name: 'web', uid: 'uid-1' })
  const objects = {
    get: async ({ kind, name }: { kind: string; name: string }): Promise<KubeObject> => {
      if (takesMs !== undefined) {
        clock.stepWall(takesMs)
        throw new AppError({ kind: 'retryable', reason: 'ApiUnavailable', message: 'no answer' })
      }
      const marks = { [ownerAnnotation]: owner, ...annotations[name] }
      return { apiVersion: 'v1', kind, metadata: { name, namespace: 'team', uid: name, annotations: marks } }
    },
    remove: async ({ metadata: { name } }: KubeObject) => {
      removed.push(name)
      return true
    },
  }
  const watches = new TestWatches()
  const { signal } = new AbortController()
  const world = new World({ watches, ownNamespace: 'windlass-system', signal })
  const started = world.start()
  watches.tell(deliveries, of as unknown as KubeObject)
  watches.syncAll()
  await started
  const silent = () => {}
  const options = {
    delivery: of,
    desired: desired({ isDeleting: !isStale }),
    memory: newMemory('uid-1'),
    leaseEpoch: 1,
    signal,
    world,
    clock,
    log: { info: silent, warn: silent },
    statuses: { write: async (before: Delivery, status: object) => ({ ...before, status }) },
    events: { emit: ({ note }: { note: string }) => told.push(note) },
    metrics: new Proxy({}, { get: () => t.fail('it is not needed') }),
  }
  const turn = new Turn(options as unknown as TurnOptions)
  const finalizers = {
    write: async (left: Delivery) => {
      released.push(left.metadata.name)
      return left
    },
  }
  const scope = { world, objects, finalizers } as unknown as DeletionScope
  return { turn, scope, clock, removed, released, told }
}
