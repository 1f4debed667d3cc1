import type { Fault, Revision } from '../api/delivery.ts'
import type { KubeObject } from '../api/object.ts'
import type { Reason } from '../api/reasons.ts'
import type { Desired } from './desired.ts'
import type { DriftedObject } from './observed.ts'
import type { Culprit } from './pod-faults.ts'
import type { SeenImage } from './releases.ts'

/** What is to be done now, and why in words for a person; `act` does it, and status says it. */
export type Plan = {
  readonly reason: Reason
  readonly message: string
  /** What a person should know beside the plan: each is told once, as a Warning. */
  readonly notices: readonly Notice[]
  /** What comes next, once nothing holds it; unknown until the registry was read. */
  readonly pending?: SeenImage | 'unknown'
} & (
  | { readonly kind: 'leave' }
  /** Nothing to write but status. */
  | Rest
  /** Prepare a release and begin its rollout. */
  | {
      readonly kind: 'start'
      readonly target: Target
      /** Undecided rollouts in a row that this supersedes. */
      readonly superseded: number
    }
  /** Write all objects of the rollout in status, from the beginning. */
  | { readonly kind: 'apply' }
  /** The rollout in status goes on; where it has no deadline it is given one. */
  | { readonly kind: 'await' }
  /** All objects of the rollout are healthy. */
  | { readonly kind: 'finish' }
  /** The rollout ends without success; what follows is going back to the last good release, or nothing. */
  | {
      readonly kind: 'fail'
      readonly fault: Fault
      readonly course: 'goBack' | 'hold'
      /** Whose last log lines tell most of why. */
      readonly culprit?: Culprit
    }
  /** Heed a request for another try of what is not to be begun now: it leaves quarantine, where it is there. */
  | { readonly kind: 'letOut'; readonly retry: string; readonly name?: string }
  /** Delete what the release no longer holds. */
  | { readonly kind: 'prune' }
  /** Delete pods that keep a workload at what failed. */
  | { readonly kind: 'unstick'; readonly pods: readonly KubeObject[] }
  /** Take back the fields that another hand changed. */
  | { readonly kind: 'correct'; readonly objects: readonly DriftedObject[] }
)

export interface Rest {
  readonly kind: 'rest'
  readonly stance: Stance
  /** When the world may look different without an event. */
  readonly untilMs?: number
  /** A pause forbids every write: a rollout's deadline stops with it. */
  readonly isFrozen?: boolean
}

/** How it stands with a Delivery; conditions.ts turns it into conditions. `unknown` leaves them as they are. */
export type Stance = 'ready' | 'progressing' | 'waiting' | 'stalled' | 'unknown'

export interface Notice {
  readonly reason: Reason
  readonly message: string
}

/** What to roll out: the newest image, what an operator pinned, what failed before, or what runs and status knows nothing of. */
export type Target =
  | { readonly kind: 'image'; readonly image: SeenImage }
  | { readonly kind: 'pin'; readonly pin: string }
  | { readonly kind: 'running'; readonly tag: string; readonly digest: string }
  | {
      readonly kind: 'again'
      readonly revision: Revision
      readonly attempt: number
      /** The request that asks for it: what belongs to the image by now is read anew. Absent: as it was. */
      readonly retry?: string
    }

/** The same text for the same release, by which a refusal is known again. */
export function targetKey(target: Target): string {
  if (target.kind === 'pin') return `pin:${target.pin}`
  if (target.kind === 'running') return `running:${target.tag}@${target.digest}`
  if (target.kind === 'image') return `${target.image.tag}@${target.image.digest}`
  return `again:${target.retry ?? target.attempt}:${target.revision.digest}`
}

/**
 * The pin under which a target is rolled out, by which what failed is known to have been tried under it: also a further
 * try, for a pin allows none but of what it names. What runs is taken over whatever is pinned.
 */
export function pinOf(target: Target, { pin }: Pick<Desired, 'pin'>): string | undefined {
  return target.kind === 'pin' || target.kind === 'again' ? pin : undefined
}
