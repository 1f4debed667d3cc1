import type { KubeObject } from '../api/object.ts'
import type { Reason } from '../api/reasons.ts'
import { environment, judgeContainer, judgeMissing, ownFault, type Finding } from './container-faults.ts'
import { oneLine } from './one-line.ts'
import { classifyCreation, creationDetail, creationRefusal } from './pod-creation.ts'
import {
  evictedPods,
  isHeldUp,
  isLive,
  judgeEviction,
  judgeHeldUp,
  judgeNode,
  judgePlace,
  troubleOfOld,
} from './pod-findings.ts'
import { pausedBy } from './paused-workload.ts'
import { splitPods, type WorkloadView } from './pod-revision.ts'
import type { Pod, PodContainer } from './pod.ts'
import { count, fields } from './untyped.ts'

/** What a rollout's pods are judged by. */
export interface PodsView {
  readonly workloads: readonly WorkloadView[]
  /** What the release holds, as `ConfigMap/name`: what it lacks itself, nobody else will bring. */
  readonly bundled: ReadonlySet<string>
  /** When the release was applied: what went wrong before tells nothing of it. */
  readonly sinceMs: number
  /** The old pods are then those of the release that failed, and tell nothing of the environment. */
  readonly isGoingBack?: boolean
}

/** Why a release does not become ready. */
export interface PodFault {
  /** Its own fault: it would fail again. The environment's: it may be tried again. */
  readonly fault: 'release' | 'environment'
  readonly reason: Reason
  /** One line that names workload and pod, never what a container wrote: Events carry it. */
  readonly message: string
  /** It will not get better: there is nothing to wait for. Never so of the environment. */
  readonly isFinal: boolean
  readonly culprit?: Culprit
}

/** The container whose log tells most. */
export interface Culprit {
  readonly pod: string
  readonly container: string
  /** What runs now is not what failed. */
  readonly wantsPreviousLog: boolean
}

/** The gravest of all that is wrong with the pods of a release; undefined where nothing is known against them. */
export function judgePods(view: PodsView): PodFault | undefined {
  const faults = view.workloads.flatMap((workload) => faultsOf(workload, view))
  const [gravest] = faults.sort((a, b) => a.rank - b.rank)
  return gravest?.fault
}

/** Where no fault is known: the container of a fresh pod that is not ready, above all one that came to an end. */
export function findCulprit({ workloads }: PodsView): Culprit | undefined {
  const candidates = workloads.flatMap((workload) =>
    (splitPods(workload)?.fresh ?? [])
      .filter(({ isReady, isTerminating }) => !isReady && !isTerminating)
      .flatMap((pod) => pod.containers.map((container) => ({ pod, container }))),
  )
  const hasLog = candidates.filter(
    ({ container: { state, lastEnd, role } }) =>
      !(role === 'init' && lastEnd?.exitCode === 0) && (state === 'running' || lastEnd !== undefined),
  )
  const [first] = hasLog
    .filter(({ container }) => !container.isReady)
    .sort((a, b) => b.container.restarts - a.container.restarts)
  return first && culpritOf(first.pod, first.container)
}

/**
 * The objects whose Events must be read, because nothing else tells what holds them up: pods that a node does not
 * prepare, and controllers that make no pods and have no condition to say why.
 */
export function unexplained(view: WorkloadView): readonly KubeObject[] {
  const { workload } = view
  const revisions = splitPods(view)
  if (revisions === undefined) return []
  const pods = revisions.fresh.filter((pod) => isLive(pod) && isHeldUp(pod)).map(({ object }) => object)
  const made = [...revisions.fresh, ...revisions.old].filter(isLive).length
  const lacksPods = workload.kind !== 'Deployment' && made < wantedPods(workload)
  return [...(lacksPods ? [workload] : []), ...pods].slice(0, maxUnexplained)
}

const maxUnexplained = 3

interface Ranked {
  readonly fault: PodFault
  readonly rank: number
}

/** The gravest first: what is settled, then what surely is not the release's. */
function rankOf({ fault, isFinal, reason }: Finding): number {
  if (isFinal) return 0
  if (fault === 'release') return 4
  return { PodEvicted: 2, OldPodsFailing: 3 }[reason as string] ?? 1
}

