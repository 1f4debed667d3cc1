import type { KubeObject } from '../api/object.ts'
import { parseTime } from '../api/time.ts'

/**
 * Whether an object has come to what its spec asks, by the rules of kstatus
 * (https://github.com/kubernetes-sigs/cli-utils/tree/master/pkg/kstatus); where we differ, health.test.ts says why.
 */
export type Health =
  { readonly state: 'current' } | { readonly state: 'inProgress' | 'failed' | 'terminating'; readonly message: string }

export interface HealthOptions {
  /** When what is awaited was applied; a failure that a controller noted before then is an older release's. */
  readonly sinceMs?: number
}

export function healthOf(object: KubeObject, options: HealthOptions = {}): Health {
  if (object.metadata.deletionTimestamp !== undefined) return { state: 'terminating', message: 'is being deleted' }

  const rule = rules[`${groupOf(object.apiVersion)}/${object.kind}`] ?? genericHealth
  return rule(object, options)
}

export interface NamedHealth {
  /** Kind and name, for a message. */
  readonly name: string
  readonly health: Health
}

/** The worst of all: failed before terminating before inProgress; what is not current is named, five at most. */
export function summariseHealth(all: readonly NamedHealth[]): Health {
  const states = ['failed', 'terminating', 'inProgress'] as const
  const worst = states.find((state) => all.some(({ health }) => health.state === state))
  if (worst === undefined) return { state: 'current' }

  const lines = all.flatMap(({ name, health }) => (health.state === 'current' ? [] : [`${name} ${health.message}`]))
  const rest = lines.length > maxNamed ? ` and ${lines.length - maxNamed} more` : ''
  return { state: worst, message: lines.slice(0, maxNamed).join('; ') + rest }
}

type Rule = (object: KubeObject, options: HealthOptions) => Health
type Fields = Readonly<Record<string, unknown>>

const maxNamed = 5
const current: Health = { state: 'current' }

const rules: Readonly<Record<string, Rule>> = {
  'apps/Deployment': deploymentHealth,
  'apps/StatefulSet': statefulSetHealth,
  'apps/DaemonSet': daemonSetHealth,
  '/PersistentVolumeClaim': claimHealth,
  '/Service': serviceHealth,
}

/** The ladder: generation observed, deadline exceeded, all updated, old pods gone, enough available. */
function deploymentHealth(object: KubeObject, { sinceMs }: HealthOptions): Health {
  const { spec, status } = parts(object)
  const unobserved = generationNotObserved(object)
  if (unobserved !== undefined) return unobserved

  const progressing = conditionOf(status, 'Progressing')
  if (progressing?.['reason'] === 'ProgressDeadlineExceeded' && !isBefore(progressing, sinceMs)) {
    return { state: 'failed', message: 'exceeded its progress deadline' }
  }
  if (spec['paused'] === true) return inProgress('is paused (spec.paused), so its pods are not replaced')

  const wanted = count(spec, 'replicas', 1)
  const total = count(status, 'replicas')
  const updated = count(status, 'updatedReplicas')
  const available = count(status, 'availableReplicas')
  if (updated < wanted) return inProgress(`has ${updated} of ${wanted} new pods`)
  if (total > updated) return inProgress(`has ${total - updated} old pods left`)
  if (available < updated) return inProgress(`has ${available} of ${updated} pods available`)
  if (conditionOf(status, 'Available')?.['status'] === 'False') return inProgress('is not available')
  return current
}

function statefulSetHealth(object: KubeObject): Health {
  const { spec, status } = parts(object)
  const unobserved = generationNotObserved(object)
  if (unobserved !== undefined) return unobserved

  const wanted = count(spec, 'replicas', 1)
  const total = count(status, 'replicas')
  const ready = count(status, 'readyReplicas')
  const available = count(status, 'availableReplicas')
  const strategy = fields(spec['updateStrategy'])
  if (total > wanted) return inProgress(`has ${total - wanted} pods to remove`)
  if (ready < wanted) return inProgress(`has ${ready} of ${wanted} pods ready`)
  if (available < wanted) return inProgress(`has ${available} of ${wanted} pods available`)
  if (strategy['type'] === 'OnDelete') return current

  const partition = count(fields(strategy['rollingUpdate']), 'partition')
  const updated = count(status, 'updatedReplicas')
  const toUpdate = Math.max(0, wanted - partition)
  if (updated < toUpdate) return inProgress(`has ${updated} of ${toUpdate} new pods`)
  if (partition === 0 && status['currentRevision'] !== status['updateRevision']) {
    return inProgress('has not finished its update')
  }
  return current
}

