import {
  maxHistory,
  type DeliveryStatus,
  type HighWater,
  type HistoryEntry,
  type InventoryEntry,
  type Revision,
  type RolloutStatus,
} from '../api/delivery.ts'
import type { Reason } from '../api/reasons.ts'
import { formatTime } from '../api/time.ts'
import { endContests } from './contested.ts'
import { currentEntries, mergeInventory } from './inventory.ts'
import { isUndecided, rememberTag, settleTag } from './releases.ts'

/** Status from one step of a rollout to the next; what is about to be written stands in it before it is written. */

export interface Beginning {
  readonly revision: Revision
  readonly highWater: HighWater
  readonly objects: readonly InventoryEntry[]
  readonly superseded: number
  readonly leaseEpoch: number
  readonly nowMs: number
}

/** The write-ahead: from here on, a restart goes on with this release and knows every object that it may find. */
export function beginRollout(status: DeliveryStatus, beginning: Beginning): DeliveryStatus {
  const { revision, highWater, objects, superseded, leaseEpoch, nowMs } = beginning
  const { candidate, ...rest } = status
  const { rollout } = status
  const history = isUndecided(rollout)
    ? remember(status, { ...named(rollout.revision), outcome: 'Superseded', at: formatTime(nowMs) })
    : status.history
  return {
    ...rest,
    ...(history !== undefined && { history }),
    highWater,
    tags: [...settleTag(rememberTag(status.tags, candidate), revision)],
    rollout: {
      revision,
      phase: 'Applying',
      startedAt: formatTime(nowMs),
      attempt: 1,
      leaseEpoch,
      ...(superseded > 0 && { superseded }),
    },
    inventory: mergeInventory(endContests(status.inventory ?? []), objects),
  }
}

/** A leader that goes on with a rollout says so first, under the version that it read: an earlier one can't go on. */
export function claimRollout(status: DeliveryStatus, leaseEpoch: number): DeliveryStatus {
  return status.rollout === undefined ? status : { ...status, rollout: { ...status.rollout, leaseEpoch } }
}

/** All objects were written; what follows is the wait for them to be healthy. */
export function wroteObjects(
  status: DeliveryStatus,
  rollout: RolloutStatus,
  { entries, timeoutMs, nowMs }: { readonly entries: readonly InventoryEntry[]; timeoutMs: number; nowMs: number },
): DeliveryStatus {
  const inventory = mergeInventory(status.inventory ?? [], entries)
  // Objects that went missing were written again in mid-wait, and that gains a release no time.
  if (rollout.phase === 'Waiting') return { ...status, inventory }
  return {
    ...status,
    rollout: {
      ...rollout,
      phase: 'Waiting',
      revision: { ...rollout.revision, appliedAt: formatTime(nowMs) },
      deadline: formatTime(nowMs + timeoutMs),
    },
    inventory,
  }
}

/** The release is ready: it is what runs now, and what it no longer holds is pruned next, or left behind. */
export function finishRollout(
  status: DeliveryStatus,
  rollout: RolloutStatus,
  { prune, nowMs }: { readonly prune: boolean; readonly nowMs: number },
): DeliveryStatus {
  const { rollout: _, previous, ...rest } = status
  const revision = { ...rollout.revision, readyAt: formatTime(nowMs) }
  const replaced = status.current?.digest === revision.digest ? previous : status.current
  const inventory = status.inventory ?? []
  const mustPrune = prune && inventory.some(({ stale }) => stale === true)
  return {
    ...rest,
    current: revision,
    ...(replaced !== undefined && { previous: replaced }),
    ...(mustPrune && { rollout: withoutDeadline({ ...rollout, revision, phase: 'Pruning' }) }),
    inventory: mustPrune ? inventory : currentEntries(inventory),
    history: remember(status, { ...named(revision), outcome: 'Ready', at: formatTime(nowMs) }),
  }
}

/** The release is not tried again; what it wrote stays until a newer release or a pin. */
export function failRollout(
  status: DeliveryStatus,
  rollout: RolloutStatus,
  { reason, message, nowMs }: { readonly reason: Reason; readonly message: string; readonly nowMs: number },
): DeliveryStatus {
  return {
    ...status,
    rollout: withoutDeadline({ ...rollout, phase: 'Failed', reason, message: message.slice(0, 4096) }),
    history: remember(status, { ...named(rollout.revision), outcome: 'Failed', reason, at: formatTime(nowMs) }),
  }
}

export function prunedObjects(status: DeliveryStatus): DeliveryStatus {
  const { rollout: _, ...rest } = status
  return { ...rest, inventory: currentEntries(status.inventory ?? []) }
}

/** While every write is forbidden no time is lost: the wait starts afresh after the pause. */
export function freezeRollout(status: DeliveryStatus): DeliveryStatus {
  return status.rollout === undefined ? status : { ...status, rollout: withoutDeadline(status.rollout) }
}

/** Gives a rollout that waits without a deadline a new one. */
export function thawRollout(status: DeliveryStatus, { timeoutMs, nowMs }: { timeoutMs: number; nowMs: number }) {
  const { rollout } = status
  if (rollout?.phase !== 'Waiting' || rollout.deadline !== undefined) return status
  return { ...status, rollout: { ...rollout, deadline: formatTime(nowMs + timeoutMs) } }
}

function withoutDeadline(rollout: RolloutStatus): RolloutStatus {
  const { deadline: _, ...rest } = rollout
  return rest
}

function remember({ history = [] }: DeliveryStatus, entry: HistoryEntry): HistoryEntry[] {
  return [entry, ...history].slice(0, maxHistory)
}

function named({ tag, digest, pushedAt }: Revision): Pick<HistoryEntry, 'tag' | 'digest' | 'pushedAt'> {
  return { tag, digest, pushedAt }
}
