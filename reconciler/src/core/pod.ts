import type { KubeObject } from '../api/object.ts'
import { parseTime } from '../api/time.ts'
import { count, fields, list, text, words, type Fields } from './untyped.ts'

/** What a pod tells of itself (core/v1 Pod), as far as a rollout's fate hangs on it. */
export interface Pod {
  readonly name: string
  readonly phase: string
  /** Why it failed as a whole: `Evicted`, `NodeLost`… */
  readonly reason: string
  readonly message: string
  readonly isTerminating: boolean
  readonly isReady: boolean
  readonly conditions: ReadonlyMap<string, PodCondition>
  readonly hasReadinessGates: boolean
  readonly createdAtMs: number
  /** Init containers first, in the order in which they start. */
  readonly containers: readonly PodContainer[]
  readonly object: KubeObject
}

export interface PodCondition {
  readonly status: string
  readonly reason: string
  readonly message: string
}

export interface PodContainer {
  readonly name: string
  /** A sidecar is an init container that goes on running. */
  readonly role: 'init' | 'sidecar' | 'main'
  readonly image: string
  readonly isReady: boolean
  readonly restarts: number
  readonly state: 'waiting' | 'running' | 'terminated'
  /** Of what it waits for; empty in another state. */
  readonly waiting: { readonly reason: string; readonly message: string }
  /** How its latest run that came to an end ended. */
  readonly lastEnd?: ContainerEnd
}

export interface ContainerEnd {
  /** `Completed`, `Error`, `OOMKilled`, `StartError`… */
  readonly reason: string
  readonly exitCode: number
  /** May hold what the container wrote: not for Events. */
  readonly message: string
  readonly atMs?: number
}

export function readPod(object: KubeObject): Pod {
  const spec = fields(object['spec'])
  const status = fields(object['status'])
  const conditions = new Map(
    list(status['conditions']).map(({ type, status: is, reason, message }) => [
      text(type),
      { status: text(is), reason: text(reason), message: words(message) },
    ]),
  )
  return {
    name: object.metadata.name,
    phase: text(status['phase']),
    reason: text(status['reason']),
    message: words(status['message']),
    isTerminating: object.metadata.deletionTimestamp !== undefined,
    isReady: conditions.get('Ready')?.status === 'True',
    conditions,
    hasReadinessGates: list(spec['readinessGates']).length > 0,
    createdAtMs: parseTime(text(object.metadata['creationTimestamp'])) ?? 0,
    containers: readContainers(spec, status),
    object,
  }
}

function readContainers(spec: Fields, status: Fields): readonly PodContainer[] {
  const init = list(spec['initContainers'])
  const statuses = [...list(status['initContainerStatuses']), ...list(status['containerStatuses'])]
  return [...init, ...list(spec['containers'])].map((container, index) => {
    const name = text(container['name'])
    const isInit = index < init.length
    const role = !isInit ? 'main' : container['restartPolicy'] === 'Always' ? 'sidecar' : 'init'
    const own = statuses.find((entry) => entry['name'] === name) ?? {}
    return readContainer(own, { name, role, image: text(container['image']) })
  })
}

function readContainer(status: Fields, of: Pick<PodContainer, 'name' | 'role' | 'image'>): PodContainer {
  const { running, terminated, waiting } = fields(status['state'])
  const { terminated: terminatedBefore } = fields(status['lastState'])
  const end = terminated ?? terminatedBefore
  const { reason, message } = fields(waiting)
  return {
    ...of,
    isReady: status['ready'] === true,
    restarts: count(status, 'restartCount'),
    state: running !== undefined ? 'running' : terminated !== undefined ? 'terminated' : 'waiting',
    waiting: { reason: text(reason), message: words(message) },
    ...(end !== undefined && { lastEnd: readEnd(fields(end)) }),
  }
}

function readEnd(end: Fields): ContainerEnd {
  const atMs = parseTime(text(end['finishedAt']))
  return {
    reason: text(end['reason']),
    exitCode: count(end, 'exitCode'),
    message: words(end['message']),
    ...(atMs !== undefined && { atMs }),
  }
}
