import type { KubeObject } from '../api/object.ts'
import { readPod, type Pod } from './pod.ts'
import { count, fields, text } from './untyped.ts'

/** One Deployment, StatefulSet or DaemonSet of a release, with what belongs to it. */
export interface WorkloadView {
  readonly workload: KubeObject
  /** All that its selector selects; they are told apart by their controllers. */
  readonly pods: readonly KubeObject[]
  /** Of a Deployment those that it selects; their metadata is enough. Empty for other kinds. */
  readonly replicaSets: readonly KubeObject[]
  /** Events of type Warning that regard the workload or its pods, where they were read. */
  readonly warnings: readonly KubeObject[]
}

/** Pods by whether the workload made them to its template as it now stands. */
export interface Revisions {
  readonly fresh: readonly Pod[]
  readonly old: readonly Pod[]
}

/** Undefined while the workload's controller has not taken its template up, so that nothing can be told. */
export function splitPods(view: WorkloadView): Revisions | undefined {
  const { workload } = view
  if (!isTakenUp(workload)) return undefined
  const isFresh = freshness(view)
  if (isFresh === undefined) return undefined

  const owned = view.pods.filter((pod) => isOwned(pod, view))
  const inOrder = owned.toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))
  return {
    fresh: inOrder.filter(isFresh).map(readPod),
    old: inOrder.filter((pod) => !isFresh(pod)).map(readPod),
  }
}

/**
 * The ReplicaSet of a Deployment's template: its controller numbers both alike.
 * https://kubernetes.io/docs/reference/labels-annotations-taints/#deployment-kubernetes-io-revision
 */
export function freshReplicaSet(deployment: KubeObject, replicaSets: readonly KubeObject[]): KubeObject | undefined {
  const revision = deployment.metadata.annotations?.[revisionAnnotation]
  return revision === undefined
    ? undefined
    : replicaSets.find(
        (set) => isControlledBy(set, [deployment]) && set.metadata.annotations?.[revisionAnnotation] === revision,
      )
}

const revisionAnnotation = 'deployment.kubernetes.io/revision'
const hashLabel = 'controller-revision-hash'

/** Name of the ControllerRevision that a StatefulSet made a pod to. */
export function revisionOf({ metadata }: KubeObject): string | undefined {
  return metadata.labels?.[hashLabel]
}

function isTakenUp({ metadata, spec, status }: KubeObject): boolean {
  const observed = count(fields(status), 'observedGeneration', -1)
  return (
    metadata.deletionTimestamp === undefined &&
    observed >= (metadata.generation ?? 0) &&
    // A paused Deployment makes no ReplicaSet of its template.
    fields(spec)['paused'] !== true
  )
}

function freshness(view: WorkloadView): ((pod: KubeObject) => boolean) | undefined {
  const { workload, pods, replicaSets } = view
  if (workload.kind === 'Deployment') {
    const set = freshReplicaSet(workload, replicaSets)
    return set === undefined ? undefined : (pod) => isControlledBy(pod, [set])
  }
  if (workload.kind === 'StatefulSet') {
    const revision = text(fields(workload['status'])['updateRevision'])
    return revision === '' ? undefined : (pod) => revisionOf(pod) === revision
  }
  // A DaemonSet keeps its hash to itself, but its generation of the template is on the pods that it makes. Going back
  // makes a new generation of an old hash, so that pods of an older one may be fresh too.
  const generation = workload.metadata.annotations?.['deprecated.daemonset.template.generation']
  if (generation === undefined) return undefined
  const labelsOf = (pod: KubeObject) => pod.metadata.labels ?? {}
  const made = pods.filter((pod) => labelsOf(pod)['pod-template-generation'] === generation)
  const hashes = new Set(made.map((pod) => labelsOf(pod)[hashLabel]))
  return (pod) => hashes.has(labelsOf(pod)[hashLabel])
}

function isOwned(pod: KubeObject, { workload, replicaSets }: WorkloadView): boolean {
  if (workload.kind !== 'Deployment') return isControlledBy(pod, [workload])
  return isControlledBy(
    pod,
    replicaSets.filter((set) => isControlledBy(set, [workload])),
  )
}

function isControlledBy({ metadata }: KubeObject, owners: readonly KubeObject[]): boolean {
  const controller = metadata.ownerReferences?.find((reference) => reference.controller === true)
  return controller !== undefined && owners.some((owner) => owner.metadata.uid === controller.uid)
}
