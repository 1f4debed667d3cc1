import { isDeepStrictEqual } from 'node:util'
import { deliveryLabel } from '../api/annotations.ts'
import type { InventoryEntry } from '../api/delivery.ts'
import type { KubeObject } from '../api/object.ts'
import { entryKey } from '../core/inventory.ts'
import { ownershipHint } from '../core/owned-fields.ts'
import { pauseMark, type PauseMark } from '../core/pause.ts'
import type { WatchEvent } from '../kube/ports.ts'

/** What the metadata of one managed object told, and what was last verified of it. */
interface Tracked {
  readonly seen?: { readonly hint: string; readonly version: string; readonly pause?: PauseMark }
  /** How many versions the watch has told. */
  readonly told: number
  /** A version other than the verified one was told since: an older one may be told after it. */
  readonly isDoubtful?: boolean
  /** The hint of the state in which the object was read in full and found as we made it. */
  readonly verified?: string
  /** It was deleted or given away since it was seen; a read that began before then must not count as the last word. */
  readonly hasLeft?: boolean
}

/** What an object is, for metadata-only events do not say. */
export type ObjectType = Pick<KubeObject, 'apiVersion' | 'kind'>

export interface ObjectChange {
  /** `NAMESPACE/NAME` of its Delivery. */
  readonly delivery: string
  /** Something that may be ours, or a pause, is another than it was; a change of status alone is none. */
  readonly isSuspect: boolean
}

/**
 * The metadata of all objects with our label, from which follows which of them must be read in full: a field of ours
 * that another hand changes leaves our entry in managedFields, so that an object whose hint is the verified one needs
 * no read. After a restart nothing is verified yet.
 */
export class ObjectTracker {
  readonly #objects = new Map<string, Map<string, Tracked>>()
  /** Which Delivery the label of each object names, for another hand may change it. */
  readonly #labels = new Map<string, string>()

