import type { DeliveryStatus, Hindrance, RolloutStatus } from '../api/delivery.ts'
import { formatTime, parseTime } from '../api/time.ts'
import type { PodFault } from './pod-faults.ts'

/**
 * What of the environment held a rollout up. It is remembered beyond its end: a registry that answers again just before
 * the deadline leaves a release no time to show what it is worth, and that is not the release's own fault.
 */
export function noteHindrance(status: DeliveryStatus, fault: PodFault | undefined, nowMs: number): DeliveryStatus {
  const { rollout } = status
  if (rollout?.phase !== 'Waiting') return status
  const { hindrance } = rollout
  if (fault?.fault === 'environment') {
    const { reason, message } = fault
    return { ...status, rollout: { ...rollout, hindrance: { reason, message: message.slice(0, maxMessage) } } }
  }
  if (hindrance === undefined || hindrance.endedAt !== undefined) return status
  return { ...status, rollout: { ...rollout, hindrance: { ...hindrance, endedAt: formatTime(nowMs) } } }
}

/** What left a rollout less than half of its time, or is there still. */
export function lateHindrance(
  { hindrance }: Pick<RolloutStatus, 'hindrance'>,
  { timeoutMs, nowMs }: { readonly timeoutMs: number; readonly nowMs: number },
): Hindrance | undefined {
  const endedMs = parseTime(hindrance?.endedAt ?? '')
  return endedMs === undefined || endedMs > nowMs - timeoutMs / 2 ? hindrance : undefined
}

const maxMessage = 1024
