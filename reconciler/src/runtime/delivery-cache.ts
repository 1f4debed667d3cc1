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
  /** The versions that the watch told while a write of ours is under way. */
  readonly #writing = new Map<string, string[]>()
  /** What was read because a write met another version; see `readBegins`. */
  readonly #read = new Map<string, Delivery>()
  #watch: Pick<Watch<KubeObject>, 'get' | 'list'> = { get: () => undefined, list: () => [] }

  /** The watch whose events are given to `observe`. */
  attach(watch: Pick<Watch<KubeObject>, 'get' | 'list'>): void {
    this.#watch = watch
  }

  /** The key that changed, where one did that we do not know of already. */
  observe(event: Exclude<WatchEvent<KubeObject>, { type: 'synced' }>): string | undefined {
    const key = keyOf(event.object)
    this.#read.delete(key)
    if (event.type === 'deleted') {
      this.#written.delete(key)
      this.#told.delete(key)
      return key
    }
    const { resourceVersion = '' } = event.object.metadata
    this.#told.set(key, [resourceVersion, ...(this.#told.get(key) ?? [])].slice(0, remembered))
    const isWritten = this.#written.get(key)?.metadata.resourceVersion === resourceVersion
    if (isWritten) this.#written.delete(key)
    const meanwhile = this.#writing.get(key)
    meanwhile?.push(resourceVersion)
    return isWritten || meanwhile !== undefined ? undefined : key
  }

  /**
   * For a write that is about to be sent, the only one of its Delivery: answers what is to be told at its end, the
   * version that it made where it made one. That answers whether the watch told anything else meanwhile: the event of
   * our own write may come before its answer, and is no news.
   */
  writeBegins(key: string): (version: string | undefined) => boolean {
    const meanwhile: string[] = []
    this.#writing.set(key, meanwhile)
    return (version) => {
      this.#writing.delete(key)
      return meanwhile.some((told) => told !== version)
    }
  }

  /**
   * All was listed, which is newer than every write and read before it. Answers the keys of what had been written or read
   * and is another by now: whoever looked at its event still saw what was written.
   */
  listed(): readonly string[] {
    const known = [...new Map([...this.#written, ...this.#read])]
    this.#written.clear()
    this.#read.clear()
    return known.flatMap(([key, { metadata }]) =>
      this.#watch.get(key)?.metadata.resourceVersion === metadata.resourceVersion ? [] : [key],
    )
  }

  get(key: string): Delivery | undefined {
    return this.#read.get(key) ?? this.#written.get(key) ?? toDelivery(this.#watch.get(key))
  }

  keys(): readonly string[] {
    return this.#watch.list().map(keyOf)
  }

  /** What the API server answered to a write of ours. */
  wrote(delivery: Delivery): void {
    const { namespace, name, resourceVersion } = delivery.metadata
    const key = `${namespace}/${name}`
    this.#read.delete(key)
    const isKnown = this.#told.get(key)?.includes(resourceVersion) ?? false
    // One that was made anew under its name is another.
    const isGone = this.#watch.get(key)?.metadata.uid !== delivery.metadata.uid
    if (!isKnown && !isGone) this.#written.set(key, delivery)
  }

  /**
   * For a read that is about to be sent: takes its answer, which counts until the watch tells of the Delivery again. A
   * watch that is behind, or that told its events out of order, would else be believed for as long as it lasts.
   */
  readBegins(key: string): (delivery: Delivery) => void {
    const told = this.#told.get(key)
    return (delivery) => {
      // What the watch told meanwhile may be newer than the answer.
      if (this.#told.get(key) === told && this.#watch.get(key) !== undefined) this.#read.set(key, delivery)
    }
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
