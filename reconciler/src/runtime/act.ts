import type { InventoryEntry } from '../api/delivery.ts'
import type { KubeObject } from '../api/object.ts'
import type { Standing } from '../core/conditions.ts'
import type { Work } from '../core/desired.ts'
import { AppError } from '../core/errors.ts'
import { courseOf } from '../core/failing.ts'
import { noteHindrance } from '../core/hindrance.ts'
import { entryKey, updateEntries } from '../core/inventory.ts'
import type { Observed } from '../core/observed.ts'
import { holdsObjects } from '../core/pause.ts'
import type { Plan, Stance } from '../core/plan.ts'
import { letOut } from '../core/quarantine.ts'
import { appliedRevision, keepSnapshot, resetByPin } from '../core/releases.ts'
import { objectKey } from '../core/replicas.ts'
import { claimRollout, finishRollout, freezeRollout, prunedObjects, thawRollout } from '../core/rollout.ts'
import { listObjects } from '../core/situation.ts'
import { endOfWait } from '../core/under-way.ts'
import type { ObjectStore, PodSource } from '../kube/ports.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import { begin, type BeginScope } from './begin.ts'
import { endDelivery, type DeletionScope } from './deletion.ts'
import { forEachObject, mendable } from './each-object.ts'
import { fail, type FailScope } from './fail.ts'
import { pruneObjects } from './prune.ts'
import { releasedObjects } from './released-objects.ts'
import { leaveReplicas } from './replicas.ts'
import { rolloutOf, type Turn } from './turn.ts'
import { countCorrections, writeAgain, writeObject, type Refused } from './write-objects.ts'

export interface ActScope extends BeginScope, FailScope, DeletionScope {
  readonly objects: ObjectStore
  readonly pods: Pick<PodSource, 'remove'>
  readonly metrics: Pick<Metrics, 'driftCorrected'>
  readonly observed: Observed
}

/** When the key is wanted back, beside what events bring it back for. */
export type Next =
  { readonly kind: 'atOnce' } | { readonly kind: 'after'; readonly ms: number } | { readonly kind: 'onEvent' }

/** Begins what a plan says; never waits for anything but the answers of the API server and the registry. */
export async function act(plan: Plan, turn: Turn, scope: ActScope): Promise<Next> {
  const { work } = turn.desired
  if (plan.kind === 'leave') return endDelivery(turn, scope)
  if (plan.kind === 'rest') return rest(plan, turn, scope)
  if (work.kind === 'invalid') throw new Error(`a ${plan.kind} was planned under an invalid spec`)
  if (plan.kind === 'start') return wrote(await begin(plan, work, turn, scope), plan, work, turn, scope)
  if (plan.kind === 'apply') return wrote(await writeAgain(plan, work, turn, scope), plan, work, turn, scope)
  if (plan.kind === 'await') return awaitRollout(plan, work, turn, scope)
  if (plan.kind === 'finish') return finish(plan, work, turn)
  if (plan.kind === 'fail') return end(plan, work, turn, scope)
  if (plan.kind === 'unstick') return unstick(plan, turn, scope)
  if (plan.kind === 'letOut') return heedRetry(plan, turn)
  if (plan.kind === 'prune') return prune(plan, work, turn, scope)
  return correct(plan, work, turn, scope)
}

type Of<K extends Plan['kind']> = Extract<Plan, { kind: K }>

const onEvent: Next = { kind: 'onEvent' }
const atOnce: Next = { kind: 'atOnce' }

async function rest(plan: Of<'rest'>, turn: Turn, { observed }: ActScope): Promise<Next> {
  const status = plan.isFrozen === true ? freezeRollout(turn.status) : turn.status
  // What was in the way before a pause need not be so after it.
  if (plan.isFrozen === true) delete turn.memory.trouble
  const isReset = resetByPin(status, turn.desired) !== status
  await turn.write(status, { standing: plan, pending: plan.pending, drift: observed.drift })
  // The poller is to read what counts from there on.
  if (isReset) return atOnce
  return plan.untilMs === undefined ? onEvent : { kind: 'after', ms: Math.max(0, plan.untilMs - turn.nowMs()) }
}

/** What was refused for good in mid-apply is a release that failed. */
async function wrote(
  refused: Refused,
  plan: Of<'start' | 'apply'>,
  work: Work,
  turn: Turn,
  scope: ActScope,
): Promise<Next> {
  if (refused === undefined) return atOnce
  const { notices, pending } = plan
  const course = courseOf(turn.status, rolloutOf(turn), work)
  const failed = { ...refused, kind: 'fail', fault: 'Release', course, notices } as const
  return end({ ...failed, ...(pending !== undefined && { pending }) }, work, turn, scope)
}

async function end(plan: Of<'fail'>, work: Work, turn: Turn, scope: ActScope): Promise<Next> {
  await fail(plan, work, turn, scope)
  return atOnce
}

async function awaitRollout(plan: Of<'await'>, work: Work, turn: Turn, { observed }: ActScope): Promise<Next> {
  const nowMs = turn.nowMs()
  const thawed = thawRollout(turn.status, { timeoutMs: work.timeoutMs, nowMs })
  const status = noteHindrance(thawed, observed.rollout?.pods?.fault, nowMs)
  const { pending } = plan
  await turn.write(status, { standing: standingOf(plan, 'progressing'), pending, drift: observed.drift })
  const endMs = endOfWait(rolloutOf(turn), observed, work)
  return endMs === undefined ? onEvent : { kind: 'after', ms: Math.max(0, endMs - turn.nowMs()) }
}

