import type { DeliveryStatus } from '../api/delivery.ts'
import type { KubeObject, ObjectReference } from '../api/object.ts'
import type { Reason } from '../api/reasons.ts'
import type { Health } from './health.ts'
import type { Culprit, PodFault } from './pod-faults.ts'
import type { SeenImage } from './releases.ts'

/** What is known of the world when a decision is made. Nothing in it is half read. */
export interface Observed {
  readonly status: DeliveryStatus
  readonly registry: RegistryView
  /** The objects of the rollout in status; read while it waits. */
  readonly rollout?: RolloutView
  /** Objects whose fields of ours another hand changed or removed; in mid-rollout those that are missing stand there. */
  readonly drift: readonly DriftedObject[]
  /** What runs, where status knows nothing of it. */
  readonly found?: FoundRelease
  /** Why releases that were tried could not begin. */
  readonly refusals?: readonly Refusal[]
  /** Why the objects of the rollout in status could not be written, when that was tried last. */
  readonly trouble?: Trouble
}

/** A release as live objects name it. */
export interface FoundRelease {
  readonly tag: string
  readonly digest: string
}

export interface RegistryView {
  /** What all complete polls since highWater saw; absent before the first one. */
  readonly images?: readonly SeenImage[]
  /** What came of the last poll, where it was not complete. */
  readonly problem?: Problem
}

export interface Problem {
  readonly kind: 'retryable' | 'waiting' | 'terminal'
  readonly reason: Reason
  readonly message: string
}

export interface RolloutView {
  readonly health: Health
  /** Objects that we wrote and that are not there. */
  readonly missing: readonly ObjectReference[]
  /** Since when this process has looked at it: before, nobody may have. */
  readonly sinceMs?: number
  /** What the pods tell; looked at while they are awaited. */
  readonly pods?: PodsSeen
}

export interface PodsSeen {
  readonly fault?: PodFault
  readonly culprit?: Culprit
  /** Pods that keep their workload from going on, and are to be deleted. */
  readonly stuck: readonly KubeObject[]
  /** Why pods could not be looked at. */
  readonly blind?: string
}

export interface Trouble extends Problem {
  readonly atMs: number
}

export interface DriftedObject extends ObjectReference {
  readonly isMissing: boolean
}

/** A release that was refused before anything was written, remembered so that it is not fetched again and again. */
export interface Refusal extends Problem {
  /** See targetKey in plan.ts. */
  readonly target: string
  /** The spec under which it was refused: another one may be accepted. */
  readonly generation: number
  /** When it may be tried again; never by itself where absent. */
  readonly untilMs?: number
}
