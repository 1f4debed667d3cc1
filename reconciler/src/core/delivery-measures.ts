/** How it stands with a Delivery, in numbers: what is measured of its spec and status. */
import type { Delivery, DeliveryStatus, InventoryEntry } from '../api/delivery.ts'
import { parseTime } from '../api/time.ts'
import { isContested } from './contested.ts'
import { readPin } from './desired.ts'
import { oneLine } from './one-line.ts'
import { isUndecided } from './releases.ts'

/** A label is read in a mail and a table; the status says the rest. */
const pauseLength = 200

/** Each Delivery is in one of these, in the order in which they are looked for. */
export const deliveryStates = [
  'paused',
  'goingBack',
  'rollingOut',
  'stalled',
  'rolledBack',
  'ready',
  'waiting',
] as const
export type DeliveryState = (typeof deliveryStates)[number]

type Measured = Pick<Delivery, 'spec' | 'status'> & {
  readonly metadata: Pick<Delivery['metadata'], 'annotations' | 'deletionTimestamp'>
}

export interface DeliveryMeasures {
  /** Absent while the Delivery is being deleted, for it is not polled any more. */
  readonly repository?: string
  readonly state: DeliveryState
  readonly isReady: boolean
  readonly isStalled: boolean
  readonly isPaused: boolean
  readonly isDriftContested: boolean
  /** 0 where it is not paused. */
  readonly pausedSinceMs: number
  /** What is paused, who paused it and why, as far as the annotations say; absent where it is not paused. */
  readonly pause?: string
  /** An operator's pin holds automation. */
  readonly isPinned: boolean
  readonly quarantinedReleases: number
  /** Left as another hand made them. */
  readonly driftedObjects: number
}

export function measureDelivery({ metadata, spec, status = {} }: Measured): DeliveryMeasures {
  const paused = trueCondition(status, 'Paused')
  const isStalled = trueCondition(status, 'Stalled') !== undefined
  return {
    ...(metadata.deletionTimestamp === undefined && { repository: spec.image.repository }),
    state: stateOf(status),
    isReady: trueCondition(status, 'Ready') !== undefined,
    isStalled,
    isPaused: paused !== undefined,
    isDriftContested: isStalled ? readyReason(status) === 'DriftContested' : isContestedBesidePrune(status),
    isPinned: readPin(metadata.annotations) !== undefined,
    ...(paused !== undefined && { pause: oneLine(paused.message, pauseLength) }),
    pausedSinceMs: parseTime(paused?.lastTransitionTime ?? '') ?? 0,
    quarantinedReleases: status.quarantine?.length ?? 0,
    driftedObjects: status.drifted?.length ?? 0,
  }
}

/** While something may not be deleted, Ready tells of that alone. */
function isContestedBesidePrune(status: DeliveryStatus): boolean {
  const { rollout, inventory = [], drifted = [] } = status
  if (rollout?.phase !== 'Pruning') return false
  const isDrifted = (object: InventoryEntry) =>
    drifted.some(({ kind, name }) => kind === object.kind && name === object.name)
  return inventory.some((object) => isDrifted(object) && isContested(status, object))
}

/** What `kubectl get deliveries` shows as STATE, in seven words. */
function stateOf(status: DeliveryStatus): DeliveryState {
  const { rollout } = status
  if (trueCondition(status, 'Paused') !== undefined) return 'paused'
  // What is left to be deleted may be so for long: what runs is ready by then.
  const isBack = rollout?.phase === 'Pruning' && rollout.purpose === 'GoBack'
  if (isUndecided(rollout)) return rollout.purpose === 'GoBack' ? 'goingBack' : 'rollingOut'
  if (trueCondition(status, 'Stalled') !== undefined) return 'stalled'
  if (isBack || readyReason(status) === 'RolledBack') return 'rolledBack'
  return trueCondition(status, 'Ready') === undefined ? 'waiting' : 'ready'
}

function readyReason({ conditions }: DeliveryStatus): string | undefined {
  return conditions?.find(({ type }) => type === 'Ready')?.reason
}

function trueCondition({ conditions }: DeliveryStatus, type: string) {
  return conditions?.find((condition) => condition.type === type && condition.status === 'True')
}
