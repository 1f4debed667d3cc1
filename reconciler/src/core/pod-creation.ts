import type { KubeObject } from '../api/object.ts'
import { parseTime } from '../api/time.ts'
import { freshReplicaSet, type WorkloadView } from './pod-revision.ts'
import { fields, list, text, words } from './untyped.ts'

/** Why the pods of a workload's template can't be made, in the words of the API server; undefined where they can. */
export function creationRefusal(view: WorkloadView, sinceMs: number): string | undefined {
  return view.workload.kind === 'Deployment' ? refusalOfDeployment(view) : newestWarning(view.warnings, sinceMs)
}

/** Without what differs from one try to the next: a name that is drawn anew each time. */
export function creationDetail(message: string): string {
  return message.replace(/^.*?\bpods "[^"]*" is forbidden: /su, '')
}

/** The API server's answer to one who tried to make a pod. */
export type CreationRefusal = 'quota' | 'refused' | 'other'

export function classifyCreation(message: string): CreationRefusal {
  if (/exceeded quota: |insufficient quota to match these scopes/u.test(message)) return 'quota'
  return refusals.some((pattern) => pattern.test(message)) ? 'refused' : 'other'
}

/** What the rules of the namespace say of the pod itself, and would say of it again. */
const refusals: readonly RegExp[] = [
  /violates PodSecurity "/u,
  /admission webhook "[^"]+" denied the request/u,
  /ValidatingAdmissionPolicy '[^']+' (?:with binding '[^']+' )?denied request/u,
  // LimitRange: https://kubernetes.io/docs/concepts/policy/limit-range/
  /(?:minimum|maximum) [\w./-]+ usage per (?:Container|Pod) is /u,
  /[\w./-]+ max limit to request ratio per (?:Container|Pod) is /u,
  /failed quota: [^:]+: must specify /u,
]

/** The newest thing that went wrong with what these Events regard, in words. */
export function newestWarning(
  warnings: readonly KubeObject[],
  sinceMs: number,
  reasons: readonly string[] = ['FailedCreate'],
): string | undefined {
  const [newest] = warnings
    .filter((warning) => reasons.includes(text(warning['reason'])))
    .map((warning) => ({ atMs: timeOf(warning), message: words(warning['message']) }))
    // Times of Events are whole seconds, cut off.
    .filter(({ atMs }) => atMs + 1000 > sinceMs)
    .sort((a, b) => b.atMs - a.atMs || (a.message < b.message ? -1 : 1))
  return newest?.message
}

/** The condition may be an older ReplicaSet's, which tells nothing of the release: the pod's name tells whose. */
function refusalOfDeployment({ workload, replicaSets }: WorkloadView): string | undefined {
  const conditions = list(fields(workload['status'])['conditions'])
  const failure = conditions.find(({ type, status }) => type === 'ReplicaFailure' && status === 'True')
  const set = freshReplicaSet(workload, replicaSets)
  if (failure === undefined || set === undefined) return undefined
  const message = words(failure['message'])
  const isNamed = /\bpods "/u.test(message)
  return !isNamed || message.includes(`pods "${set.metadata.name}-`) ? message : undefined
}

function timeOf(event: KubeObject): number {
  const { lastObservedTime } = fields(event['series'])
  const times = [event['lastTimestamp'], lastObservedTime, event['eventTime'], event.metadata['creationTimestamp']]
  return Math.max(...times.map((time) => parseTime(text(time)) ?? 0))
}
