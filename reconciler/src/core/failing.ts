import {
  maxAttempts,
  type DeliveryStatus,
  type FailedRelease,
  type Fault,
  type RolloutStatus,
} from '../api/delivery.ts'
import type { Reason } from '../api/reasons.ts'
import { formatTime } from '../api/time.ts'
import { backoffMs } from './backoff.ts'
import { endContests } from './contested.ts'
import type { Work } from './desired.ts'
import { quarantine } from './quarantine.ts'
import { isVeryRelease } from './releases.ts'
import { named, remember, withoutDeadline } from './rollout.ts'

/** What follows in status when a rollout fails. */

export interface Failure {
  readonly fault: Fault
  readonly reason: Reason
  readonly message: string
  /** The culprit's last log lines; they stand in status and nowhere else. */
  readonly log?: string
  readonly nowMs: number
  /** Drawn by the caller, in [0, 1). */
  readonly random: number
}

export interface GoingBack {
  readonly timeoutMs: number
  readonly leaseEpoch: number
  /** What the operator pinned, where it is what failed. */
  readonly pin?: string
}

const maxMessage = 4096
/** Pauses between the tries of a release that fails by the environment's fault. */
const nextTry = { baseMs: 60_000, capMs: 1_800_000 }

/** What failed stays as it was written, until a newer release, a retry or a pin. */
export function failRollout(status: DeliveryStatus, rollout: RolloutStatus, failure: Failure): DeliveryStatus {
  const { fault, reason, message, log } = failure
  const { log: _, nextTryAt: __, ...before } = withoutDeadline(rollout)
  const nextTryAt = nextTryOf(rollout, failure)
  const failed: DeliveryStatus = {
    ...convict(status, rollout, failure),
    rollout: {
      ...before,
      phase: 'Failed',
      fault,
      reason,
      message: message.slice(0, maxMessage),
      ...(log !== undefined && { log }),
      ...(nextTryAt !== undefined && { nextTryAt }),
    },
    history: remembered(status, rollout, failure),
  }
  // No rollback of a rollback: what could not be gone back from is not tried again either (invariant 9).
  if (rollout.purpose !== 'GoBack' || failed.failed === undefined) return failed
  const { nextTryAt: ___, ...left } = failed.failed
  return { ...failed, failed: left }
}

/** The write-ahead of going back: the last good release is what is rolled out from here on. */
export function goBack(
  status: DeliveryStatus,
  rollout: RolloutStatus,
  failure: Failure,
  { timeoutMs, leaseEpoch, pin }: GoingBack,
): DeliveryStatus {
  const { current } = status
  if (current === undefined) throw new Error('there is no good release to go back to')
  const { fault, reason, message, log, nowMs } = failure
  const nextTryAt = nextTryOf(rollout, failure)
  const failed: FailedRelease = {
    revision: rollout.revision,
    fault,
    reason,
    message: message.slice(0, maxMessage),
    ...(log !== undefined && { log }),
    at: formatTime(nowMs),
    attempt: rollout.attempt,
    ...(nextTryAt !== undefined && { nextTryAt }),
    ...(pin !== undefined && { pin }),
  }
  const { appliedAt: _, ...good } = current
  return {
    ...convict(status, rollout, failure),
    failed,
    inventory: endContests(status.inventory ?? []),
    rollout: {
      revision: good,
      phase: 'Applying',
      purpose: 'GoBack',
      startedAt: formatTime(nowMs),
      deadline: formatTime(nowMs + timeoutMs),
      attempt: 1,
      // It counts on: pushes that follow one another would else never let it come to its end.
      ...(rollout.superseded !== undefined && { superseded: rollout.superseded }),
      leaseEpoch,
    },
    history: remembered(status, rollout, failure),
  }
}

/**
 * What follows a rollout that fails. It holds where nothing was good before, where it is the last good release itself,
 * and where it was gone back to: there is no rollback of a rollback (invariant 9).
 */
export function courseOf(
  { current }: Pick<DeliveryStatus, 'current'>,
  { purpose, revision }: RolloutStatus,
  { spec }: Work,
): 'goBack' | 'hold' {
  if (spec.rollout.onFailure === 'Hold' || purpose !== undefined) return 'hold'
  return current === undefined || isVeryRelease(current, revision) ? 'hold' : 'goBack'
}

function nextTryOf({ purpose, attempt }: RolloutStatus, { fault, nowMs, random }: Failure): string | undefined {
  if (fault !== 'Environment' || purpose !== undefined || attempt >= maxAttempts) return undefined
  return formatTime(nowMs + backoffMs({ ...nextTry, attempt, random }))
}

/** A release that once was good is not put into quarantine: it may have to be gone back to. */
function convict(status: DeliveryStatus, { revision, purpose }: RolloutStatus, failure: Failure): DeliveryStatus {
  const wasGood = purpose !== undefined || (status.current !== undefined && isVeryRelease(status.current, revision))
  return failure.fault === 'Environment' || wasGood ? status : quarantine(status, revision, failure)
}

function remembered(status: DeliveryStatus, { revision }: RolloutStatus, { reason, nowMs }: Failure) {
  return remember(status, { ...named(revision), outcome: 'Failed', reason, at: formatTime(nowMs) })
}
