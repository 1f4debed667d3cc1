import { operatorAnnotations, ownerAnnotation, parseOwner } from '../api/annotations.ts'
import type { InventoryEntry } from '../api/delivery.ts'
import type { KubeObject } from '../api/object.ts'
import { AppError } from '../core/errors.ts'
import { referenceOf, staleEntries } from '../core/inventory.ts'
import { ownedFieldsHash } from '../core/owned-fields.ts'
import type { ObjectStore } from '../kube/ports.ts'
import { forEachObject, mendable } from './each-object.ts'
import type { Turn } from './turn.ts'

/** Deletes what the newest release no longer holds; throws AppError where something of it could not be deleted yet. */
export async function pruneObjects(turn: Turn, objects: Pick<ObjectStore, 'get' | 'remove'>): Promise<void> {
  const assertRemovable = (object: KubeObject) => {
    turn.assertWritable(object)
    turn.assertNotPaused(object)
  }
  await mendable(() =>
    forEachObject(staleEntries(turn.status.inventory ?? []), async (entry) => {
      await removeObject(entry, { turn, objects, assertRemovable })
    }),
  )
}

export interface RemovalScope {
  readonly turn: Turn
  readonly objects: Pick<ObjectStore, 'get' | 'remove'>
  /** Asked right before the deletion is sent; throws AppError where it must not be. */
  readonly assertRemovable: (object: KubeObject) => void
  /** Why an object is kept beyond what keeps any: in words, as it was just read. */
  readonly whyKept?: (object: KubeObject) => string | undefined
}

/** Why the object was kept, in words; undefined where it is gone, or on its way. */
export async function removeObject(entry: InventoryEntry, scope: RemovalScope): Promise<string | undefined> {
  const { turn, objects, assertRemovable, whyKept } = scope
  const { tenant, signal } = turn
  const object = await objects.get(referenceOf(entry, tenant.namespace), tenant, signal)
  if (object === undefined || object.metadata.deletionTimestamp !== undefined) return undefined
  const why = reasonToKeep(object, entry, turn) ?? whyKept?.(object)
  if (why !== undefined) {
    turn.log.info({ object: `${entry.kind}/${entry.name}`, why }, 'object not deleted')
    return why
  }
  assertRemovable(object)
  if (await objects.remove(object, tenant, signal)) {
    turn.log.info({ object: `${entry.kind}/${entry.name}` }, 'object deleted')
    return undefined
  }
  const after = await objects.get(referenceOf(entry, tenant.namespace), tenant, signal)
  if (after?.metadata.uid !== object.metadata.uid) return undefined
  throw new AppError({
    kind: 'retryable',
    reason: 'ApiConflict',
    message: `${entry.kind} ${tenant.namespace}/${entry.name} changed while it was deleted`,
  })
}

/** Undefined where the object may be deleted. */
function reasonToKeep(object: KubeObject, entry: InventoryEntry, { desired }: Turn): string | undefined {
  const { annotations = {}, uid } = object.metadata
  if (entry.adopted === true) return 'it was there before, and no release that holds it was ready'
  if (object.kind === 'PersistentVolumeClaim') return 'data is never deleted'
  // Whatever its value: what was deleted by a slip of the pen does not come back.
  const prune = annotations[operatorAnnotations.prune]
  if (prune !== undefined) return `it carries ${operatorAnnotations.prune}: ${prune.slice(0, 64)}`
  const owner = parseOwner(annotations[ownerAnnotation] ?? '')
  if (owner !== undefined && (owner.namespace !== desired.namespace || owner.name !== desired.name)) {
    return `it belongs to Delivery ${owner.namespace}/${owner.name}`
  }
  // Where it was never noted what we made, only the mark tells that it is ours.
  if (entry.uid === undefined) return owner === undefined ? 'it is not known to be ours' : undefined
  return uid === entry.uid || isAsWritten(object, entry) ? undefined : 'another hand made it anew'
}

/** We made it anew ourselves, and its uid was never noted: another hand's would hold no field of ours. */
function isAsWritten(object: KubeObject, { hash }: InventoryEntry): boolean {
  return hash !== undefined && ownedFieldsHash(object) === hash
}
