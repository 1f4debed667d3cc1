import type { RolloutStatus } from '../api/delivery.ts'
import type { Work } from '../core/desired.ts'
import { failRollout, goBack, type Failure } from '../core/failing.ts'
import type { Culprit } from '../core/pod-faults.ts'
import type { Plan } from '../core/plan.ts'
import { shortTag } from '../core/releases.ts'
import { rolloutOf, type Turn } from './turn.ts'

export interface FailScope {
  /** The last lines that a container wrote; undefined where there are none to be had. */
  readonly lastLog: (culprit: Culprit) => Promise<string | undefined>
  readonly random: () => number
}

type Fail = Extract<Plan, { kind: 'fail' }>

/** Ends a rollout without success: one write of status, from which going back or holding follows. */
export async function fail(plan: Fail, work: Work, turn: Turn, scope: FailScope): Promise<void> {
  const { pending, reason, course } = plan
  const rollout = rolloutOf(turn)
  const failure = await describeFailure(plan, work, turn, scope)
  turn.log.warn({ revision: rollout.revision.tag, reason, course }, 'rollout failed')
  if (course === 'goBack') {
    const pin = turn.desired.pin
    const isPinned = pin !== undefined && (rollout.revision.tag === pin || rollout.revision.digest === pin)
    const { timeoutMs } = work
    const options = { timeoutMs, leaseEpoch: turn.leaseEpoch, ...(isPinned && { pin }) }
    const status = goBack(turn.status, rollout, failure, options)
    const message = `going back to ${shortTag(status.rollout?.revision.tag ?? '')}, for ${failure.message}`
    await turn.write(status, { standing: { stance: 'progressing', reason: 'GoingBack', message }, pending })
  } else {
    const status = failRollout(turn.status, rollout, failure)
    await turn.write(status, { standing: { stance: 'stalled', ...heldWords(plan, rollout) }, pending })
  }
  turn.forgetRollout()
}

async function describeFailure(
  { fault, reason, message, culprit }: Fail,
  { spec }: Work,
  turn: Turn,
  { lastLog, random }: FailScope,
): Promise<Failure> {
  const log = culprit === undefined || !spec.rollout.logs ? undefined : await lastLog(culprit)
  return { fault, reason, message, nowMs: turn.nowMs(), random: random(), ...(log !== undefined && { log }) }
}

function heldWords({ reason, message }: Fail, { purpose }: RolloutStatus): Pick<Fail, 'reason' | 'message'> {
  return purpose === 'GoBack' ? { reason: 'GoingBackFailed', message: `${reason}: ${message}` } : { reason, message }
}
