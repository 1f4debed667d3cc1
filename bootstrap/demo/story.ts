import { runListed } from '../progress/list.ts'
import type { DemoContext } from './context.ts'
import type { StepResult } from './report.ts'
import type { Step } from './step.ts'
import { badReleaseNotRetried } from './steps/bad-release-not-retried.ts'
import { clusterUp } from './steps/cluster-up.ts'
import { driftCorrected } from './steps/drift-corrected.ts'
import { badReleaseRolledBack, crashingReleaseRolledBack } from './steps/failing-releases.ts'
import { pausedHolds, resumedReleases } from './steps/holding.ts'
import { leaderKilledReleaseCompletes } from './steps/leader-killed.ts'
import { reconcilerReady } from './steps/reconciler-ready.ts'
import { registryUp } from './steps/registry-up.ts'
import { firstRelease, secondRelease, servedByIngress } from './steps/releases.ts'
import { scrapedByPrometheus } from './steps/scraped-by-prometheus.ts'
import { tornDown } from './steps/torn-down.ts'

/** The story in its order; the last step is told apart, for it waits for the reader to have seen enough. */
export const story: readonly Step<DemoContext>[] = [
  clusterUp,
  registryUp,
  reconcilerReady,
  firstRelease,
  servedByIngress,
  secondRelease,
  badReleaseRolledBack,
  crashingReleaseRolledBack,
  badReleaseNotRetried,
  pausedHolds,
  resumedReleases,
  driftCorrected,
  leaderKilledReleaseCompletes,
  scrapedByPrometheus,
]

export const ending = tornDown

const checkTimeoutMs = 120_000

/** Runs steps in order and stops at the first that fails; answers what each found, the failed one included. */
export function tell(steps: readonly Step<DemoContext>[], context: DemoContext): Promise<readonly StepResult[]> {
  return runListed(
    steps.map((step) => ({
      title: step.title,
      keepsLastLine: step.keepsLastLine ?? false,
      run: (report) => runStep(step, context, report),
    })),
  )
}

/** Acts and checks; a step that throws failed, and says why. */
export async function runStep(
  step: Step<DemoContext>,
  context: DemoContext,
  report: (line: string) => void,
): Promise<StepResult> {
  const startedAt = performance.now()
  const elapsed = (): number => Math.round(performance.now() - startedAt)
  try {
    await step.act?.(context, report)
    const verdict = await step.check(context, { timeoutMs: checkTimeoutMs, signal: context.signal })
    return { name: step.name, ...verdict, ms: elapsed() }
  } catch (error) {
    const detail = context.signal.aborted ? 'interrupted' : String(error instanceof Error ? error.message : error)
    return { name: step.name, ok: false, detail, ms: elapsed() }
  }
}
