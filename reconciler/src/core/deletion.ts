/**
 * What becomes of what was delivered when its Delivery is deleted. A finalizer must never keep a Delivery, or its
 * Namespace, from going: whatever is in the way, it is removed in the end, and what could not be deleted is left.
 */
import { deletionFinalizer } from '../api/annotations.ts'
import type { Delivery } from '../api/delivery.ts'
import { formatTime, parseTime } from '../api/time.ts'
import type { Pause } from './pause.ts'

/** Counted from the deletion, so that a reconciler that comes back much later deletes nothing that people kept. */
export const deletionPatienceMs = 5 * 60_000

export interface Surroundings {
  /** By the annotations of the Delivery and its Namespaces, those on single objects left aside. */
  readonly pause: Pause
  readonly isNamespaceTerminating: boolean
  readonly nowMs: number
}

export type Ending =
  /** Nothing of ours keeps the Delivery. */
  | { readonly kind: 'none' }
  /** Remove the finalizer, and delete nothing. */
  | { readonly kind: 'release'; readonly why: string }
  /** Delete what was delivered, until then at most. */
  | { readonly kind: 'delete'; readonly untilMs: number }

/** Whether our finalizer is to stand on the Delivery as long as it is not deleted. */
export function wantsFinalizer({ spec }: Delivery): boolean {
  return spec.deletionPolicy === 'Delete'
}

export function hasFinalizer({ metadata }: Delivery): boolean {
  return metadata.finalizers?.includes(deletionFinalizer) === true
}

export function endingOf(delivery: Delivery, { pause, isNamespaceTerminating, nowMs }: Surroundings): Ending {
  const deletedAtMs = parseTime(delivery.metadata.deletionTimestamp ?? '')
  if (deletedAtMs === undefined || !hasFinalizer(delivery)) return { kind: 'none' }
  if (!wantsFinalizer(delivery)) return { kind: 'release', why: 'spec.deletionPolicy is Orphan' }
  if (isNamespaceTerminating) return { kind: 'release', why: 'the Namespace is being deleted with all that is in it' }
  if (pause.kind === 'paused') return { kind: 'release', why: pause.message }
  const untilMs = deletedAtMs + deletionPatienceMs
  if (nowMs >= untilMs) return { kind: 'release', why: `it was not done by ${formatTime(untilMs)}` }
  return { kind: 'delete', untilMs }
}
