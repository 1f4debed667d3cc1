import type { RolloutStatus } from '../api/delivery.ts'
import { parseTime } from '../api/time.ts'
import { isReason } from '../api/reasons.ts'
import { isContested, mostCorrections } from './contested.ts'
import type { Desired } from './desired.ts'
import type { Observed } from './observed.ts'
import type { Rest } from './plan.ts'
import {
  againTarget,
  failedAttempt,
  failedAttempts,
  nextTryWords,
  quarantinedCandidate,
  quarantineMessage,
  rolledBackWords,
} from './once-more.ts'
import { shortTag } from './releases.ts'
import {
  blocked,
  isPinApplied,
  listObjects,
  refusalOf,
  repositoryOf,
  rest,
  waitingCandidate,
  type Decision,
  type Situation,
} from './situation.ts'

/** Nothing is to be done: why, and whether that is well. */
export function standing(situation: Situation): Decision & Rest {
  const { desired, observed, rollout, selection, candidate } = situation
  const { status, registry } = observed
  const runs = status.current === undefined ? 'nothing runs yet' : `${shortTag(status.current.tag)} runs`

  if (desired.work.kind === 'invalid') return rest('stalled', desired.work.reason, desired.work.message)

  const pinRefusal = desired.pin === undefined ? undefined : refusalOf({ kind: 'pin', pin: desired.pin }, situation)
  if (pinRefusal !== undefined) return blocked(pinRefusal, runs)
  const againRefusal = refusedAgain(situation)
  if (againRefusal !== undefined) return blocked(againRefusal, runs)
  if (rollout?.phase === 'Failed') return failedStanding(rollout, situation)
  const isHeld = desired.pin !== undefined || desired.pause.kind === 'paused'
  if (!isHeld && candidate !== undefined) {
    const refusal = refusalOf({ kind: 'image', image: candidate }, situation)
    if (refusal !== undefined) return blocked(refusal, runs)
    const entry = quarantinedCandidate(desired, situation, candidate)
    if (entry !== undefined) return rest('waiting', 'Quarantined', `${quarantineMessage(entry)}; ${runs}`)
  }
  if (!isHeld && selection.kind === 'refused') {
    return blocked({ kind: 'terminal', reason: selection.reason, message: selection.message }, runs)
  }
  // A new leader has not read what may be newer than what failed: until then it stands as it stood.
  const isUnread = registry.images === undefined && registry.problem === undefined
  if (isUnread && status.conditions !== undefined) return rest('unknown', 'Progressing', 'the registry is being read')
  const back = rolledBack(situation, runs)
  if (back !== undefined) return back
  if (registry.problem !== undefined) return blocked(registry.problem, runs)
  if (registry.images === undefined) {
    return rest('progressing', 'Progressing', 'the registry is being read')
  }
  return settled(situation, runs)
}

/** The last good release runs again, and what failed is still the newest, or pinned. */
function rolledBack(situation: Situation, runs: string): (Decision & Rest) | undefined {
  const { desired, observed } = situation
  const { failed } = observed.status
  if (failed === undefined || (desired.pin !== undefined && desired.pin !== failed.pin)) return undefined
  // By what is asked now: what failed forgets its pin only as this is written.
  const held = desired.pin === undefined ? '' : `; pinned to ${shortTag(desired.pin)}`
  const pause = desired.pause.kind === 'paused' ? `; ${desired.pause.message}` : ''
  const next = waitingCandidate(situation)
  const waits = next === undefined ? '' : `; ${shortTag(next.tag)} waits`
  const message = `${rolledBackWords(failed, runs)}${held}${waits}${pause}`
  return { ...rest('waiting', 'RolledBack', message), ...untilNextTry(situation) }
}

function failedStanding(rollout: RolloutStatus, situation: Situation): Decision & Rest {
  const reason = isReason(rollout.reason) ? rollout.reason : 'RolloutFailed'
  const said = rollout.message ?? `${shortTag(rollout.revision.tag)} failed`
  if (rollout.purpose === 'GoBack') return rest('stalled', 'GoingBackFailed', `${reason}: ${said}`)
  return { ...rest('stalled', reason, `${said}${nextTryWords(rollout)}`), ...untilNextTry(situation) }
}

/** The clock brings no event; where its time has passed, what holds it back brings one. */
function untilNextTry(situation: Situation): Pick<Rest, 'untilMs'> {
  const untilMs = parseTime(failedAttempt(situation)?.nextTryAt ?? '')
  return untilMs === undefined || untilMs <= situation.nowMs ? {} : { untilMs }
}

function refusedAgain(situation: Situation) {
  const { retry } = situation.desired
  const targets = failedAttempts(situation).flatMap((failed) => [
    ...(retry === undefined ? [] : [againTarget(failed, retry)]),
    againTarget(failed),
  ])
  return targets.map((target) => refusalOf(target, situation)).find((refusal) => refusal !== undefined)
}

function settled(situation: Situation, runs: string): Decision & Rest {
  const { desired, observed, candidate } = situation
  const isPinWaiting = desired.pin !== undefined && !isPinApplied(situation)
  const next = isPinWaiting ? desired.pin : waitingCandidate(situation)?.tag
  const waits = next === undefined ? '' : `; ${shortTag(next)} waits`
  const hold = desired.pause.kind === 'paused' ? `${waits}; ${desired.pause.message}` : waits
  // What runs of another repository is not what is asked for.
  const { current } = observed.status
  const isElsewhere = candidate === undefined && current?.repository !== repositoryOf(desired)
  if (current === undefined || isElsewhere) {
    if (desired.pause.kind === 'paused') return rest('waiting', 'Paused', `${runs}${hold}`)
    return rest('waiting', 'WaitingForFirstTag', `${runs}: no tag of the repository matches spec.image.tags`)
  }
  const contested = desired.pause.kind === 'paused' ? [] : contestedDrift(desired, observed)
  if (contested.length > 0) {
    return rest(
      'stalled',
      'DriftContested',
      `${runs}, but another hand undid ${mostCorrections} corrections within ten minutes of ${listObjects(contested)}; ` +
        'stop it, then ask for a reconcile, or release',
    )
  }
  if (observed.drift.length > 0) {
    const left = desired.pause.kind === 'paused' ? hold : '; drift is only reported'
    return rest('ready', 'DriftDetected', `${runs}, changed by another hand: ${listObjects(observed.drift)}${left}`)
  }
  const held = desired.pin === undefined || isPinWaiting ? hold : `; pinned to ${shortTag(desired.pin)}`
  return rest('ready', 'Ready', `${runs}${held}`)
}

function contestedDrift({ work }: Desired, { status, drift }: Observed): Observed['drift'] {
  if (work.kind === 'invalid' || work.spec.drift === 'Report') return []
  return drift.filter((object) => isContested(status, object))
}
