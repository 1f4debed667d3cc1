import { isDeepStrictEqual } from 'node:util'
import * as fc from 'fast-check'
import t from 'tap'
import { parseTime } from '../api/time.ts'
import type { Plan } from './plan.ts'
import { findQuarantinedImage } from './quarantine.ts'
import { comparePositions } from './release-order.ts'
import { histories, World } from './test-world.ts'

/**
 * Histories of pushes, polls, failures, pauses, pins and restarts, played against decide and the steps of a rollout,
 * with the invariants of ARCHITECTURE.md checked at each plan.
 */
t.test('the histories reach every plan', async (t) => {
  const kinds = new Set<string>()
  for (const history of fc.sample(histories, 500)) {
    const world = new World()
    for (const next of history) {
      world.play(next)
      kinds.add(world.plan().kind)
    }
  }

  t.same([...kinds].sort(), ['apply', 'await', 'fail', 'finish', 'prune', 'rest', 'start'])
})

t.test('nothing is begun on a partial read (invariant 1)', async (t) => {
  check(t, (world, plan) => {
    if (plan.kind !== 'start' || plan.target.kind !== 'image') return true
    return world.observed.registry.problem === undefined && world.observed.registry.images !== undefined
  })
})

t.test('nothing at or below highWater is begun but by a pin (invariant 2)', async (t) => {
  check(t, (world, plan) => {
    const { highWater } = world.observed.status
    if (plan.kind !== 'start' || plan.target.kind !== 'image' || highWater === undefined) return true
    const { image } = plan.target
    const pushedAtMs = parseTime(highWater.pushedAt) ?? 0
    if (image.sequence === undefined || highWater.sequence === undefined) return image.pushedAtMs > pushedAtMs
    return comparePositions(image, { sequence: highWater.sequence, pushedAtMs }) > 0
  })
})

t.test(
  'what is begun has the digest under which status knew its tag, but by a pin and its undoing (invariant 5)',
  async (t) => {
    fc.assert(
      fc.property(histories, (history) => {
        const world = new World()
        const first = new Map<string, string>()
        return history.every((next) => {
          const plan = world.plan()
          world.play(next)
          const { candidate, rollout } = world.observed.status
          // What was good before a pin is gone back to, whatever the tag names since.
          if (rollout?.purpose === 'GoBack') return true
          const isPin = next.kind === 'reconcile' && plan.kind === 'start' && plan.target.kind === 'pin'
          if (isPin && rollout !== undefined) first.set(rollout.revision.tag, rollout.revision.digest)
          for (const seen of [rollout?.revision, candidate]) {
            if (seen !== undefined && !first.has(seen.tag)) first.set(seen.tag, seen.digest)
          }
          return rollout === undefined || first.get(rollout.revision.tag) === rollout.revision.digest
        })
      }),
      { numRuns: 2_000 },
    )
    t.pass('held for all histories')
  },
)

t.test('while paused with all nothing is written but status (invariant 4)', async (t) => {
  check(t, (world, plan) => {
    const { pause } = world.desired
    if (pause.kind === 'running' || pause.mode !== 'all') return true
    return plan.kind === 'rest' && plan.isFrozen === true
  })
})

t.test('what is in quarantine is begun by nothing but an operator (invariant 3)', async (t) => {
  check(t, (world, plan) => {
    if (plan.kind !== 'start' || plan.target.kind !== 'image') return true
    return findQuarantinedImage(world.observed.status, plan.target.image) === undefined
  })
})

t.test('there is no rollback of a rollback, and none of a first release (invariant 9)', async (t) => {
  check(t, (world, plan) => {
    const { rollout, current } = world.observed.status
    if (plan.kind !== 'fail' || plan.course !== 'goBack') return true
    return current !== undefined && rollout?.purpose === undefined
  })
})

t.test('without an event the world comes to rest, and at rest nothing is written (invariant 8)', async (t) => {
  fc.assert(
    fc.property(histories, (history) => {
      const world = new World()
      for (const next of history) world.play(next)
      for (let turn = 0; turn < 12; turn += 1) world.play({ kind: 'reconcile' })

      const plan = world.plan()
      const before = world.observed.status
      world.play({ kind: 'reconcile' })
      return ['rest', 'await'].includes(plan.kind) && isDeepStrictEqual(before, world.observed.status)
    }),
    { numRuns: 500 },
  )
  t.pass('held for all histories')
})

t.test('a pin that is not paused comes to run or is refused, whatever happened before', async (t) => {
  fc.assert(
    fc.property(histories, (history) => {
      const world = new World()
      for (const next of history) world.play(next)
      world.play({ kind: 'push', sequence: undefined })
      const pin = world.pushed.length - 1
      for (const next of [
        { kind: 'refuse', isRefused: false },
        { kind: 'restart' },
        { kind: 'pause', mode: 'none' },
        { kind: 'pin', push: pin },
        { kind: 'health', state: 'current' },
      ] as const) {
        world.play(next)
      }
      for (let turn = 0; turn < 12; turn += 1) world.play({ kind: 'reconcile' })
      return world.observed.status.current?.tag === world.pushed[pin]?.tag
    }),
    { numRuns: 500 },
  )
  t.pass('held for all histories')
})

function check(t: { pass(message: string): unknown }, holds: (world: World, plan: Plan) => boolean): void {
  fc.assert(
    fc.property(histories, (history) => {
      const world = new World()
      return history.every((next) => {
        world.play(next)
        return holds(world, world.plan())
      })
    }),
    { numRuns: 500 },
  )
  t.pass('held for all histories')
}
