/**
 * An object that another hand changes again and again is not fought over for ever: five corrections within ten minutes,
 * and it is left until the next release, or until somebody asks for a reconcile. The times are kept in status, so that
 * a restart begins no new count.
 */
import type { DeliveryStatus, InventoryEntry } from '../api/delivery.ts'
import { formatTime, parseTime } from '../api/time.ts'
import { entryKey } from './inventory.ts'

export const mostCorrections = 5
export const contestWindowMs = 10 * 60_000

type Named = Pick<InventoryEntry, 'apiVersion' | 'kind' | 'name'>

export function isContested({ inventory = [] }: DeliveryStatus, object: Named): boolean {
  const key = entryKey(object)
  return isFull(inventory.find((entry) => entryKey(entry) === key))
}

/** Counts one more correction of each; those of one that was contested until now begin anew. */
export function noteCorrections(
  inventory: readonly InventoryEntry[],
  objects: readonly Named[],
  nowMs: number,
): InventoryEntry[] {
  const corrected = new Set(objects.map(entryKey))
  return inventory.map((entry) => {
    if (!corrected.has(entryKey(entry))) return entry
    const recent = isFull(entry) ? [] : (entry.corrections ?? []).filter((time) => isRecent(time, nowMs))
    return { ...entry, corrections: [...recent, formatTime(nowMs)] }
  })
}

export function endContests(inventory: readonly InventoryEntry[]): InventoryEntry[] {
  return inventory.map((entry) => {
    const { corrections: _, ...rest } = entry
    return rest
  })
}

/** Older times were dropped as the last one came, so that the number alone tells. */
function isFull(entry: InventoryEntry | undefined): boolean {
  return (entry?.corrections?.length ?? 0) >= mostCorrections
}

/** A clock that was set back makes no correction older than it is. */
function isRecent(time: string, nowMs: number): boolean {
  const atMs = parseTime(time)
  return atMs !== undefined && nowMs - atMs < contestWindowMs
}
