/**
 * The number of replicas of a workload: an autoscaler's where one targets it, else the release's. Where a release names
 * none the live number is left as it is, for a field that is dropped by its only owner falls back to one pod.
 * https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/#migrating-deployments-and-statefulsets-to-horizontal-autoscaling
 */
import type { InventoryEntry } from '../api/delivery.ts'
import type { KubeObject, ManagedFieldsEntry } from '../api/object.ts'
import { hasPath, withoutPath, type FieldSet } from './field-set.ts'
import { entryKey } from './inventory.ts'
import { isOurApply } from './owned-fields.ts'
import { isScalable, replicasPath } from './scalable.ts'

export function setsReplicas(object: KubeObject): boolean {
  return isScalable(object) && replicasIn(object) !== undefined
}

export function withoutReplicas(object: KubeObject): KubeObject {
  const { replicas: _, ...spec } = object['spec'] as { readonly replicas?: unknown }
  return { ...object, spec }
}

/** The number that is there and ours. */
export function ownedReplicas(object: KubeObject): number | undefined {
  if (!isScalable(object) || !ownsReplicas(object)) return undefined
  const replicas = replicasIn(object)
  return typeof replicas === 'number' ? replicas : undefined
}

/** Another hand, or an autoscaler, has set another number than we did, or taken it over. */
export function isScaled(object: KubeObject, { replicas }: InventoryEntry): boolean {
  return replicas !== undefined && ownedReplicas(object) !== replicas
}

/** Managed fields in which the number is not ours any more, so that dropping it leaves it; undefined where it is not. */
export function disownReplicas(live: KubeObject): readonly ManagedFieldsEntry[] | undefined {
  if (!isScalable(live) || !ownsReplicas(live)) return undefined
  return live.metadata.managedFields?.map((entry) =>
    isOurApply(entry) ? { ...entry, fieldsV1: withoutPath((entry.fieldsV1 ?? {}) as FieldSet, replicasPath) } : entry,
  )
}

/** The workloads that HorizontalPodAutoscalers target, as keys of the inventory; other objects are passed over. */
export function autoscaled(objects: readonly KubeObject[]): ReadonlySet<string> {
  return new Set(objects.filter(({ kind }) => kind === 'HorizontalPodAutoscaler').flatMap(targetOf))
}

export function objectKey({ apiVersion, kind, metadata: { name } }: KubeObject): string {
  return entryKey({ apiVersion, kind, name })
}

function targetOf({ spec }: KubeObject): readonly string[] {
  const { scaleTargetRef } = (spec ?? {}) as { readonly scaleTargetRef?: Readonly<Record<string, unknown>> }
  const { apiVersion = 'apps/v1', kind, name } = scaleTargetRef ?? {}
  if (typeof apiVersion !== 'string' || typeof kind !== 'string' || typeof name !== 'string') return []
  return [entryKey({ apiVersion, kind, name })]
}

function ownsReplicas({ metadata }: KubeObject): boolean {
  const ours = metadata.managedFields?.find(isOurApply)
  return ours !== undefined && hasPath((ours.fieldsV1 ?? {}) as FieldSet, replicasPath)
}

function replicasIn(object: KubeObject): unknown {
  return (object['spec'] as { readonly replicas?: unknown } | undefined)?.replicas
}
