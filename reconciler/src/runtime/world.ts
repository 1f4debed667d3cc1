import { deliveryLabel } from '../api/annotations.ts'
import { apiVersion, plural, type Delivery, type InventoryEntry } from '../api/delivery.ts'
import { findSupportedKind, supportedKinds, type SupportedKind } from '../api/kinds.ts'
import type { KubeObject } from '../api/object.ts'
import { entryKey } from '../core/inventory.ts'
import { pauseMark, type PauseMark } from '../core/pause.ts'
import { collectionPath } from '../kube/paths.ts'
import type { Watch, WatchEvent, WatchSource } from '../kube/ports.ts'
import { DeliveryCache } from './delivery-cache.ts'
import { ObjectTracker } from './object-tracker.ts'

export interface WorldOptions {
  readonly watches: WatchSource
  /** The namespace whose pause is everybody's. */
  readonly ownNamespace: string
  readonly signal: AbortSignal
}

export interface WorldChange {
  /** `NAMESPACE/NAME` of the Delivery that is concerned. */
  readonly key: string
  /** Only what the cluster says of its objects changed, which matters while a rollout is awaited. */
  readonly isStatusOnly: boolean
}

interface Watched {
  isSynced: boolean
  /** Of a kind that the cluster may cease to serve: that must not take us out of service. */
  readonly isOptional: boolean
  watch?: Watch<KubeObject>
}

/**
 * All that is watched, by the reconciler itself: Deliveries in full, of Namespaces and managed objects the metadata.
 * A replica that does not lead keeps it too, so that it can lead at once.
 */
export class World {
  readonly deliveries = new DeliveryCache()
  readonly objects = new ObjectTracker()
  readonly #options: WorldOptions
  readonly #watches = new Map<string, Watched>()
  #listener: (change: WorldChange) => void = () => {}

  constructor(options: WorldOptions) {
    this.#options = options
  }

  /** Begins to watch; resolves when all is known once. */
  async start(): Promise<void> {
    const path = `/apis/${apiVersion}/${plural}`
    this.deliveries.attach(this.#watch(path, {}, (event) => this.#onDelivery(event)))
    this.#watch(namespacesPath, { metadataOnly: true }, (event) => this.#onNamespace(event))
    for (const kind of supportedKinds) if (!kind.needsCrd) this.#watchKind(kind)
    await Promise.all([...this.#watches.values()].flatMap(({ watch }) => watch?.synced ?? []))
  }

  /** Watches which are not complete yet; empty when all are without which no work can be done. */
  waitingFor(): readonly string[] {
    if (this.#watches.size === 0) return ['the first watch']
    return [...this.#watches].flatMap(([path, { isSynced, isOptional, watch }]) =>
      isSynced || isOptional
        ? []
        : [`watch ${path}${watch?.problem === undefined ? '' : ` (${watch.problem.reason})`}`],
    )
  }

  /** One at a time hears of changes. */
  listen(listener: (change: WorldChange) => void): () => void {
    this.#listener = listener
    return () => {
      this.#listener = () => {}
    }
  }

  /** Makes a write of a Delivery, whose own event is no change. */
  async writing(key: string, write: () => Promise<Delivery>): Promise<Delivery> {
    const end = this.deliveries.writeBegins(key)
    let version: string | undefined
    try {
      const written = await write()
      version = written.metadata.resourceVersion
      return written
    } finally {
      if (end(version)) this.#listener({ key, isStatusOnly: false })
    }
  }

  /** A kind that not every cluster serves is watched from the first release on that holds one. */
  follow(inventory: readonly InventoryEntry[]): void {
    for (const entry of inventory) {
      const kind = findSupportedKind(entry.apiVersion, entry.kind)
      if (kind?.needsCrd === true) this.#watchKind(kind)
    }
  }

  /** Every annotation that pauses this Delivery, on whatever it stands. */
  pausesOf({ metadata, status }: Delivery): readonly PauseMark[] {
    const { namespace, name } = metadata
    const { ownNamespace } = this.#options
    const onObjects = this.objects.pausesOf(`${namespace}/${name}`)
    const managed = (status?.inventory ?? []).flatMap((entry) => onObjects.get(entryKey(entry)) ?? [])
    const marks = [
      pauseMark('the Delivery', metadata.annotations),
      pauseMark(`Namespace ${namespace}`, this.#annotationsOf(namespace)),
      pauseMark(`the reconciler's Namespace ${ownNamespace}`, this.#annotationsOf(ownNamespace)),
    ]
    return [...marks.filter((mark) => mark !== undefined), ...managed]
  }

  /** The namespace is being deleted, and all that is in it. */
  isTerminating(namespace: string): boolean {
    return this.#watches.get(namespacesPath)?.watch?.get(namespace)?.metadata.deletionTimestamp !== undefined
  }

  #annotationsOf(namespace: string): Readonly<Record<string, string>> | undefined {
    return this.#watches.get(namespacesPath)?.watch?.get(namespace)?.metadata.annotations
  }

  #watchKind(kind: SupportedKind): void {
    const path = collectionPath(kind)
    if (this.#watches.has(path)) return
    const request = { metadataOnly: true, labelSelector: deliveryLabel, isOptional: kind.needsCrd }
    this.#watch(path, request, (event) => {
      for (const { delivery, isSuspect } of this.objects.observe(event, kind)) {
        // A label may name a Delivery that there is none of, and another one each time.
        if (this.deliveries.get(delivery) === undefined) this.objects.forgetLeft(delivery, [])
        this.#listener({ key: delivery, isStatusOnly: !isSuspect })
      }
    })
  }

  #watch(
    path: string,
    { isOptional = false, ...request }: { metadataOnly?: boolean; labelSelector?: string; isOptional?: boolean },
    onEvent: (event: WatchEvent<KubeObject>) => void,
  ): Watch<KubeObject> {
    const entry: Watched = { isSynced: false, isOptional }
    this.#watches.set(path, entry)
    const take = (event: WatchEvent<KubeObject>) => {
      if (event.type === 'synced') entry.isSynced = true
      onEvent(event)
    }
    entry.watch = this.#options.watches.watch<KubeObject>({ path, ...request }, take, this.#options.signal)
    return entry.watch
  }

  #onDelivery(event: WatchEvent<KubeObject>): void {
    // Also where this replica does not lead: a pause on such an object must be known from the first moment that it does.
    if (event.type !== 'synced' && event.type !== 'deleted') this.follow(inventoryOf(event.object))
    const changed = event.type === 'synced' ? this.deliveries.listed() : [this.deliveries.observe(event)]
    for (const key of changed) if (key !== undefined) this.#listener({ key, isStatusOnly: false })
  }

  /** Namespaces change seldom, and what a Delivery reads of its own costs no request. */
  #onNamespace(event: WatchEvent<KubeObject>): void {
    if (event.type === 'synced') return
    const { name } = event.object.metadata
    const isEverybodys = name === this.#options.ownNamespace
    for (const key of this.deliveries.keys()) {
      if (isEverybodys || key.startsWith(`${name}/`)) this.#listener({ key, isStatusOnly: false })
    }
  }
}

const namespacesPath = '/api/v1/namespaces'

/** The API server has checked it against the schema from which the type is made. */
function inventoryOf(delivery: KubeObject): readonly InventoryEntry[] {
  return (delivery as unknown as Delivery).status?.inventory ?? []
}
