import { operatorAnnotations, ownerAnnotation, parseOwner } from '../api/annotations.ts'
import type { InventoryEntry } from '../api/delivery.ts'
import type { KubeObject } from '../api/object.ts'
import { AppError } from '../core/errors.ts'
import { referenceOf, staleEntries } from '../core/inventory.ts'
import type { ObjectStore } from '../kube/ports.ts'
import type { Turn } from './turn.ts'

/** Deletes what the newest release no longer holds; throws AppError where something of it could not be deleted yet. */
export async function pruneObjects(turn: Turn, objects: Pick<ObjectStore, 'get' | 'remove'>): Promise<void> {
  for (const entry of staleEntries(turn.status.inventory ?? [])) await pruneObject(entry, turn, objects)
}

async function pruneObject(
  entry: InventoryEntry,
  turn: Turn,
  objects: Pick<ObjectStore, 'get' | 'remove'>,
): Promise<void> {
  const { tenant, signal } = turn
  const object = await objects.get(referenceOf(entry, tenant.namespace), tenant, signal)
  if (object === undefined || object.metadata.deletionTimestamp !== undefined) return
  const why = reasonToKeep(object, entry, turn)
  if (why !== undefined) {
    turn.log.info({ object: `${entry.kind}/${entry.name}`, why }, 'object not pruned')
    return
  }
  turn.assertWritable(object)
  if (await objects.remove(object, tenant, signal)) {
    turn.log.info({ object: `${entry.kind}/${entry.name}` }, 'object pruned')
    return
  }
  const after = await objects.get(referenceOf(entry, tenant.namespace), tenant, signal)
  if (after?.metadata.uid !== object.metadata.uid) return
  throw new AppError({
    kind: 'retryable',
    reason: 'ApiConflict',
    message: `${entry.kind} ${tenant.namespace}/${entry.name} changed while it was deleted`,
  })
}

/** Undefined where the object may be deleted. */
function reasonToKeep(object: KubeObject, entry: InventoryEntry, { desired }: Turn): string | undefined {
  const { annotations = {}, uid } = object.metadata
  if (object.kind === 'PersistentVolumeClaim') return 'data is never deleted'
  if (annotations[operatorAnnotations.prune] === 'disabled') return `${operatorAnnotations.prune} is disabled`
  const owner = parseOwner(annotations[ownerAnnotation] ?? '')
  if (owner !== undefined && (owner.namespace !== desired.namespace || owner.name !== desired.name)) {
    return `it belongs to Delivery ${owner.namespace}/${owner.name}`
  }
  // Where it was never noted what we made, only the mark tells that it is ours.
  if (entry.uid === undefined) return owner === undefined ? 'it is not known to be ours' : undefined
  return uid === entry.uid ? undefined : 'another hand made it anew'
}
