import { deliveryLabel, formatOwner, ownerAnnotation, parseOwner } from '../api/annotations.ts'
import type { KubeObject } from '../api/object.ts'
import { isOurApply } from '../core/owned-fields.ts'

export type Ownership =
  | { readonly kind: 'ours' }
  /** Nobody's, or another tool's. */
  | { readonly kind: 'notOurs' }
  | { readonly kind: 'another'; readonly owner: string }

/**
 * Whose a live object is, from the view of the Delivery that wants to apply `desired`. The uid in the mark does not
 * count: a Delivery that was restored from a backup has another one, and its objects are still its own.
 */
export function ownershipOf(live: KubeObject, desired: KubeObject): Ownership {
  const wanted = parseOwner(desired.metadata.annotations?.[ownerAnnotation] ?? '')
  if (wanted === undefined)
    throw new Error(`${desired.kind} ${desired.metadata.name} is to be applied without an owner`)
  const mark = live.metadata.annotations?.[ownerAnnotation]
  if (mark === undefined) return wasApplied(live, wanted.name) ? { kind: 'ours' } : { kind: 'notOurs' }
  const owner = parseOwner(mark)
  if (owner === undefined) return { kind: 'notOurs' }
  if (owner.namespace === wanted.namespace && owner.name === wanted.name) return { kind: 'ours' }
  return { kind: 'another', owner: formatOwner(owner) }
}

/** Another hand removed the mark: that is drift, and what we applied tells that it was there. */
function wasApplied({ metadata }: KubeObject, delivery: string): boolean {
  const label = metadata.labels?.[deliveryLabel]
  if (label !== undefined && label !== delivery) return false
  return metadata.managedFields?.some(isOurApply) ?? false
}
