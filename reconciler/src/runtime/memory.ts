import type { Revision } from '../api/delivery.ts'
import type { KubeObject } from '../api/object.ts'
import type { Health } from '../core/health.ts'
import type { Refusal } from '../core/observed.ts'

/**
 * What one process remembers of a Delivery from one reconcile to the next, to save requests and words. A restart that
 * loses it changes nothing but what is asked again.
 */
export interface Memory {
  refusal?: Refusal
  /** Health by object, with the version in which it was read. */
  readonly healths: Map<string, { readonly version: string; readonly health: Health }>
  /** The objects of the release that is being rolled out. */
  rendered?: { readonly revision: Revision; readonly objects: readonly KubeObject[] }
  /** Notices that were given already. */
  told: ReadonlySet<string>
  /** Reconciles in a row that failed. */
  failures: number
}

export function newMemory(): Memory {
  return { healths: new Map(), told: new Set(), failures: 0 }
}
