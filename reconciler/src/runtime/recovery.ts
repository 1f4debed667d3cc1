import { ownerAnnotation, parseOwner } from '../api/annotations.ts'
import type { Delivery } from '../api/delivery.ts'
import { supportedKindOf } from '../api/kinds.ts'
import type { KubeObject, ObjectReference } from '../api/object.ts'
import type { Work } from '../core/desired.ts'
import type { FoundRelease } from '../core/observed.ts'
import { podSpecPaths } from '../core/pod-spec.ts'
import { commonImage } from '../core/running-image.ts'
import type { ObservationScope } from './observation.ts'

/**
 * What runs of a Delivery whose status knows nothing, as after it was restored from a backup: read from the workloads
 * that carry its mark. Undefined where there are none, or where they do not all name the same image by its digest.
 */
export async function findRunning(
  { metadata, status = {} }: Delivery,
  { repository }: Work,
  scope: ObservationScope,
): Promise<FoundRelease | undefined> {
  const isEmpty = status.current === undefined && status.rollout === undefined && status.highWater === undefined
  if (!isEmpty || scope.memory.isUnrecoverable === true) return undefined

  const { objects, tenant, signal } = scope
  const read = markedWorkloads(scope).map(async (reference) => objects.get(reference, tenant, signal))
  const workloads = (await Promise.all(read)).filter((object) => object !== undefined)
  const image = commonImage(
    workloads.filter((workload) => belongsTo(workload, metadata)),
    repository,
  )
  const { tag, digest } = image ?? {}
  return tag === undefined || digest === undefined ? undefined : { tag, digest }
}

/** Of the kinds that make pods, those whose label names the Delivery. */
function markedWorkloads({ key, tracker, tenant: { namespace } }: ObservationScope): readonly ObjectReference[] {
  return tracker.seenOf(key).flatMap(({ group, kind, name }) => {
    const supported = supportedKindOf(group, kind)
    if (supported === undefined || !podSpecPaths.has(kind)) return []
    return [{ apiVersion: supported.apiVersion, kind, namespace, name }]
  })
}

/** By name alone: restored, the Delivery has another uid than the one in the mark. */
function belongsTo(object: KubeObject, { namespace, name }: Delivery['metadata']): boolean {
  const owner = parseOwner(object.metadata.annotations?.[ownerAnnotation] ?? '')
  return owner?.namespace === namespace && owner.name === name
}
