import * as fc from 'fast-check'
import type { Test } from 'tap'
import { happenings, specs, type Weights } from './happening.ts'
import { playOut, type Step } from './play-out.ts'

/** As many as eight files need for ten thousand. */
const runs = Number(process.env['HISTORIES_RUNS'] ?? 1_250)
const mostSteps = 10
/** Within what a test file has, so that what was found is told though it is not shrunk to its least. */
const mostMs = 550_000

/** Something good runs before anything else happens, in most histories. */
const firstRelease: Step = {
  happening: { kind: 'push', sequence: 'next', bundles: 'one', nature: 'good', hasExtra: true },
  isPolled: true,
}

export interface Histories {
  readonly weights: Weights
  /** What status must have said in some of them, or they went nowhere. */
  readonly reasons: readonly string[]
}

/**
 * Plays drawn histories, the same in every run, so that a change is judged by what it changes; HISTORIES_SEED=N draws
 * others. What breaks an invariant is shrunk and told with its seed.
 */
export async function holdFor(t: Test, { weights, reasons }: Histories): Promise<void> {
  const seen = new Set<string>()
  let played = 0
  const property = fc.asyncProperty(specs, stepsOf(weights), async (spec, steps) => {
    const outcome = await playOut(spec, steps)
    played += 1
    for (const reason of outcome.reasons) seen.add(reason)
    if (outcome.broken.length > 0) throw new Error(outcome.broken.join('\n'))
  })
  const limit = { interruptAfterTimeLimit: mostMs, markInterruptAsFailure: true }
  await fc.assert(property, { numRuns: runs, seed: Number(process.env['HISTORIES_SEED'] ?? 1), ...limit })
  t.ok(played >= runs, `${played} histories`)
  if (runs < 1_000) return
  t.same(
    reasons.filter((reason) => !seen.has(reason)),
    [],
    'each of these was met',
  )
}

export function stepsOf(weights: Weights, mostAtOnce = mostSteps): fc.Arbitrary<Step[]> {
  const step = fc.record({ happening: happenings(weights), isPolled: fc.constantFrom(true, true, true, false) })
  const steps = fc.array(step, { minLength: 1, maxLength: mostAtOnce, size: 'max' })
  return fc
    .tuple(fc.constantFrom(true, true, true, false), steps)
    .map(([isRunning, rest]) => (isRunning ? [firstRelease, ...rest] : rest))
}
