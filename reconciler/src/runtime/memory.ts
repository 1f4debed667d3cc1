import type { Revision, Snapshot } from '../api/delivery.ts'
import type { KubeObject } from '../api/object.ts'
import type { Health } from '../core/health.ts'
import type { Refusal, Trouble } from '../core/observed.ts'
import type { Clock } from './clock.ts'

/**
 * What one process remembers of a Delivery from one reconcile to the next, to save requests and words. A restart that
 * loses it changes nothing but what is asked again.
 */
export interface Memory {
  /** Of the Delivery: one that was made anew under the same name is another. */
  readonly uid: string
  /** What could not begin, newest first: what a person asks for and what is newest may both be refused. */
  refusals: readonly CountedRefusal[]
  /** What runs can't be known again: the registry or the rules no longer have it. */
  isUnrecoverable?: boolean
  /** How often in a row the same release was superseded before it began. */
  superseded?: { readonly target: string; readonly count: number }
  /** Health by object, and whether it is as we wrote it, with the version in which it was read. */
  readonly healths: Map<string, SeenHealth>
  /** The last request to reconcile that was heeded; status has it only once there is something to say. */
  heededRequest?: string
  /** The objects of the release that is being rolled out. */
  rendered?: { readonly revision: Revision; readonly objects: readonly KubeObject[]; readonly snapshot: Snapshot }
  /** What stood in the way when the objects of the rollout were written last. */
  trouble?: Trouble
  /** Since when the rollout that began then has been looked at. */
  awaited?: { readonly startedAt: string; readonly sinceMs: number }
  /** Objects whose correction is counted, and that are not written yet: to try again is no further correction. */
  readonly counted: Set<string>
  /** That what was delivered is deleted stands in status. */
  isEndingTold?: true
  /** Notices that were given already. */
  told: ReadonlySet<string>
  /** Reconciles in a row that failed. */
  failures: number
  /** Reconciles in a row after which the key was wanted back at once. */
  rounds: number
}

export interface CountedRefusal extends Omit<Refusal, 'untilMs'> {
  /** How often the same release was refused. */
  readonly times: number
  /** When it may be tried again, by the monotonic clock: one that is set back must put off no release. */
  readonly untilMonotonicMs?: number
}

/** With their times by the wall clock as it stands now, by which decisions are made. */
export function refusalsOf({ refusals }: Memory, clock: Pick<Clock, 'nowMs' | 'monotonicMs'>): readonly Refusal[] {
  const behindMs = clock.nowMs() - clock.monotonicMs()
  return refusals.map((counted) => {
    const { times: _, untilMonotonicMs, ...refusal } = counted
    return { ...refusal, ...(untilMonotonicMs !== undefined && { untilMs: untilMonotonicMs + behindMs }) }
  })
}

/** As many kinds of targets as there are, each with one that counts. */
const mostRefusals = 5

export function rememberRefusal(memory: Memory, refusal: CountedRefusal): void {
  const others = memory.refusals.filter(({ target }) => target !== refusal.target)
  memory.refusals = [refusal, ...others].slice(0, mostRefusals)
}

export interface SeenHealth {
  readonly version: string
  /** How often the watch had told of the object before it was asked for: see `isLatest` of the tracker. */
  readonly toldBefore: number
  readonly health: Health
  readonly isChanged: boolean
  /** In full where it makes pods that do not all run yet: they are looked at too. */
  readonly object?: KubeObject
}

export function seenHealth(
  object: KubeObject,
  { health, isChanged, toldBefore }: Pick<SeenHealth, 'health' | 'isChanged' | 'toldBefore'>,
): SeenHealth {
  const isLookedAt = podKinds.has(object.kind) && health.state !== 'current'
  const version = object.metadata.resourceVersion ?? ''
  return { version, toldBefore, health, isChanged, ...(isLookedAt && { object }) }
}

const podKinds: ReadonlySet<string> = new Set(['Deployment', 'StatefulSet', 'DaemonSet'])

export function newMemory(uid: string): Memory {
  return { uid, healths: new Map(), counted: new Set(), told: new Set(), refusals: [], failures: 0, rounds: 0 }
}
