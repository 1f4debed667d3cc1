import { type AuditEvent, endOfAuditLog } from '../../local/audit-log.ts'
import { waitFor } from '../../local/wait.ts'
import { budgets } from '../changes.ts'
import { clusterOf, type DemoContext, made, worldOf } from '../context.ts'
import { deliveredWrites, isByReconciler, podOf } from '../delivered-writes.ts'
import { eventually } from '../eventually.ts'
import { untilLed, untilTwoStand } from '../leader.ts'
import { predictorNamespace as namespace, reconcilerNamespace } from '../names.ts'
import { operate } from '../operator.ts'
import { pushRelease } from '../push-release.ts'
import { isWell, runsByDigest } from '../running-release.ts'
import { notOk, ok, type Step, type Verdict } from '../step.ts'

const pollTimeoutMs = 60_000

export const leaderKilledReleaseCompletes: Step<DemoContext> = {
  name: 'leader-killed-release-completes',
  title: 'The leader is killed with a release in flight: the other replica completes it',
  act: async (context, report) => {
    const { signal } = context
    const cluster = clusterOf(context)
    const { auditLog } = cluster
    const world = worldOf(context)
    await untilTwoStand(world, signal)
    const leader = await untilLed(world, signal)
    const fromByte = await endOfAuditLog(auditLog)
    await pushRelease(context, 'last', report)
    context.running = 'last'
    await waitFor(
      async () => (await deliveredWrites(auditLog, fromByte)).some(isPodsWrite) || undefined,
      () => 'the reconciler to write the Deployment of the release',
      { timeoutMs: pollTimeoutMs, everyMs: 10, signal },
    )
    await cluster.killPod(leader.uid)
    // A process that the node starts in its place would be of the same pod, and lead on at once.
    const pod = ['--namespace', reconcilerNamespace, 'delete', 'pod', leader.name, '--grace-period=0', '--force']
    await operate(context, pod)
    context.takeover = { killedPod: leader.name, fromByte: await endOfAuditLog(auditLog) }
    const { ok: isOver } = await runsByDigest(context, 'last', { timeoutMs: 0, signal })
    if (isOver) throw new Error('the rollout was over before the leader was killed')
    report(
      `${leader.name}, which led, is killed and gone: the rollout goes on, and nobody leads until the lease runs out`,
    )
  },
  check: async (context, options) => {
    const completed = await eventually(() => isCompletedByAnother(context), options)
    if (!completed.ok) return completed
    const well = await isWell(context, 'last', options)
    return well.ok ? ok(`${completed.detail}; ${well.detail}`) : well
  },
}

function isPodsWrite(write: AuditEvent): boolean {
  return isByReconciler(write) && write.objectRef?.resource === 'deployments'
}

/** The last thing that a release does, once its pods are ready: what it no longer holds is deleted. */
async function isCompletedByAnother(context: DemoContext): Promise<Verdict> {
  const { killedPod, fromByte } = made(context.takeover, 'leader-killed-release-completes')
  const { items } = await worldOf(context).policy.listNamespacedPodDisruptionBudget({ namespace })
  const names = items.map(({ metadata }) => metadata?.name).join(', ')
  if (names !== budgets.after) return notOk(`the disruption budgets are ${names}`)
  const writes = await deliveredWrites(clusterOf(context).auditLog, fromByte)
  const pruning = writes.find(
    (write) =>
      isByReconciler(write) &&
      write.verb === 'delete' &&
      write.objectRef?.resource === 'poddisruptionbudgets' &&
      write.objectRef.name === budgets.before,
  )
  if (pruning === undefined) return notOk('the audit log holds no deletion of what the release no longer holds')
  const pod = podOf(pruning)
  if (pod === undefined || pod === killedPod) return notOk(`it was ${pod} that deleted it, which was killed`)
  return ok(`${pod} took over and deleted what the release no longer holds`)
}
