import type { Delivery, DeliveryStatus } from '../src/api/delivery.ts'
import type { KubeObject } from '../src/api/object.ts'
import type { Tenant } from '../src/kube/ports.ts'
import type { ListedImage } from './repository.ts'

/** Who asks or writes: one process in its one term of leadership. */
export interface Actor {
  readonly epoch: number
}

/** What is asked of the registry beside the list of tags; but for pins, polls alone ask for images. */
export type Lookup = 'tag' | 'image' | 'bundles' | 'bundle'

/** What may be seen from outside of the reconciler: by the API server, the registry and the operator. */
export type Occurrence =
  /** Whether the operator forbids every write right now, as the annotations stand. */
  | { readonly kind: 'looked'; readonly isPaused: boolean }
  | {
      readonly kind: 'status'
      readonly by: Actor
      readonly before: DeliveryStatus
      /** As it is stored; its annotations are those that the writer read. */
      readonly delivery: Delivery
      /** Whether the writer had been told of a pause of all. */
      readonly isPauseTold: boolean
    }
  | {
      readonly kind: 'object'
      readonly by: Actor
      readonly verb: 'apply' | 'delete'
      readonly object: KubeObject
      readonly tenant: Tenant
      /** It was on the wire when its sender lost the lease. */
      readonly isLate: boolean
      /** Whether its sender had been told, before it sent it, of a pause that covers it. */
      readonly isPauseTold: boolean
      readonly delivery: Delivery | undefined
    }
  | { readonly kind: 'asked'; readonly by: Actor; readonly tenant: Tenant }
  /** The list of tags was read, or was not. */
  | {
      readonly kind: 'scanned'
      readonly by: Actor
      readonly result: 'changed' | 'unchanged' | 'failed'
      /** All that there were then. */
      readonly tags: readonly ListedImage[]
    }
  | {
      readonly kind: 'lookedUp'
      readonly by: Actor
      readonly what: Lookup
      readonly repository: string
      readonly isAnswered: boolean
    }
  /** The registry is asked whether the tag of a new release still stands: it has been chosen. */
  | { readonly kind: 'chosen'; readonly by: Actor; readonly tag: string; readonly delivery: Delivery | undefined }
  /** By another hand, or with its Delivery. */
  | { readonly kind: 'statusLost' }
  | { readonly kind: 'bug'; readonly error: unknown }
