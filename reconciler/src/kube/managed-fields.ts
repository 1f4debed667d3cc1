/** What must be changed in the managed fields of a live object before it is applied, so that the apply drops nothing. */
import { adoptedFields, isAdoptable } from '../core/adoption.ts'
import { disownReplicas, setsReplicas } from '../core/replicas.ts'
import { fieldManager } from '../api/annotations.ts'
import type { KubeRequest } from './client.ts'
import { displayName, objectPath } from './paths.ts'
import type { ApplyOptions, KubeObject, ManagedFieldsEntry, ObjectReference } from './ports.ts'

/** Undefined where they may stay as they are. */
export function managedFieldsBefore(
  live: KubeObject,
  desired: KubeObject,
  { adopt = false }: Pick<ApplyOptions, 'adopt'>,
): readonly ManagedFieldsEntry[] | undefined {
  if (adopt && isAdoptable(live)) return adoptedFields(live, desired)
  return setsReplicas(desired) ? undefined : disownReplicas(live)
}

/** Replaces them in that very version of the object; nothing else of it changes. */
export function managedFieldsRequest(
  live: KubeObject,
  managedFields: readonly ManagedFieldsEntry[],
  reference: ObjectReference,
  { tenant, signal }: Pick<ApplyOptions, 'tenant' | 'signal'>,
): KubeRequest {
  return {
    method: 'PATCH',
    path: objectPath(reference),
    what: `take over fields of ${displayName(reference)}`,
    query: { fieldManager },
    contentType: 'application/json-patch+json',
    // The version that is patched in is a precondition.
    body: [
      { op: 'replace', path: '/metadata/resourceVersion', value: live.metadata.resourceVersion },
      { op: 'replace', path: '/metadata/managedFields', value: managedFields },
    ],
    tenant,
    signal,
  }
}
