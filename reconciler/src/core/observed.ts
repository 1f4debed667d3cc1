import type { DeliveryStatus } from '../api/delivery.ts'
import type { ObjectReference } from '../api/object.ts'
import type { Reason } from '../api/reasons.ts'
import type { Health } from './health.ts'
import type { SeenImage } from './releases.ts'

/** What is known of the world when a decision is made. Nothing in it is half read. */
export interface Observed {
  readonly status: DeliveryStatus
  readonly registry: RegistryView
  /** The objects of the rollout in status; read while it waits. */
  readonly rollout?: RolloutView
  /** Objects whose fields of ours another hand changed or removed; in mid-rollout those that are missing stand there. */
  readonly drift: readonly DriftedObject[]
  /** Why the last release that was tried could not begin. */
  readonly refusal?: Refusal
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