function faultsOf(view: WorkloadView, { bundled, sinceMs, isGoingBack = false }: PodsView): readonly Ranked[] {
  const hand = pausedBy(view.workload)
  if (hand !== undefined) {
    const finding = environment('WorkloadPaused', `is paused by ${hand}; kubectl rollout resume lets it go on`)
    return [{ fault: faultOf(finding, view.workload), rank: rankOf(finding) }]
  }
  const revisions = splitPods(view)
  if (revisions === undefined) return []
  const { fresh, old } = revisions
  const oldTrouble = isGoingBack ? undefined : troubleOfOld(old, sinceMs)
  const evicted = evictedPods(fresh.filter((pod) => isNew(pod, sinceMs)))
  const refusal = creationRefusal(view, sinceMs)
  const told = (finding: Finding | undefined, pod?: Pod, container?: PodContainer): readonly Ranked[] =>
    finding === undefined ? [] : [{ fault: faultOf(finding, view.workload, pod, container), rank: rankOf(finding) }]
  return [
    ...told(refusal === undefined ? undefined : judgeRefusal(refusal, bundled)),
    ...fresh.flatMap((pod) => told(judgeNode(pod), pod)),
    ...evicted.flatMap((pod) => told(judgeEviction(pod, evicted.length), pod)),
    ...fresh
      .filter(isLive)
      .flatMap((pod) => [
        ...told(judgePlace(pod), pod),
        ...told(judgeHeldUp(pod, view, bundled), pod),
        ...pod.containers.flatMap((container) =>
          told(blame(judgeNow(container, pod, { bundled, sinceMs }), oldTrouble), pod, container),
        ),
        ...told(pod.isReady || oldTrouble === undefined ? undefined : environment('OldPodsFailing', oldTrouble), pod),
      ]),
  ]
}

/**
 * A pod that was there before it all began, as after another try of the same release, may be about to recover from what
 * befell it then: what it came to before is not held against the release, and what it comes to since is not yet final.
 */
function judgeNow(
  container: PodContainer,
  pod: Pod,
  { bundled, sinceMs }: Pick<PodsView, 'bundled' | 'sinceMs'>,
): Finding | undefined {
  if (isNew(pod, sinceMs)) return judgeContainer(container, pod, bundled)
  const { lastEnd, ...rest } = container
  const isPast = (lastEnd?.atMs ?? 0) < sinceMs - skewMs
  const finding = judgeContainer(isPast ? rest : container, pod, bundled)
  return finding && { ...finding, isFinal: false }
}

function isNew({ createdAtMs }: Pod, sinceMs: number): boolean {
  return createdAtMs >= sinceMs - skewMs
}

/** The clocks of leader, API server and node differ, and a pod's times are whole seconds. */
const skewMs = 10_000

/** What befalls the release before just as well is not the fault of this one. */
function blame(finding: Finding | undefined, oldTrouble: string | undefined): Finding | undefined {
  if (finding === undefined || oldTrouble === undefined) return finding
  const mayBeOutside = finding.reason === 'CrashLooping' || finding.reason === 'OutOfMemory'
  return mayBeOutside ? environment('OldPodsFailing', `${finding.detail}; ${oldTrouble}`) : finding
}

function judgeRefusal(message: string, bundled: ReadonlySet<string>): Finding {
  const missing = judgeMissing(message, undefined, bundled)
  if (missing !== undefined) return missing
  const refusal = classifyCreation(message)
  const detail = creationDetail(message)
  if (refusal === 'refused') return ownFault('PodRefused', detail)
  return environment(refusal === 'quota' ? 'QuotaExceeded' : 'PodNotStarted', detail)
}

function faultOf(finding: Finding, workload: KubeObject, pod?: Pod, container?: PodContainer): PodFault {
  const { fault, reason, isFinal, detail } = finding
  const where = [
    `${workload.kind}/${workload.metadata.name}`,
    ...(pod === undefined ? [] : [`pod ${pod.name}`]),
    ...(container === undefined ? [] : [`container ${container.name}`]),
  ]
  return {
    fault,
    reason,
    message: oneLine(`${where.join(', ')}: ${detail}`),
    isFinal,
    ...(pod !== undefined && container?.lastEnd !== undefined && { culprit: culpritOf(pod, container) }),
  }
}

function culpritOf(pod: Pod, { name, state, lastEnd }: PodContainer): Culprit {
  return { pod: pod.name, container: name, wantsPreviousLog: state === 'running' && lastEnd !== undefined }
}

function wantedPods({ kind, spec, status }: KubeObject): number {
  if (kind === 'DaemonSet') return count(fields(status), 'desiredNumberScheduled')
  return count(fields(spec), 'replicas', 1)
}
