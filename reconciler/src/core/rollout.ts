import {
  maxHistory,
  type DeliveryStatus,
  type HighWater,
  type HistoryEntry,
  type InventoryEntry,
  type Revision,
  type RolloutStatus,
} from '../api/delivery.ts'
import { formatTime } from '../api/time.ts'
import { endContests } from './contested.ts'
import { keptEntries, mergeInventory, settleAdoption } from './inventory.ts'
import { acquit, letOut } from './quarantine.ts'
import { isOfRepository, isUndecided, isVeryRelease, rememberTag, settleTag } from './releases.ts'

/** Status from one step of a rollout to the next; what is about to be written stands in it before it is written. */

export interface Beginning {
  readonly revision: Revision
  readonly highWater: HighWater
  readonly objects: readonly InventoryEntry[]
  readonly superseded: number
  /** Which try of this release it is. */
  readonly attempt?: number
  /** The value of the annotation that asked for it. */
  readonly retry?: string
  /** The value of the annotation that chose it. */
  readonly pin?: string
  readonly timeoutMs: number
  /** It runs already. */
  readonly takesOver?: boolean
  readonly leaseEpoch: number
  readonly nowMs: number
}

/** The write-ahead: from here on, a restart goes on with this release and knows every object that it may find. */
export function beginRollout(status: DeliveryStatus, beginning: Beginning): DeliveryStatus {
  const {
    revision,
    highWater,
    objects,
    superseded,
    attempt = 1,
    retry,
    pin,
    takesOver = false,
    timeoutMs,
    leaseEpoch,
    nowMs,
  } = beginning
  const { candidate, failed: _, ...rest } = status
  const { rollout } = status
  const isSameOrder = isOfRepository(status, revision.repository)
  const history =
    isUndecided(rollout) && rollout.purpose === undefined
      ? remember(status, { ...named(rollout.revision), outcome: 'Superseded', at: formatTime(nowMs) })
      : status.history
  return {
    ...(retry === undefined ? rest : letOut({ ...rest, lastHandledRetry: retry }, revision.digest)),
    ...(history !== undefined && { history }),
    highWater: { ...highWater, repository: revision.repository },
    tags: [...settleTag(rememberTag(isSameOrder ? status.tags : [], candidate), revision)],
    rollout: {
      revision,
      phase: 'Applying',
      startedAt: formatTime(nowMs),
      deadline: formatTime(nowMs + timeoutMs),
      attempt,
      leaseEpoch,
      ...(superseded > 0 && { superseded }),
      ...(pin !== undefined && { pin }),
      ...(takesOver && { takesOver }),
    },
    inventory: mergeInventory(endContests(status.inventory ?? []), objects),
  }
}

/** A leader that goes on with a rollout says so first, under the version that it read: an earlier one can't go on. */
export function claimRollout(status: DeliveryStatus, leaseEpoch: number): DeliveryStatus {
  return status.rollout === undefined ? status : { ...status, rollout: { ...status.rollout, leaseEpoch } }
}

/** Every object that is about to be written is known first; what the release does not hold is stale. */
export function expectObjects(status: DeliveryStatus, objects: readonly InventoryEntry[]): DeliveryStatus {
  return { ...status, inventory: mergeInventory(status.inventory ?? [], objects) }
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
  const { rollout: _, ...rest } =
    rollout.purpose === undefined ? succeed(status, rollout, nowMs) : restore(status, rollout, nowMs)
  const { inventory: known = [] } = status
  const inventory = rollout.purpose === undefined ? settleAdoption(known) : known
  const mustPrune = prune && inventory.some(({ stale }) => stale === true)
  return {
    ...rest,
    ...(mustPrune && { rollout: pruning(rollout, rest.current ?? rollout.revision) }),
    inventory: mustPrune ? inventory : keptEntries(inventory),
  }
}

function succeed(status: DeliveryStatus, { revision: rolledOut }: RolloutStatus, nowMs: number): DeliveryStatus {
  const { previous, failed: _, ...rest } = status
  const revision = { ...rolledOut, readyAt: formatTime(nowMs) }
  const isAgain = status.current !== undefined && isVeryRelease(status.current, revision)
  const replaced = isAgain ? previous : status.current
  return {
    ...acquit(rest, revision),
    current: revision,
    ...(replaced !== undefined && { previous: replaced }),
    history: remember(status, { ...named(revision), outcome: 'Ready', at: formatTime(nowMs) }),
  }
}

function pruning(rollout: RolloutStatus, revision: Revision): RolloutStatus {
  const { fault: _, reason: __, message: ___, log: ____, nextTryAt: _____, ...rest } = withoutDeadline(rollout)
  return { ...rest, revision, phase: 'Pruning' }
}

/** What was good runs again, and is what it was. */
function restore(status: DeliveryStatus, { revision }: RolloutStatus, nowMs: number): DeliveryStatus {
  const at = formatTime(nowMs)
  const reason = status.failed?.reason
  const entry = { ...named(revision), outcome: 'RolledBack' as const, ...(reason !== undefined && { reason }), at }
  return { ...status, history: remember(status, entry) }
}

export function prunedObjects(status: DeliveryStatus): DeliveryStatus {
  const { rollout: _, ...rest } = status
  return { ...rest, inventory: keptEntries(status.inventory ?? []) }
}

/** While every write is forbidden no time is lost: the wait starts afresh after the pause. */
export function freezeRollout(status: DeliveryStatus): DeliveryStatus {
  return status.rollout === undefined ? status : { ...status, rollout: withoutDeadline(status.rollout) }
}

/** Gives a rollout that is written or waits without a deadline a new one. */
export function thawRollout(status: DeliveryStatus, { timeoutMs, nowMs }: { timeoutMs: number; nowMs: number }) {
  const { rollout } = status
  if (!isUndecided(rollout) || rollout.deadline !== undefined) return status
  return { ...status, rollout: { ...rollout, deadline: formatTime(nowMs + timeoutMs) } }
}

/** What held up a wait goes with it. */
export function withoutDeadline(rollout: RolloutStatus): RolloutStatus {
  const { deadline: _, hindrance: __, ...rest } = rollout
  return rest
}

/** Bounded, newest first. */
export function remember({ history = [] }: DeliveryStatus, entry: HistoryEntry): HistoryEntry[] {
  return [entry, ...history].slice(0, maxHistory)
}

export function named({ tag, digest, pushedAt }: Revision): Pick<HistoryEntry, 'tag' | 'digest' | 'pushedAt'> {
  return { tag, digest, pushedAt }
}
