import type { KubeObject } from '../api/object.ts'
import { revisionOf, splitPods, type WorkloadView } from './pod-revision.ts'
import { count, fields, text } from './untyped.ts'

/**
 * Pods that a StatefulSet waits for, for ever, before it replaces them: a broken template was put right, and the pod
 * that was made to it never becomes ready. They are to be deleted; it makes them anew. A pod of the revision that ran
 * before is none of them, however unready it is at the moment, but where nothing ever ran well.
 * https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/#forced-rollback
 */
export function stuckPods(
  view: WorkloadView,
  { isFirst = false }: { readonly isFirst?: boolean } = {},
): readonly KubeObject[] {
  const { kind, spec, metadata } = view.workload
  const { podManagementPolicy, updateStrategy } = fields(spec)
  const { type, rollingUpdate } = fields(updateStrategy)
  if (kind !== 'StatefulSet' || podManagementPolicy === 'Parallel' || type === 'OnDelete') return []

  const firstToUpdate = count(fields(rollingUpdate), 'partition')
  const good = isFirst ? undefined : text(fields(view.workload['status'])['currentRevision'])
  const old = splitPods(view)?.old ?? []
  return old
    .filter(({ isReady, isTerminating, object }) => !isReady && !isTerminating && revisionOf(object) !== good)
    .filter(({ name }) => ordinalOf(name, metadata.name) >= firstToUpdate)
    .map(({ object }) => object)
}

/** Pods are named after their StatefulSet and their place in it: `web-0`. */
function ordinalOf(pod: string, statefulSet: string): number {
  return Number(pod.slice(statefulSet.length + 1))
}
