// A worker's program: plays drawn histories and posts what came of it. tap follows each promise of its thread, to know
// whose test throws; of histories, which are nothing but promises, that is a quarter of the time.
import { parentPort, workerData } from 'node:worker_threads'
import * as fc from 'fast-check'
import { happenings, specs, type Weights } from './happening.ts'
import { playOut, type Step } from './play-out.ts'

export interface Drawn {
  readonly weights: Weights
  readonly runs: number
  readonly seed: number
}

export interface Played {
  readonly count: number
  /** What status said in any of them: reasons of Ready. */
  readonly reasons: ReadonlySet<string>
  /** What broke an invariant, shrunk, with its seed. */
  readonly failure?: string
}

const mostSteps = 10
/** Within what a test file has, so that what was found is told though it is not shrunk to its least. */
const mostMs = 550_000

/** Something good runs before anything else happens, in most histories. */
const firstRelease: Step = {
  happening: { kind: 'push', sequence: 'next', bundles: 'one', nature: 'good', hasExtra: true },
  isPolled: true,
}

// oxlint-disable-next-line unicorn/require-post-message-target-origin -- a port between threads has no origin
parentPort?.postMessage(await playDrawn(workerData as Drawn))

async function playDrawn({ weights, runs, seed }: Drawn): Promise<Played> {
  const reasons = new Set<string>()
  let count = 0
  const property = fc.asyncProperty(specs, stepsOf(weights), async (spec, steps) => {
    const outcome = await playOut(spec, steps)
    count += 1
    for (const reason of outcome.reasons) reasons.add(reason)
    if (outcome.broken.length > 0) throw new Error(outcome.broken.join('\n'))
  })
  const limit = { interruptAfterTimeLimit: mostMs, markInterruptAsFailure: true }
  const details = await fc.check(property, { numRuns: runs, seed, ...limit })
  return { count, reasons, ...(details.failed && { failure: fc.defaultReportMessage(details) ?? 'failed' }) }
}

function stepsOf(weights: Weights): fc.Arbitrary<Step[]> {
  const step = fc.record({ happening: happenings(weights), isPolled: fc.constantFrom(true, true, true, false) })
  const steps = fc.array(step, { minLength: 1, maxLength: mostSteps, size: 'max' })
  return fc
    .tuple(fc.constantFrom(true, true, true, false), steps)
    .map(([isRunning, rest]) => (isRunning ? [firstRelease, ...rest] : rest))
}
