import t from 'tap'
import type { Condition, DeliveryStatus } from '../api/delivery.ts'
import { deliveryStates, measureDelivery, type DeliveryState } from './delivery-measures.ts'
import { rollout, spec } from './test-builders.ts'

const noon = '2026-03-01T12:00:00Z'

function condition(type: string, reason: string, status: 'True' | 'False' = 'True'): Condition {
  return { type, status, reason, message: '', lastTransitionTime: noon }
}

const ready = condition('Ready', 'Ready')
const unready = (reason: string) => condition('Ready', reason, 'False')
const stalled = condition('Stalled', 'RolloutFailed')
const paused = condition('Paused', 'Paused')

const cases: ReadonlyArray<readonly [says: string, status: DeliveryStatus | undefined, state: DeliveryState]> = [
  ['before its first status it waits', undefined, 'waiting'],
  ['what runs and is healthy is ready', { conditions: [ready] }, 'ready'],
  ['what is not ready, for any reason but those below, waits', { conditions: [unready('BundlePending')] }, 'waiting'],
  ['a release under way rolls out', { rollout: rollout(), conditions: [unready('Progressing')] }, 'rollingOut'],
  ['the last good one under way goes back', { rollout: rollout({ purpose: 'GoBack' }) }, 'goingBack'],
  [
    'a rollout that holds is stalled',
    { rollout: rollout({ phase: 'Failed' }), conditions: [unready('RolloutTimeout'), stalled] },
    'stalled',
  ],
  [
    'what the release before held may take long to be deleted',
    { rollout: rollout({ phase: 'Pruning' }), conditions: [ready] },
    'ready',
  ],
  [
    'where somebody forbids that, it waits',
    { rollout: rollout({ phase: 'Pruning' }), conditions: [unready('ApplyRefused')] },
    'waiting',
  ],
  [
    'where it does after going back, it is rolled back',
    { rollout: rollout({ phase: 'Pruning', purpose: 'GoBack' }), conditions: [unready('ApplyRefused')] },
    'rolledBack',
  ],
  ['after going back it is rolled back', { conditions: [unready('RolledBack')] }, 'rolledBack'],
  ['a pause comes first', { rollout: rollout(), conditions: [ready, stalled, paused] }, 'paused'],
]

for (const [says, status, state] of cases) {
  t.test(says, async (t) => {
    t.equal(measureDelivery({ metadata: {}, spec: spec(), ...(status && { status }) }).state, state)
  })
}

t.test('every state has a case', async (t) => {
  t.same(new Set(cases.map(([, , state]) => state)), new Set(deliveryStates))
})

t.test('who paused and why is told in one line for as long as it lasts', async (t) => {
  const said = { ...paused, message: `the Delivery is paused by anna: ${'an\nincident '.repeat(50)}` }
  const { pause } = measureDelivery({ metadata: {}, spec: spec(), status: { conditions: [said] } })

  t.match(pause, /^the Delivery is paused by anna: an incident .*…$/)
  t.equal(pause?.length, 200)
  t.notOk('pause' in measureDelivery({ metadata: {}, spec: spec(), status: { conditions: [ready] } }))
})

t.test('the repository of what is being deleted is polled no more', async (t) => {
  const measure = (metadata: object) => measureDelivery({ metadata, spec: spec() }).repository
  t.equal(measure({}), spec().image.repository)
  t.equal(measure({ deletionTimestamp: noon }), undefined)
})

t.test('a pin is measured, an annotation that is still empty is none', async (t) => {
  const measure = (pin: string) =>
    measureDelivery({ metadata: { annotations: { 'windlass.dev/pin': pin } }, spec: spec() })

  t.ok(measure('r1').isPinned)
  t.notOk(measure(' ').isPinned)
  t.notOk(measureDelivery({ metadata: {}, spec: spec() }).isPinned)
})

t.test('conditions, quarantine, drift and the begin of a pause are measured', async (t) => {
  const entry = { tag: 'a', digest: 'sha256:a', reason: 'CrashLooping', message: '', at: noon }
  const status: DeliveryStatus = {
    conditions: [ready, condition('Stalled', 'X', 'False'), paused],
    quarantine: [entry, { ...entry, tag: 'b' }],
    drifted: [{ kind: 'Deployment', name: 'web', since: noon }],
  }
  t.match(measureDelivery({ metadata: {}, spec: spec(), status }), {
    isReady: true,
    isStalled: false,
    isPaused: true,
    isDriftContested: false,
    pausedSinceMs: Date.parse(noon),
    quarantinedReleases: 2,
    driftedObjects: 1,
  })
  t.match(measureDelivery({ metadata: {}, spec: spec() }), {
    pausedSinceMs: 0,
    quarantinedReleases: 0,
    driftedObjects: 0,
  })
})

t.test('drift is contested beside what may not be deleted, of which alone Ready tells', async (t) => {
  const web = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' } as const
  const of = (corrections: number, phase: 'Pruning' | 'Waiting') =>
    measureDelivery({
      metadata: {},
      spec: spec(),
      status: {
        rollout: rollout({ phase }),
        inventory: [{ ...web, corrections: Array.from({ length: corrections }, () => noon) }],
        drifted: [{ kind: web.kind, name: web.name, since: noon }],
        conditions: [unready('ApplyRefused')],
      },
    }).isDriftContested
  t.equal(of(5, 'Pruning'), true)
  t.equal(of(4, 'Pruning'), false)
  t.equal(of(5, 'Waiting'), false)
})

t.test('drift is contested where it stalls by that reason, and else nowhere', async (t) => {
  const contested = unready('DriftContested')
  const of = (...conditions: readonly Condition[]) =>
    measureDelivery({ metadata: {}, spec: spec(), status: { conditions: [...conditions] } }).isDriftContested
  t.equal(of(contested, condition('Stalled', 'DriftContested')), true)
  t.equal(of(contested), false)
  t.equal(of(unready('ApplyRefused'), stalled), false)
})
