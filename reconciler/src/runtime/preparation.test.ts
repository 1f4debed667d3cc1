import t from 'tap'
import { maxInventory } from '../api/delivery.ts'
import { AppError } from '../core/errors.ts'
import type { Target } from '../core/plan.ts'
import { delivery, desired, digestOf, image, running, work } from '../core/test-builders.ts'
import type { ObjectStore, SnapshotStore } from '../kube/ports.ts'
import { createLog } from '../telemetry/log.ts'
import { FakeClock, settle } from './fake-clock.ts'
import { newMemory } from './memory.ts'
import { longestPreparationMs, prepare, type Preparation } from './preparation.ts'
import { TestRegistry } from './test-registry.ts'
import { Turn, type TurnOptions } from './turn.ts'

/** An API server that takes every object, and has none. */
const objects = {
  autoscalers: async () => [],
  readAhead: () => new Map(),
  dryRunAll: async (all) => all.map((object) => ({ object, live: undefined, result: object })),
} satisfies Partial<ObjectStore>

function setUp(status = running(1)) {
  const registry = new TestRegistry()
  const clock = new FakeClock()
  // Of a turn preparing reads what it works on, and writes nothing.
  const turn = new Turn({
    delivery: delivery({ status }),
    desired: desired(),
    memory: newMemory('uid-1'),
    leaseEpoch: 1,
    signal: new AbortController().signal,
    log: createLog({ level: 'error', destination: { write: () => {} } }),
    clock,
  } as Partial<TurnOptions> as TurnOptions)
  const scope = { tags: registry, objects: objects as unknown as ObjectStore, snapshots: {} as SnapshotStore, clock }
  const prepared = (target: Target): Promise<Preparation> => prepare(target, work(), turn, scope)
  return { registry, clock, prepared }
}

async function refusal(preparing: Promise<unknown>): Promise<AppError> {
  const error: unknown = await preparing.catch((reason: unknown) => reason)
  if (error instanceof AppError) return error
  throw new Error('it was not refused', { cause: error })
}

for (const [what, pin, says] of [
  ['tag', 'r2', /has no tag r2; it is awaited/],
  ['digest', digestOf(2), /has no image sha256:0+2; it is awaited/],
] as const) {
  t.test(`a ${what} that is pinned before it is there is awaited`, async (t) => {
    const { registry, prepared } = setUp()
    registry.push()

    t.match(await refusal(prepared({ kind: 'pin', pin })), { kind: 'waiting', reason: 'PinNotFound', message: says })

    registry.push()
    t.match(await prepared({ kind: 'pin', pin }), { revision: { tag: 'r2', digest: digestOf(2) } })
  })
}

t.test('what can be neither a tag nor a digest is refused for good, without a question', async (t) => {
  const { registry, prepared } = setUp()
  t.match(await refusal(prepared({ kind: 'pin', pin: 'sha256:abc' })), { kind: 'terminal', reason: 'PinNotFound' })
  t.same(registry.asked, [])
})

t.test('so is the digest of an image that does not say of which tag it is', async (t) => {
  const { registry, prepared } = setUp()
  const { digest } = registry.push()
  registry.image = async () => ({ digest, mediaType: 'x/y', revision: 'feature/x' })
  t.match(await refusal(prepared({ kind: 'pin', pin: digest })), { kind: 'terminal', reason: 'PinNotFound' })
})

t.test('what does not fit beside what older releases left waits until that is pruned', async (t) => {
  const others = (count: number) =>
    running(1, {
      inventory: Array.from({ length: count }, (_, n) => ({ apiVersion: 'v1', kind: 'ConfigMap', name: `c${n}` })),
    })
  const target = { kind: 'image', image: image(2) } as const
  const within = setUp(others(maxInventory - 1))
  const beyond = setUp(others(maxInventory))
  for (const { registry } of [within, beyond]) {
    registry.push()
    registry.push()
  }

  t.match(await within.prepared(target), { revision: { tag: 'r2' } })
  t.match(await refusal(beyond.prepared(target)), {
    kind: 'waiting',
    reason: 'BundleInvalid',
    message: /there would be 401 objects, 400 at most .* it waits/,
  })
})

t.test('reads that do not come to an end are given up, and tried again later', async (t) => {
  const { registry, clock, prepared } = setUp()
  registry.push()
  registry.push()
  registry.bundles = (_, __, signal) =>
    new Promise((_resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
    })
  let isOver = false
  const preparing = refusal(prepared({ kind: 'image', image: image(2) })).finally(() => {
    isOver = true
  })

  await clock.advance(longestPreparationMs - 1)
  await settle()
  t.equal(isOver, false)

  await clock.advance(1)
  t.match(await preparing, { kind: 'retryable', reason: 'RegistryUnavailable', message: /within 60 s/ })
  t.equal(clock.pending, 0)
})