  /** The Deliveries that are concerned: two where another hand gave the object from one to the other. */
  observe(event: WatchEvent<KubeObject>, type: ObjectType): readonly ObjectChange[] {
    if (event.type === 'synced') return this.#notListed(type)
    const { metadata } = event.object
    const key = entryKey({ ...type, name: metadata.name })
    const place = `${metadata.namespace}/${key}`
    const before = this.#labels.get(place)
    const label = metadata.labels?.[deliveryLabel]
    const now = event.type === 'deleted' || label === undefined ? undefined : `${metadata.namespace}/${label}`
    const left = before === undefined || before === now ? [] : [this.#leave(before, key, place)]
    return now === undefined ? left : [...left, this.#see(now, key, place, event.object, type)]
  }

  /** The object was read in full, or written, and is as we want it. */
  verified(delivery: string, object: KubeObject): void {
    const key = entryKey({ apiVersion: object.apiVersion, kind: object.kind, name: object.metadata.name })
    const { isDoubtful: _, ...tracked } = this.#get(delivery, key) ?? { told: 0 }
    this.#set(delivery, key, { ...tracked, verified: ownershipHint(object) })
  }

  isSuspect(delivery: string, key: string): boolean {
    const tracked = this.#get(delivery, key)
    if (tracked?.verified === undefined || tracked.hasLeft === true || tracked.isDoubtful === true) return true
    return tracked.seen !== undefined && tracked.seen.hint !== tracked.verified
  }

  /** The objects whose label names this Delivery. */
  seenOf(delivery: string): ReadonlyArray<{ readonly group: string; readonly kind: string; readonly name: string }> {
    return [...(this.#objects.get(delivery) ?? [])].flatMap(([key, { seen }]) => {
      const [group = '', kind = '', name = ''] = key.split('/')
      return seen === undefined ? [] : [{ group, kind, name }]
    })
  }

  /** How many versions of it the watch has told. */
  toldOf(delivery: string, key: string): number {
    return this.#get(delivery, key)?.told ?? 0
  }

  /**
   * Whether a version is the last, as far as was told: the watch told it last, and none but it since before it was asked
   * for. Versions have no order, so that of several told meanwhile nobody knows which is the last.
   */
  isLatest(
    delivery: string,
    key: string,
    { version, toldBefore }: { readonly version: string; readonly toldBefore: number },
  ): boolean {
    const { seen, told } = this.#get(delivery, key) ?? { told: 0 }
    return seen?.version === version && told - toldBefore <= 1
  }

  /** Pauses that stand on managed objects themselves. */
  pausesOf(delivery: string): ReadonlyMap<string, PauseMark> {
    const tracked = [...(this.#objects.get(delivery) ?? [])]
    return new Map(
      tracked.flatMap(([key, { seen }]) => (seen?.pause === undefined ? [] : [[key, seen.pause] as const])),
    )
  }

  /** Nothing of this Delivery counts as verified any more: each of its objects is read anew. */
  distrust(delivery: string): void {
    for (const [key, { seen, told }] of this.#objects.get(delivery) ?? []) {
      this.#set(delivery, key, { told, ...(seen !== undefined && { seen }) })
    }
  }

  /** Nothing of any Delivery counts as verified: another process may have written meanwhile. */
  distrustAll(): void {
    for (const delivery of this.#objects.keys()) this.distrust(delivery)
  }

  /** What has left a Delivery and is not of its inventory any more is of no interest, however many releases it has had. */
  forgetLeft(delivery: string, inventory: readonly InventoryEntry[]): void {
    const unseen = [...(this.#objects.get(delivery) ?? [])].filter(([, { seen }]) => seen === undefined)
    if (unseen.length === 0) return
    const held = new Set(inventory.map(entryKey))
    for (const [key] of unseen) if (!held.has(key)) this.#drop(delivery, key)
  }

  /** What was verified of a Delivery that is gone; what the watch tells goes with its objects. */
  forget(delivery: string): void {
    for (const [key, { seen, told }] of this.#objects.get(delivery) ?? []) {
      if (seen === undefined) this.#drop(delivery, key)
      else this.#set(delivery, key, { seen, told })
    }
  }

  /** What was written while the watch did not follow, and is gone before it follows again, no event tells of. */
  #notListed(type: ObjectType): readonly ObjectChange[] {
    const prefix = entryKey({ ...type, name: '' })
    return [...this.#objects].flatMap(([delivery, objects]) => {
      const lost = [...objects].filter(
        ([key, { seen, verified }]) => key.startsWith(prefix) && seen === undefined && verified !== undefined,
      )
      for (const [key, { told }] of lost) this.#set(delivery, key, { told: told + 1 })
      return lost.length === 0 ? [] : [{ delivery, isSuspect: true }]
    })
  }

  #leave(delivery: string, key: string, place: string): ObjectChange {
    this.#labels.delete(place)
    this.#set(delivery, key, { told: this.toldOf(delivery, key) + 1, hasLeft: true })
    return { delivery, isSuspect: true }
  }

  #see(delivery: string, key: string, place: string, object: KubeObject, { kind }: ObjectType): ObjectChange {
    this.#labels.set(place, delivery)
    const { metadata } = object
    const pause = pauseMark(`${kind} ${metadata.name}`, metadata.annotations, `${kind}/${metadata.name}`)
    const seen = {
      hint: ownershipHint(object),
      version: metadata.resourceVersion ?? '',
      ...(pause !== undefined && { pause }),
    }
    const before = this.#get(delivery, key)
    const { verified, told, isDoubtful } = before ?? { told: 0 }
    const isSuspect = verified !== seen.hint
    this.#set(delivery, key, {
      seen,
      told: told + 1,
      ...(verified !== undefined && { verified, isDoubtful: isSuspect || isDoubtful === true }),
    })
    // A pause may come in between what we read and what the watch tells.
    const isPauseNew = !isDeepStrictEqual(before?.seen?.pause, pause)
    return { delivery, isSuspect: isPauseNew || isSuspect }
  }

  #get(delivery: string, key: string): Tracked | undefined {
    return this.#objects.get(delivery)?.get(key)
  }

  #set(delivery: string, key: string, tracked: Tracked): void {
    const objects = this.#objects.get(delivery) ?? new Map<string, Tracked>()
    this.#objects.set(delivery, objects)
    objects.set(key, tracked)
  }

  #drop(delivery: string, key: string): void {
    const objects = this.#objects.get(delivery)
    objects?.delete(key)
    if (objects?.size === 0) this.#objects.delete(delivery)
  }
}
