import { parseDuration } from '../../../reconciler/src/core/duration.ts'
import { endOfAuditLog } from '../../local/audit-log.ts'
import type { ReleaseName } from '../changes.ts'
import { clusterOf, type DemoContext, made, releaseOf, runningOf, scratchOf, worldOf } from '../context.ts'
import { judgeFailedRollout, watchFailedRollout } from '../failed-rollout.ts'
import { inPredictor, operate, type Report } from '../operator.ts'
import { pushRelease } from '../push-release.ts'
import { isWell } from '../running-release.ts'
import { type CheckOptions, ok, type Step, type Verdict } from '../step.ts'
import { untilTold } from '../told.ts'

/** What a release that never becomes ready gets here before it is gone back from, so that the story stays short. */
const shortTimeout = '12s'
/** After as many restarts its pods tell that a release can not succeed: the reconciler's rule. */
const restartsThatTell = 3

export const badReleaseRolledBack: Step<DemoContext> = {
  name: 'bad-release-rolled-back',
  title: 'A push that starts, is live and never ready: gone back from when its time is up',
  keepsLastLine: true,
  act: async (context, report) => {
    const { timeout } = (await worldOf(context).delivery()).spec.rollout
    await allow(context, shortTimeout, report)
    await pushAndFail(context, 'bad', report)
    // On a busy machine a good release needs its time.
    await allow(context, timeout)
  },
  check: (context, options) => isGoneBackFrom(context, 'bad', 0, options),
}

export const crashingReleaseRolledBack: Step<DemoContext> = {
  name: 'crashing-release-rolled-back',
  title: 'A push that crashes as it starts: gone back from as soon as its pods tell',
  keepsLastLine: true,
  act: (context, report) => pushAndFail(context, 'crashing', report),
  check: (context, options) => isGoneBackFrom(context, 'crashing', restartsThatTell, options),
}

async function pushAndFail(context: DemoContext, name: ReleaseName, report: Report): Promise<void> {
  const { auditLog } = clusterOf(context)
  const world = worldOf(context)
  const { timeout } = (await world.delivery()).spec.rollout
  const timeoutMs = parseDuration(timeout)
  if (timeoutMs === undefined) throw new Error(`the Delivery gives a release ${timeout}, which is no time`)
  const fromByte = await endOfAuditLog(auditLog)
  const seen = await watchFailedRollout({
    world,
    failing: await pushRelease(context, name, report),
    good: releaseOf(context, runningOf(context)),
    auditLog,
    fromByte,
    report,
    timeoutMs,
    signal: context.signal,
  })
  context.failedRollouts.set(name, seen)
  // As a developer would: what is pushed next does not hold it any more.
  await scratchOf(context).revert()
  const { message } = await untilTold(context, 'RolledBack')
  report(`the Delivery says: ${message}`)
}

async function isGoneBackFrom(
  context: DemoContext,
  name: ReleaseName,
  leastRestarts: number,
  options: CheckOptions,
): Promise<Verdict> {
  const seen = judgeFailedRollout(made(context.failedRollouts.get(name), `that pushes the ${name} release`), {
    leastRestarts,
  })
  if (!seen.ok) return seen
  const well = await isWell(context, runningOf(context), options)
  return well.ok ? ok(`${seen.detail}; ${well.detail}`) : well
}

async function allow(context: DemoContext, timeout: string, report?: Report): Promise<void> {
  const patch = JSON.stringify({ spec: { rollout: { timeout } } })
  const args = [...inPredictor, 'patch', 'delivery', 'predictor', '--type=merge', `--patch=${patch}`]
  await operate(context, args, report && { report })
}
