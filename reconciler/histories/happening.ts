import * as fc from 'fast-check'
import type { DeliverySpec } from '../src/api/delivery.ts'
import type { Fault, Nature, Push } from './repository.ts'
import type { Mishap } from './wire.ts'

/** Where an operator annotates. */
export type Place = 'delivery' | 'namespace' | 'everything' | 'object'

/** What may happen, in any order; numbers that name a push count from the newest. */
export type Happening =
  | ({ readonly kind: 'push' } & Push)
  | { readonly kind: 'attach' | 'move' | 'deleteTag'; readonly push: number }
  | { readonly kind: 'registryFault'; readonly fault: Fault; readonly times: number }
  | { readonly kind: 'turn'; readonly push: number; readonly nature: Nature }
  | { readonly kind: 'pulls'; readonly isBroken: boolean }
  | { readonly kind: 'evict' }
  | { readonly kind: 'pause'; readonly on: Place; readonly value: string | number; readonly mode: string | undefined }
  | { readonly kind: 'resume'; readonly on: Place }
  | { readonly kind: 'pin'; readonly push: number | undefined; readonly isDigest: boolean }
  | { readonly kind: 'retry'; readonly push: number; readonly isDigest: boolean }
  | { readonly kind: 'ask' | 'deleteDelivery' | 'createDelivery' | 'loseStatus' }
  | { readonly kind: 'spec'; readonly spec: Partial<DeliverySpec> }
  | { readonly kind: 'hand'; readonly hand: Hand; readonly object: string }
  | { readonly kind: 'mishap'; readonly mishap: Mishap }
  | { readonly kind: 'land' | 'depose' | 'poll' }
  | { readonly kind: 'watch'; readonly watch: 'stall' | 'catchUp' | 'relist' | 'repeat'; readonly path: number }
  | { readonly kind: 'wait'; readonly ms: number }
  | { readonly kind: 'stepClock'; readonly ms: number }

export type Hand = 'change' | 'remove' | 'scale' | 'addOwn' | 'unlabel' | 'unmark' | 'delete' | 'squat' | 'takeByApply'

type Kind = Happening['kind']

const natures = fc.constantFrom<Nature[]>('good', 'good', 'good', 'good', 'slow', 'crashing', 'neverReady')
const places = fc.constantFrom<Place[]>('delivery', 'delivery', 'namespace', 'everything', 'object')
const objects = fc.constantFrom('Deployment/web', 'ConfigMap/settings', 'ConfigMap/extra')
const push = fc.nat(3)

const pushes = fc.record<Push>({
  sequence: fc.constantFrom(...Array<'next'>(8).fill('next'), 'late', 'late', 'none'),
  bundles: fc.constantFrom(...Array<'one'>(12).fill('one'), 'none', 'two', 'hostile'),
  nature: natures,
  hasExtra: fc.boolean(),
})

const mishap = fc.oneof(
  { weight: 3, arbitrary: mishapOf('kill', 25) },
  { weight: 1, arbitrary: mishapOf('hold', 8) },
  { weight: 1, arbitrary: mishapOf('fail', 20) },
  { weight: 1, arbitrary: mishapOf('pause', 15) },
)

