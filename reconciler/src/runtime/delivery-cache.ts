import type { Delivery } from '../api/delivery.ts'
import type { KubeObject } from '../api/object.ts'
import type { Watch, WatchEvent } from '../kube/ports.ts'

const remembered = 8

/**
 * Deliveries as the watch tells them, and our own writes before the watch has caught up with them: what was written a
 * moment ago is never decided upon as if it had not been. Resource versions are compared for equality alone.
 */
export class DeliveryCache {
  readonly #written = new Map<string, Delivery>()
  /** The versions that the watch told last of each, for an answer may come after its event. */
  readonly #told = new Map<string, readonly string[]>()
  #watch: Pick<Watch<KubeObject>, 'get' | 'list'> = { get: () => undefined, list: () => [] }

  /** The watch whose events are given to `observe`. */
  attach(watch: Pick<Watch<KubeObject>, 'get' | 'list'>): void {
    this.#watch = watch
  }

  /** The key that changed, where one did that we do not know of already. */
  observe(event: WatchEvent<KubeObject>): string | undefined {
    if (event.type === 'synced') {
      // A list is newer than every write before it.
      this.#written.clear()
      return undefined
    }
    const key = keyOf(event.object)
    if (event.type === 'deleted') {
      this.#written.delete(key)
      this.#told.delete(key)
      return key
    }
    const { resourceVersion = '' } = event.object.metadata
    this.#told.set(key, [resourceVersion, ...(this.#told.get(key) ?? [])].slice(0, remembered))
    if (this.#written.get(key)?.metadata.resourceVersion !== resourceVersion) return key
    this.#written.delete(key)
    return undefined
  }

  get(key: string): Delivery | undefined {
    return this.#written.get(key) ?? toDelivery(this.#watch.get(key))
  }

  keys(): readonly string[] {
    return this.#watch.list().map(keyOf)
  }

  /** What the API server answered to a write of ours. */
  wrote(delivery: Delivery): void {
    const { namespace, name, resourceVersion } = delivery.metadata
    const key = `${namespace}/${name}`
    const isKnown = this.#told.get(key)?.includes(resourceVersion) ?? false
    const isGone = this.#watch.get(key) === undefined
    if (!isKnown && !isGone) this.#written.set(key, delivery)
  }
}

/** `NAMESPACE/NAME`. */
export function keyOf({
  metadata,
}: {
  readonly metadata: { readonly namespace?: string; readonly name: string }
}): string {
  return `${metadata.namespace ?? ''}/${metadata.name}`
}

/** The API server has checked it against the schema from which the type is made. */
function toDelivery(object: KubeObject | undefined): Delivery | undefined {
  return object as Delivery | undefined
}
