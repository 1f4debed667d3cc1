import { environment, judgeMissing, maxRestarts, ownFault, type Finding } from './container-faults.ts'
import { newestWarning } from './pod-creation.ts'
import type { WorkloadView } from './pod-revision.ts'
import type { Pod } from './pod.ts'
import { fields, text } from './untyped.ts'

/** Whether it may still become ready: what is being deleted or has failed as a whole is replaced. */
export function isLive({ isTerminating, phase }: Pod): boolean {
  return !isTerminating && phase !== 'Failed' && phase !== 'Succeeded'
}

/** The scheduler's word on it. */
export function judgePlace({ conditions }: Pod): Finding | undefined {
  const scheduled = conditions.get('PodScheduled')
  if (scheduled?.status !== 'False') return undefined
  return environment('Unschedulable', scheduled.message || scheduled.reason)
}

/**
 * The node controller takes Ready away from the pods of a node that went silent, and from nothing else: the kubelet,
 * who would set both, is not there.
 */
export function judgeNode(pod: Pod): Finding | undefined {
  const { conditions, reason, phase, hasReadinessGates } = pod
  const isSilent =
    conditions.get('Ready')?.status === 'False' &&
    conditions.get('ContainersReady')?.status === 'True' &&
    !hasReadinessGates
  const isOut = conditions.get('DisruptionTarget')?.reason === 'DeletionByTaintManager'
  if (!isSilent && !isOut && reason !== 'NodeLost' && phase !== 'Unknown') return undefined
  return environment('NodeLost', 'its node does not answer')
}

/** Nothing in it has begun, and its status does not say why: its Events may. */
export function isHeldUp({ conditions, containers, phase }: Pod): boolean {
  return (
    phase === 'Pending' &&
    conditions.get('PodScheduled')?.status === 'True' &&
    containers.every(({ state, waiting }) => state === 'waiting' && beginnings.has(waiting.reason))
  )
}

export function judgeHeldUp(pod: Pod, { warnings }: WorkloadView, bundled: ReadonlySet<string>): Finding | undefined {
  if (!isHeldUp(pod)) return undefined
  const own = warnings.filter(({ involvedObject }) => text(fields(involvedObject)['uid']) === pod.object.metadata.uid)
  const message = newestWarning(own, 0, preparations)
  if (message === undefined) return undefined
  return judgeMissing(message, pod, bundled) ?? environment('PodNotStarted', message)
}

const beginnings = new Set(['', 'ContainerCreating', 'PodInitializing'])
const preparations = [
  'FailedMount',
  'FailedAttachVolume',
  'FailedMapVolume',
  'FailedCreatePodSandBox',
  'NetworkNotReady',
]

/** A pod that failed as a whole, of so many that did. */
export function judgeEviction({ reason, message }: Pod, evictions: number): Finding {
  const detail = `${reason || 'Failed'}: ${message || 'without a word why'}`
  if (!ownLimits.test(message)) return environment('PodEvicted', detail)
  return { ...ownFault('OutOfStorage', detail), isFinal: evictions >= maxRestarts }
}

/**
 * Pods that nodes put out or did not let in; their successors tell more, once they run.
 * https://kubernetes.io/docs/concepts/scheduling-eviction/node-pressure-eviction/
 */
export function evictedPods(pods: readonly Pod[]): readonly Pod[] {
  const isAnyUp = pods.some((pod) => isLive(pod) && pod.containers.some(({ state }) => state === 'running'))
  const evicted = pods.filter(({ phase, isTerminating }) => phase === 'Failed' && !isTerminating)
  return isAnyUp && evicted.length < maxRestarts ? [] : evicted
}

/** https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/#resource-emphemeralstorage-consumption */
const ownLimits = /exceeds the (?:total )?limit|exceeded its local ephemeral storage limit/u

/** What is wrong with the pods of the release before, which were well when they were released; undefined where nothing is. */
export function troubleOfOld(old: readonly Pod[], sinceMs: number): string | undefined {
  for (const pod of old) {
    if (!isLive(pod) || judgeNode(pod) !== undefined) continue
    if (!pod.isReady) return `pod ${pod.name} of the release before is not ready`
    const ended = pod.containers.find(
      ({ role, restarts, lastEnd }) => role !== 'init' && restarts > 0 && (lastEnd?.atMs ?? 0) >= sinceMs,
    )
    if (ended !== undefined) return `container ${ended.name} of pod ${pod.name}, of the release before, ended too`
  }
  return undefined
}
