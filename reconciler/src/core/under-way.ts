import type { FailedRelease, RolloutStatus } from '../api/delivery.ts'
import type { ObjectReference } from '../api/object.ts'
import { isReason } from '../api/reasons.ts'
import { parseTime } from '../api/time.ts'
import { isContested } from './contested.ts'
import type { Desired, Work } from './desired.ts'
import { courseOf } from './failing.ts'
import type { Health } from './health.ts'
import { lateHindrance } from './hindrance.ts'
import type { Observed } from './observed.ts'
import { rolledBackWords } from './once-more.ts'
import type { Plan } from './plan.ts'
import { isRecoverable, shortTag } from './releases.ts'
import { listObjects, type Decision, type Situation } from './situation.ts'

/** A rollout goes on, ends, or fails; going back to the last good release is a rollout too. */
export function underWay(situation: Situation): Decision | undefined {
  const { rollout, desired, observed } = situation
  if (rollout === undefined || desired.work.kind === 'invalid') return undefined
  if (rollout.phase === 'Applying') return applying(rollout, desired.work, situation)
  if (rollout.phase === 'Waiting') return waiting(rollout, desired.work, situation)
  if (rollout.phase === 'Failed') return recovered(rollout, observed)
  const { reason, message } = finish(rollout, observed)
  const becomes = desired.work.spec.prune ? 'deleted' : 'left'
  return { kind: 'prune', reason, message: `${message}; what it does not hold is ${becomes}` }
}

/** What must be written again in mid-rollout, in words: what went missing and, where drift is taken back, what changed. */
export function unlikeWritten(work: Desired['work'], { status, rollout, drift }: Observed): readonly string[] {
  const isOpen = (object: ObjectReference) => !isContested(status, object)
  const missing = rollout?.missing.filter(isOpen) ?? []
  const changed = work.kind === 'work' && work.spec.drift === 'Correct' ? drift.filter(isOpen) : []
  return [
    ...(missing.length > 0 ? [`${listObjects(missing)} went missing`] : []),
    ...(changed.length > 0 ? [`${listObjects(changed)} changed by another hand`] : []),
  ]
}

/** What a release is to be called while it is rolled out. */
export function describeRollout({ purpose, revision }: RolloutStatus, failed: FailedRelease | undefined): string {
  const tag = shortTag(revision.tag)
  if (purpose !== 'GoBack') return tag
  const why = failed === undefined ? '' : `, for ${shortTag(failed.revision.tag)} failed (${failed.reason})`
  return `going back to ${tag}${why}`
}

function applying(rollout: RolloutStatus, work: Work, { observed }: Situation): Decision {
  const { trouble } = observed
  const deadlineMs = deadlineOf(rollout)
  // Only what was met after the deadline counts: each gets a last try, however long nobody was there to write.
  const isStuck = trouble !== undefined && deadlineMs !== undefined && trouble.atMs >= deadlineMs
  const what = describeRollout(rollout, observed.status.failed)
  if (isStuck && trouble.reason !== 'ApiUnavailable') {
    const message = `${what}: its objects could not be written in time: ${trouble.message}`
    const fault = trouble.kind === 'terminal' ? 'Release' : 'Environment'
    return { kind: 'fail', reason: trouble.reason, message, fault, course: courseOf(observed.status, rollout, work) }
  }
  const isBack = rollout.purpose === 'GoBack'
  const message = isBack ? what : `writing the objects of ${what}`
  return { kind: 'apply', reason: isBack ? 'GoingBack' : 'Applying', message }
}

function waiting(rollout: RolloutStatus, work: Work, situation: Situation): Decision {
  const { observed, nowMs } = situation
  const what = describeRollout(rollout, observed.status.failed)
  const isBack = rollout.purpose === 'GoBack'
  const endMs = endOfWait(rollout, observed, work)
  const isLate = endMs !== undefined && nowMs >= endMs
  const unlike = unlikeWritten(work, observed)
  // Another hand that does it again and again gains the release no time.
  if (unlike.length > 0 && !isLate) {
    return {
      kind: 'apply',
      reason: isBack ? 'GoingBack' : 'Applying',
      message: `writing the objects of ${shortTag(rollout.revision.tag)} again, for ${unlike.join('; ')}`,
    }
  }
  const health = healthOfRelease(observed, rollout)
  if (health.state === 'current') return finish(rollout, observed)
  const failure = failureOf(health, isLate, rollout, work, situation)
  if (failure !== undefined) {
    const { culprit } = observed.rollout?.pods ?? {}
    // What is paused by hand takes up no other release either.
    const course = failure.reason === 'WorkloadPaused' ? 'hold' : courseOf(observed.status, rollout, work)
    return {
      ...failure,
      kind: 'fail',
      message: `${what}${failure.message}`,
      course,
      ...(culprit !== undefined && { culprit }),
    }
  }
  const stuck = observed.rollout?.pods?.stuck ?? []
  if (stuck.length > 0) {
    const names = listObjects(stuck.map(({ metadata }) => ({ kind: 'Pod', name: metadata.name })))
    return {
      kind: 'unstick',
      reason: isBack ? 'GoingBack' : 'RolloutProgressing',
      message: `${what}: ${names} is deleted, for it is stuck at what failed`,
      pods: stuck,
    }
  }
  const fault = observed.rollout?.pods?.fault
  const seen = fault === undefined ? '' : `; ${fault.reason}: ${fault.message}`
  const message = isBack ? `${what}: ${health.message}${seen}` : `${what} is rolling out: ${health.message}${seen}`
  return { kind: 'await', reason: isBack ? 'GoingBack' : 'RolloutProgressing', message }
}