function daemonSetHealth(object: KubeObject): Health {
  const { spec, status } = parts(object)
  const unobserved = generationNotObserved(object)
  if (unobserved !== undefined) return unobserved

  const wanted = count(status, 'desiredNumberScheduled')
  const updated = count(status, 'updatedNumberScheduled')
  const available = count(status, 'numberAvailable')
  const isReplacedByHand = fields(spec['updateStrategy'])['type'] === 'OnDelete'
  if (!isReplacedByHand && updated < wanted) return inProgress(`has ${updated} of ${wanted} new pods`)
  if (available < wanted) return inProgress(`has ${available} of ${wanted} pods available`)
  return current
}

function claimHealth(object: KubeObject): Health {
  const phase = parts(object).status['phase']
  if (phase === 'Bound') return current
  if (phase === 'Lost') return { state: 'failed', message: 'has lost its volume' }
  return inProgress('is not bound to a volume')
}

function serviceHealth(object: KubeObject): Health {
  const { spec, status } = parts(object)
  if (spec['type'] !== 'LoadBalancer') return current

  const ingress = fields(status['loadBalancer'])['ingress']
  return Array.isArray(ingress) && ingress.length > 0 ? current : inProgress('has no load balancer address')
}

/** For objects that report by the standard conditions, and for those that report nothing. */
function genericHealth(object: KubeObject): Health {
  const { status } = parts(object)
  if (typeof status['observedGeneration'] === 'number') {
    const unobserved = generationNotObserved(object)
    if (unobserved !== undefined) return unobserved
  }

  const reconciling = conditionOf(status, 'Reconciling')
  if (reconciling?.['status'] === 'True') return inProgress(`is reconciling: ${text(reconciling['message'])}`)
  const stalled = conditionOf(status, 'Stalled')
  if (stalled?.['status'] === 'True') return { state: 'failed', message: `is stalled: ${text(stalled['message'])}` }
  const ready = conditionOf(status, 'Ready')
  if (ready !== undefined && ready['status'] !== 'True') return inProgress(`is not ready: ${text(ready['message'])}`)
  return current
}

function generationNotObserved(object: KubeObject): Health | undefined {
  const observed = parts(object).status['observedGeneration']
  const generation = object.metadata.generation ?? 0
  if (typeof observed === 'number' && observed >= generation) return undefined
  return inProgress(`was changed (generation ${generation}) and its controller has not seen that yet`)
}

function isBefore(condition: Fields, sinceMs: number | undefined): boolean {
  if (sinceMs === undefined) return false
  const at = parseTime(text(condition['lastUpdateTime'] ?? condition['lastTransitionTime']))
  // Condition times are whole seconds, cut off.
  return at !== undefined && at + 1000 <= sinceMs
}

function conditionOf(status: Fields, type: string): Fields | undefined {
  const conditions = status['conditions']
  if (!Array.isArray(conditions)) return undefined
  return conditions.map(fields).find((condition) => condition['type'] === type)
}

function parts(object: KubeObject): { spec: Fields; status: Fields } {
  return { spec: fields(object['spec']), status: fields(object['status']) }
}

function fields(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? (value as Fields) : {}
}

function count(from: Fields, field: string, otherwise = 0): number {
  const value = from[field]
  return typeof value === 'number' ? value : otherwise
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

function inProgress(message: string): Health {
  return { state: 'inProgress', message }
}

function groupOf(apiVersion: string): string {
  const slash = apiVersion.indexOf('/')
  return slash < 0 ? '' : apiVersion.slice(0, slash)
}