async function finish(plan: Of<'finish'>, work: Work, turn: Turn): Promise<Next> {
  const rollout = rolloutOf(turn)
  const status = finishRollout(turn.status, rollout, { prune: work.spec.prune, nowMs: turn.nowMs() })
  await turn.write(status, { standing: standingOf(plan, stanceOf(plan)), pending: plan.pending })
  turn.forgetRollout()
  turn.log.info({ revision: rollout.revision.tag, reason: plan.reason }, 'rollout ended')
  return atOnce
}

async function prune(plan: Of<'prune'>, work: Work, turn: Turn, scope: ActScope): Promise<Next> {
  const { drift } = scope.observed
  const { pending } = plan
  // What can't be deleted is said until it is: else every try would say that all is well first.
  await turn.write(claimRollout(turn.status, turn.leaseEpoch), {
    standing: standingOf(plan, 'unknown'),
    pending,
    drift,
  })
  await pruneWanted(work, turn, scope)
  await turn.write(prunedObjects(turn.status), { standing: standingOf(plan, stanceOf(plan)), pending, drift })
  return atOnce
}

/** After going back it is not the newest release that runs, however well. */
function stanceOf({ reason }: Plan): Stance {
  return reason === 'RolledBack' ? 'waiting' : 'ready'
}

async function unstick(plan: Of<'unstick'>, turn: Turn, { pods, observed: { drift } }: ActScope): Promise<Next> {
  // What is in the way is said until it is not.
  const stance = turn.memory.failures === 0 ? 'progressing' : 'unknown'
  const said = { standing: standingOf(plan, stance), pending: plan.pending, drift }
  await turn.write(claimRollout(turn.status, turn.leaseEpoch), said)
  await mendable(() =>
    forEachObject(plan.pods, async (pod) => {
      turn.assertWritable(pod)
      const isGone = await pods.remove(pod, turn.tenant, turn.signal)
      turn.log.info({ object: `Pod/${pod.metadata.name}`, isGone }, 'stuck pod deleted')
    }),
  )
  return onEvent
}

async function heedRetry(plan: Of<'letOut'>, turn: Turn): Promise<Next> {
  const { retry, name, reason, message } = plan
  const status = { ...turn.status, lastHandledRetry: retry }
  await turn.store(name === undefined ? status : letOut(status, name))
  if (name === undefined) turn.warn(reason, message)
  else turn.tell(reason, 'Retry', message)
  return atOnce
}

async function correct(plan: Of<'correct'>, work: Work, turn: Turn, scope: ActScope): Promise<Next> {
  const revision = appliedRevision(turn.status)
  if (revision === undefined) throw new Error('a correction was planned where nothing was applied')
  const wanted = new Set(plan.objects.map(entryKey))
  const { objects, snapshot } = await releasedObjects(revision, work, turn, { ...scope, signal: turn.signal })
  const changed = objects.filter((object) => wanted.has(objectKey(object)))
  const drifted = await leaveReplicas(changed, objects, { ...scope, tenant: turn.tenant, signal: turn.signal })
  // What is about to be taken back stands in status first, as for a release; how it stands otherwise is as before.
  const inventory = countCorrections(turn, plan.objects)
  const claimed = claimRollout(turn.status, turn.leaseEpoch)
  await turn.write(keepSnapshot({ ...claimed, inventory }, revision, snapshot), {
    standing: standingOf(plan, 'unknown'),
    pending: 'unknown',
    drift: scope.observed.drift,
  })
  const isPruning = turn.status.rollout?.phase === 'Pruning' && !holdsObjects(turn.desired.pause)
  const works = [
    () => takeBack(drifted, turn, scope),
    // What can't be taken back holds up no deletion.
    ...(isPruning ? [() => pruneRest(work, turn, scope)] : []),
  ]
  await forEachObject(works, (work) => work())
  return atOnce
}

async function takeBack(objects: readonly KubeObject[], turn: Turn, scope: ActScope): Promise<void> {
  const entries: InventoryEntry[] = []
  try {
    await forEachObject(objects, async (object) => {
      entries.push(await writeObject(object, turn, scope))
    })
  } catch (error) {
    const isGivenUp = !(error instanceof AppError) || error.kind === 'aborted'
    if (!isGivenUp && entries.length > 0) await noteCorrected(entries, turn, scope)
    throw error
  }
  await noteCorrected(entries, turn, scope)
}

async function pruneRest(work: Work, turn: Turn, scope: ActScope): Promise<void> {
  await pruneWanted(work, turn, scope)
  await turn.store(prunedObjects(turn.status))
}

/** Whoever takes back `prune` while something can't be deleted keeps it. */
async function pruneWanted({ spec }: Work, turn: Turn, { objects }: ActScope): Promise<void> {
  if (spec.prune) await pruneObjects(turn, objects)
}

async function noteCorrected(
  entries: readonly InventoryEntry[],
  turn: Turn,
  { metrics }: Pick<ActScope, 'metrics'>,
): Promise<void> {
  turn.forgetRollout()
  await turn.store({ ...turn.status, inventory: updateEntries(turn.status.inventory ?? [], entries) })
  turn.tell('DriftCorrected', 'Correct', `taken back: ${listObjects(entries)}`)
  turn.log.info({ objects: entries.length, reason: 'DriftCorrected' }, 'drift corrected')
  metrics.driftCorrected(turn.desired, entries.length)
}

function standingOf({ reason, message }: Plan, stance: Stance): Standing {
  return { stance, reason, message }
}