/**
 * When a rollout that is awaited has failed: at its deadline, and not before somebody has looked at it for a while. Where
 * no leader was there the nodes may not have been either, and nobody's absence is a release's fault.
 */
export function endOfWait(
  rollout: RolloutStatus,
  { rollout: seen }: Pick<Observed, 'rollout'>,
  { timeoutMs }: Pick<Work, 'timeoutMs'>,
): number | undefined {
  const deadlineMs = deadlineOf(rollout)
  if (deadlineMs === undefined || seen?.sinceMs === undefined) return deadlineMs
  return Math.max(deadlineMs, seen.sinceMs + Math.min(timeoutMs / 2, leastLookMs))
}

const leastLookMs = 60_000

type FailureCause = Pick<Extract<Plan, { kind: 'fail' }>, 'fault' | 'reason' | 'message'>

/** A release's own fault that is sure ends the wait; all else ends it at the deadline. */
function failureOf(
  health: Health & { readonly message: string },
  isLate: boolean,
  rollout: RolloutStatus,
  { timeoutMs }: Work,
  { observed, nowMs }: Situation,
): FailureCause | undefined {
  const pods = observed.rollout?.pods
  const fault = pods?.fault
  const isForeign = observed.drift.length > 0
  if (fault?.isFinal === true && !isForeign)
    return { fault: 'Release', reason: fault.reason, message: ` failed: ${fault.message}` }
  const hindrance = lateHindrance(rollout, { timeoutMs, nowMs })
  if (health.state === 'failed' && fault?.fault !== 'environment' && hindrance === undefined) {
    return { fault: 'Release', reason: 'RolloutFailed', message: ` failed: ${health.message}` }
  }
  if (!isLate) return undefined
  if (fault !== undefined && !isForeign) {
    const message = ` was not ready in time: ${fault.message}; ${health.message}`
    return { fault: fault.fault === 'release' ? 'Release' : 'Environment', reason: fault.reason, message }
  }
  if (hindrance !== undefined && isReason(hindrance.reason)) {
    const { reason, message, endedAt } = hindrance
    const until = endedAt === undefined ? '' : ` until ${endedAt}`
    const held = ` was not ready in time: it was held up${until}: ${message}; ${health.message}`
    return { fault: 'Environment', reason, message: held }
  }
  const blind = pods?.blind === undefined ? '' : `; ${pods.blind}`
  return { fault: 'Release', reason: 'RolloutTimeout', message: ` was not ready in time: ${health.message}${blind}` }
}

/** What came up after all, by the environment's fault or as it was before, needs nobody any more. */
function recovered(rollout: RolloutStatus, observed: Observed): Decision | undefined {
  if (!isRecoverable(rollout) || healthOfRelease(observed, rollout).state !== 'current') return undefined
  return finish(rollout, observed)
}

function finish({ purpose, revision }: RolloutStatus, { status: { failed } }: Observed): Decision {
  const runs = `${shortTag(revision.tag)} runs`
  if (purpose !== 'GoBack' || failed === undefined) return { kind: 'finish', reason: 'Ready', message: runs }
  return { kind: 'finish', reason: 'RolledBack', message: rolledBackWords(failed, runs) }
}

/** What another hand changed is not what the release holds, so that its pods say nothing of the release. */
function healthOfRelease({ rollout: seen, drift }: Observed, { revision }: RolloutStatus): Health {
  if (seen === undefined) return { state: 'inProgress', message: 'its workloads were not read yet' }
  const foreign = [...seen.missing, ...drift]
  if (foreign.length === 0) return seen.health
  const tag = shortTag(revision.tag)
  return { state: 'inProgress', message: `not as ${tag} holds it, by another hand: ${listObjects(foreign)}` }
}

function deadlineOf({ deadline }: RolloutStatus): number | undefined {
  return deadline === undefined ? undefined : parseTime(deadline)
}
