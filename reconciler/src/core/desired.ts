import type { Delivery, DeliverySpec } from '../api/delivery.ts'
import { operatorAnnotations } from '../api/annotations.ts'
import type { Reason } from '../api/reasons.ts'
import { parseDuration } from './duration.ts'
import { parseRepository, type Repository } from './image-reference.ts'
import type { Pause } from './pause.ts'
import type { TagPattern } from './tag-pattern.ts'

/** What the Delivery asks, parsed once. */
export interface Desired {
  readonly namespace: string
  readonly name: string
  readonly generation: number
  readonly isDeleting: boolean
  readonly pause: Pause
  /** A tag or digest. */
  readonly pin?: string
  /** The value of the one-shot annotation; new where status does not hold it. */
  readonly reconcileRequest?: string
  /** The value of the annotation for another try; one-shot as well. */
  readonly retry?: string
  readonly work: Work | Invalid
}

export interface Work {
  readonly kind: 'work'
  readonly repository: Repository
  readonly isRelease: (tag: string) => boolean
  readonly timeoutMs: number
  readonly spec: DeliverySpec
}

export interface Invalid {
  readonly kind: 'invalid'
  readonly reason: Extract<Reason, 'SpecInvalid' | 'SelfManaged'>
  readonly message: string
}

export interface DesiredOptions {
  readonly pause: Pause
  /** The reconciler's own namespace: nothing in it is delivered. */
  readonly ownNamespace: string
  /** What is wrong with a schedule or its time zone; undefined where nothing is. */
  readonly scheduleProblem: (schedule: string, timeZone: string) => string | undefined
  readonly tagPattern: (pattern: string) => TagPattern
}

export function readDesired(delivery: Delivery, options: DesiredOptions): Desired {
  const { metadata } = delivery
  const { [operatorAnnotations.reconcileRequestedAt]: reconcileRequest, [operatorAnnotations.retry]: retry } =
    metadata.annotations ?? {}
  const pin = readPin(metadata.annotations)
  return {
    namespace: metadata.namespace,
    name: metadata.name,
    generation: metadata.generation,
    isDeleting: metadata.deletionTimestamp !== undefined,
    pause: options.pause,
    ...(pin !== undefined && { pin }),
    ...(reconcileRequest !== undefined && { reconcileRequest: cut(reconcileRequest) }),
    ...(retry !== undefined && retry.trim() !== '' && { retry: cut(retry) }),
    work: readWork(delivery, options),
  }
}

/** The tag or digest that an operator pins; an empty annotation is one that somebody is about to fill in. */
export function readPin(annotations: Readonly<Record<string, string>> = {}): string | undefined {
  return annotations[operatorAnnotations.pin]?.trim() || undefined
}

/** As status is given back, where half of a character is none: whether a value is new is told by that. */
function cut(value: string): string {
  return value.slice(0, mostLength).toWellFormed()
}

const mostLength = 253

/** The schema lets through what only its reader can judge: expressions, cron, time zones. */
function readWork({ metadata, spec }: Delivery, options: DesiredOptions): Work | Invalid {
  const { ownNamespace, scheduleProblem, tagPattern } = options
  if (metadata.namespace === ownNamespace) {
    return {
      kind: 'invalid',
      reason: 'SelfManaged',
      message: `a Delivery in the reconciler's own namespace ${ownNamespace} would manage the reconciler; upgrade it by its manifests or chart`,
    }
  }
  const repository = parseRepository(spec.image.repository)
  if (repository.kind === 'invalid') return invalid('spec.image.repository', repository.problem)
  const pattern = tagPattern(spec.image.tags)
  if (pattern.kind === 'invalid') return invalid('spec.image.tags', pattern.problem)
  const problem = scheduleProblem(spec.poll.schedule, spec.poll.timeZone)
  if (problem !== undefined) return invalid('spec.poll', problem)
  const timeoutMs = parseDuration(spec.rollout.timeout)
  if (timeoutMs === undefined || timeoutMs === 0) {
    return invalid('spec.rollout.timeout', `"${spec.rollout.timeout}" is not a duration above zero`)
  }
  return { kind: 'work', repository: repository.value, isRelease: pattern.matches, timeoutMs, spec }
}

function invalid(field: string, problem: string): Invalid {
  return { kind: 'invalid', reason: 'SpecInvalid', message: `${field}: ${problem}` }
}