const arbitraries = {
  push: pushes.map((fields) => ({ kind: 'push' as const, ...fields })),
  attach: fc.record({ kind: fc.constant('attach' as const), push }),
  move: fc.record({ kind: fc.constant('move' as const), push }),
  deleteTag: fc.record({ kind: fc.constant('deleteTag' as const), push }),
  registryFault: fc.record({
    kind: fc.constant('registryFault' as const),
    fault: fc.constantFrom<Fault[]>('page', 'lookup', 'throttled', 'down'),
    times: fc.integer({ min: 1, max: 3 }),
  }),
  turn: fc.record({ kind: fc.constant('turn' as const), push, nature: natures }),
  pulls: fc.record({ kind: fc.constant('pulls' as const), isBroken: fc.boolean() }),
  evict: only('evict'),
  pause: fc.record({
    kind: fc.constant('pause' as const),
    on: places,
    value: fc.oneof(
      { weight: 4, arbitrary: fc.constant('true') },
      { weight: 2, arbitrary: fc.integer({ min: 1, max: 400 }) },
      { weight: 1, arbitrary: fc.constantFrom('false', 'yes', '', '2026') },
    ),
    mode: fc.constantFrom(undefined, undefined, 'all', 'releases', 'releases', 'some'),
  }),
  resume: fc.record({ kind: fc.constant('resume' as const), on: places }),
  pin: fc.record({
    kind: fc.constant('pin' as const),
    push: fc.option(push, { freq: 2 }).map((value) => value ?? undefined),
    isDigest: fc.boolean(),
  }),
  retry: fc.record({ kind: fc.constant('retry' as const), push, isDigest: fc.boolean() }),
  ask: only('ask'),
  deleteDelivery: only('deleteDelivery'),
  createDelivery: only('createDelivery'),
  loseStatus: only('loseStatus'),
  spec: fc.record({
    kind: fc.constant('spec' as const),
    spec: fc.constantFrom<Partial<DeliverySpec>[]>(
      { drift: 'Report' },
      { drift: 'Correct' },
      { prune: false },
      { prune: true },
      { rollout: { timeout: '1m', onFailure: 'Hold', logs: true } },
      { rollout: { timeout: '1m', onFailure: 'RollBack', logs: true } },
      { deletionPolicy: 'Delete' },
      { deletionPolicy: 'Orphan' },
    ),
  }),
  hand: fc.record({
    kind: fc.constant('hand' as const),
    hand: fc.constantFrom<Hand[]>(
      'change',
      'change',
      'remove',
      'scale',
      'addOwn',
      'unlabel',
      'unmark',
      'delete',
      'delete',
      'squat',
      'takeByApply',
    ),
    object: objects,
  }),
  mishap: mishap.map((found) => ({ kind: 'mishap' as const, mishap: found })),
  land: only('land'),
  depose: only('depose'),
  poll: only('poll'),
  watch: fc.record({
    kind: fc.constant('watch' as const),
    watch: fc.constantFrom('stall' as const, 'catchUp' as const, 'relist' as const, 'repeat' as const),
    path: fc.nat(3),
  }),
  wait: fc.record({ kind: fc.constant('wait' as const), ms: fc.constantFrom(1_000, 16_000, 31_000, 61_000, 130_000) }),
  stepClock: fc.record({
    kind: fc.constant('stepClock' as const),
    ms: fc.constantFrom(-3_600_000, -90_000, 90_000, 3_600_000),
  }),
} satisfies Record<Kind, fc.Arbitrary<Happening>>

export type Weights = Partial<Record<Kind, number>>

/** Of the kinds that have a weight. */
export function happenings(weights: Weights): fc.Arbitrary<Happening> {
  const chosen = Object.entries(weights).map(([kind, weight]) => ({
    weight,
    arbitrary: arbitraries[kind as Kind] as fc.Arbitrary<Happening>,
  }))
  return fc.oneof(...chosen)
}

/** How a Delivery is at first. */
export const specs: fc.Arbitrary<Partial<DeliverySpec>> = fc.record({
  drift: fc.constantFrom('Correct', 'Correct', 'Correct', 'Report'),
  prune: fc.constantFrom(true, true, true, false),
  deletionPolicy: fc.constantFrom('Orphan', 'Delete'),
  rollout: fc.record({
    timeout: fc.constant('1m'),
    onFailure: fc.constantFrom('RollBack', 'RollBack', 'RollBack', 'Hold'),
    logs: fc.boolean(),
  }),
})

function only<K extends Kind>(kind: K): fc.Arbitrary<{ kind: K }> {
  return fc.constant({ kind })
}

function mishapOf(kind: Mishap['kind'], mostAfter: number): fc.Arbitrary<Mishap> {
  return fc.record({
    kind: fc.constant(kind),
    after: fc.nat(mostAfter),
    moment: fc.constantFrom('before' as const, 'after' as const),
  })
}
