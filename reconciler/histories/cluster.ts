import { deletionFinalizer, deliveryLabel, fieldManager } from '../src/api/annotations.ts'
import { apiVersion, kind, plural, type Delivery, type DeliverySpec, type DeliveryStatus } from '../src/api/delivery.ts'
import { findSupportedKind } from '../src/api/kinds.ts'
import type { KubeObject } from '../src/api/object.ts'
import { formatTime } from '../src/api/time.ts'
import { AppError } from '../src/core/errors.ts'
import { collectionPath } from '../src/kube/paths.ts'
import { ownershipOf } from '../src/kube/ownership.ts'
import type { FakeClock } from '../src/runtime/fake-clock.ts'
import { applyTo, conflictsOf, leavesOf, toKubeObject, updateOf, type HeldObject, type Leaves } from './held-object.ts'

export const namespace = 'team'
export const ownNamespace = 'windlass-system'
export const deliveryName = 'web'
export const key = `${namespace}/${deliveryName}`
export const deliveriesPath = `/apis/${apiVersion}/${plural}`
export const namespacesPath = '/api/v1/namespaces'

export interface Change {
  /** The collection that a watch is of. */
  readonly path: string
  readonly type: 'put' | 'remove'
  readonly object: KubeObject
}

type Annotations = Readonly<Record<string, string>>

/** What an API server holds of one Delivery, and what it tells its watches. */
export class Cluster {
  delivery: Delivery | undefined
  readonly namespaces = new Map<string, KubeObject>()
  readonly objects = new Map<string, HeldObject>()
  /** Copies of releases, by their names. */
  readonly copies = new Map<string, string>()
  /** As by a quota. */
  refusesCopies = false
  /** Why an object is not taken, as by validation; a dry run takes it. */
  refusalOf: (object: KubeObject) => AppError | undefined = () => undefined
  readonly listeners = new Set<(change: Change) => void>()
  /** Plays the controllers, whenever an object was written. */
  onWritten: (name: string) => void = () => {}
  readonly #clock: FakeClock
  #versions = 0
  #uids = 0

  constructor(clock: FakeClock) {
    this.#clock = clock
    for (const name of [namespace, ownNamespace]) this.#annotateNamespace(name, {})
  }

  /** What a watch of that path lists. */
  list(path: string): readonly KubeObject[] {
    if (path === deliveriesPath) return this.delivery === undefined ? [] : [this.delivery as unknown as KubeObject]
    if (path === namespacesPath) return [...this.namespaces.values()]
    return [...this.objects.values()].filter((held) => pathOf(held) === path && isLabelled(held)).map(metadataOf)
  }

  createDelivery(spec: DeliverySpec): void {
    if (this.delivery !== undefined) return
    const metadata = { name: deliveryName, namespace, uid: this.#newUid(), resourceVersion: '', generation: 1 }
    this.#putDelivery({ apiVersion, kind, metadata, spec })
  }

  editSpec(spec: Partial<DeliverySpec>): void {
    const { delivery } = this
    if (delivery === undefined) return
    const generation = delivery.metadata.generation + 1
    const metadata = { ...delivery.metadata, generation }
    this.#putDelivery({ ...delivery, metadata, spec: { ...delivery.spec, ...spec } })
  }

  annotateDelivery(changes: Readonly<Record<string, string | undefined>>): void {
    const { delivery } = this
    if (delivery === undefined) return
    const metadata = { ...delivery.metadata, annotations: changed(delivery.metadata.annotations, changes) }
    this.#putDelivery({ ...delivery, metadata })
  }

  annotateNamespace(name: string, changes: Readonly<Record<string, string | undefined>>): void {
    this.#annotateNamespace(name, changed(this.namespaces.get(name)?.metadata.annotations, changes))
  }

  loseStatus(): void {
    if (this.delivery === undefined) return
    const { status: _, ...rest } = this.delivery
    this.#putDelivery(rest)
  }

  deleteDelivery(): void {
    const { delivery } = this
    if (delivery === undefined || delivery.metadata.deletionTimestamp !== undefined) return
    if ((delivery.metadata.finalizers ?? []).length === 0) {
      this.#dropDelivery(delivery)
      return
    }
    const deletionTimestamp = formatTime(this.#clock.nowMs())
    this.#putDelivery({ ...delivery, metadata: { ...delivery.metadata, deletionTimestamp } })
  }

  /** Under the version that was read. */
  writeStatus({ metadata: { uid, resourceVersion } }: Delivery, status: DeliveryStatus): Delivery {
    const delivery = this.#deliveryAs(uid, resourceVersion)
    return this.#putDelivery({ ...delivery, status: JSON.parse(JSON.stringify(status)) as DeliveryStatus })
  }

  writeFinalizer({ metadata: { uid, resourceVersion } }: Delivery, isWanted: boolean): Delivery {
    const delivery = this.#deliveryAs(uid, resourceVersion)
    const finalizers = isWanted ? [deletionFinalizer] : []
    const written = { ...delivery, metadata: { ...delivery.metadata, finalizers } }
    if (isWanted || delivery.metadata.deletionTimestamp === undefined) return this.#putDelivery(written)
    this.#dropDelivery(written)
    return written
  }

  get(name: string): KubeObject | undefined {
    const held = this.objects.get(name)
    return held === undefined ? undefined : toKubeObject(held)
  }

  /** As the adapter does it: what update managers hold is taken back, what apply managers hold is not. */
  apply(object: KubeObject, { isDryRun = false, uid }: { isDryRun?: boolean; uid?: string | undefined }): KubeObject {
    const name = nameOf(object)
    const before = this.objects.get(name)
    if (uid !== undefined && before?.uid !== uid) throw conflict(`${name} is another by now`)
    if (before !== undefined) this.#assertFree(before, object)
    const wanted = leavesOf(object)
    const after = applyTo(before ?? this.#newObject(object), fieldManager, wanted, this.#clock.nowMs())
    if (isDryRun) return toKubeObject(after)
    const refusal = this.refusalOf(object)
    if (refusal !== undefined) throw refusal
    return toKubeObject(this.#store(before, after))
  }

  /** As another hand: an update by that manager, or an apply of its own. */
  edit(name: string, manager: string, changes: Leaves, isApply = false): void {
    const before = this.objects.get(name)
    if (before === undefined) return
    const write = isApply ? applyTo : updateOf
    this.#store(before, write(before, manager, changes, this.#clock.nowMs()))
  }

  /** Made by another hand, with nothing that says whose it is. */
  squat(object: KubeObject): void {
    const name = nameOf(object)
    if (this.objects.has(name)) return
    this.#store(undefined, updateOf(this.#newObject(object), 'somebody', leavesOf(object), this.#clock.nowMs()))
  }

  setStatus(name: string, status: object): void {
    const before = this.objects.get(name)
    if (before === undefined || JSON.stringify(before.status) === JSON.stringify(status)) return
    this.#store(before, { ...before, status })
  }

  /** Answers whether it was that very object, where a version is given. */
  remove(name: string, { uid, version }: { uid?: string | undefined; version?: string | undefined } = {}): boolean {
    const held = this.objects.get(name)
    if (held === undefined || (uid !== undefined && held.uid !== uid)) return false
    if (version !== undefined && held.version !== version) throw conflict(`${name} changed`)
    this.objects.delete(name)
    if (isLabelled(held)) this.#tell({ path: pathOf(held), type: 'remove', object: metadataOf(held) })
    return true
  }

  #assertFree(before: HeldObject, object: KubeObject): void {
    const refuse = (reason: 'OwnedByAnother' | 'NotOurs' | 'FieldConflict') =>
      new AppError({ kind: 'waiting', reason, message: `${nameOf(object)}: ${reason}` })
    const ownership = ownershipOf(toKubeObject(before), object)
    if (ownership.kind === 'another') throw refuse('OwnedByAnother')
    if (ownership.kind === 'notOurs') throw refuse('NotOurs')
    const held = conflictsOf(before, fieldManager, leavesOf(object))
    if (held.some(({ operation }) => operation === 'Apply')) throw refuse('FieldConflict')
  }

  #newObject({ apiVersion, kind, metadata: { name } }: KubeObject): HeldObject {
    const counts = kind === 'Deployment' ? { generation: 0 } : {}
    return { apiVersion, kind, namespace, name, uid: '', version: '', ...counts, leaves: new Map(), owners: [] }
  }

  #store(before: HeldObject | undefined, after: HeldObject): HeldObject {
    if (before === after) return after
    const isSpec = before === undefined || specOf(before) !== specOf(after)
    const held = {
      ...after,
      uid: before?.uid ?? this.#newUid(),
      version: this.#newVersion(),
      ...(after.generation !== undefined && { generation: after.generation + Number(isSpec) }),
    }
    const name = `${held.kind}/${held.name}`
    this.objects.set(name, held)
    // Without the label it is gone for those who watch by it.
    if (isLabelled(held)) this.#tell({ path: pathOf(held), type: 'put', object: metadataOf(held) })
    else if (before !== undefined && isLabelled(before)) {
      this.#tell({ path: pathOf(held), type: 'remove', object: metadataOf({ ...before, version: held.version }) })
    }
    this.onWritten(name)
    return held
  }

  #deliveryAs(uid: string, resourceVersion: string): Delivery {
    const { delivery } = this
    if (
      delivery !== undefined &&
      delivery.metadata.uid === uid &&
      delivery.metadata.resourceVersion === resourceVersion
    ) {
      return delivery
    }
    throw conflict('the Delivery changed')
  }

  #putDelivery(delivery: Delivery): Delivery {
    const metadata = { ...delivery.metadata, resourceVersion: this.#newVersion() }
    this.delivery = { ...delivery, metadata }
    this.#tell({ path: deliveriesPath, type: 'put', object: this.delivery as unknown as KubeObject })
    return this.delivery
  }

  #dropDelivery(delivery: Delivery): void {
    this.delivery = undefined
    this.copies.clear()
    const metadata = { ...delivery.metadata, resourceVersion: this.#newVersion() }
    this.#tell({ path: deliveriesPath, type: 'remove', object: { ...delivery, metadata } })
  }

  #annotateNamespace(name: string, annotations: Annotations): void {
    const uid = `uid-of-${name}`
    const metadata = { name, uid, annotations, resourceVersion: this.#newVersion() }
    const object = { apiVersion: 'v1', kind: 'Namespace', metadata }
    this.namespaces.set(name, object)
    this.#tell({ path: namespacesPath, type: 'put', object })
  }

  #tell(change: Change): void {
    for (const listener of this.listeners) listener(change)
  }

  #newVersion(): string {
    this.#versions += 1
    return String(this.#versions)
  }

  #newUid(): string {
    this.#uids += 1
    return `uid-${this.#uids}`
  }
}

export function nameOf({ kind, metadata: { name } }: Pick<KubeObject, 'kind' | 'metadata'>): string {
  return `${kind}/${name}`
}

function changed(before: Annotations | undefined, changes: Readonly<Record<string, string | undefined>>): Annotations {
  const entries = Object.entries({ ...before, ...changes })
  return Object.fromEntries(entries.flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])))
}

function specOf({ leaves }: HeldObject): string {
  return JSON.stringify([...leaves].filter(([path]) => path.startsWith('f:spec')).sort(([a], [b]) => (a < b ? -1 : 1)))
}

function pathOf({ apiVersion, kind }: HeldObject): string {
  const supported = findSupportedKind(apiVersion, kind)
  if (supported === undefined) throw new Error(`no history holds a ${kind}`)
  return collectionPath(supported)
}

function isLabelled({ leaves }: HeldObject): boolean {
  return leaves.has(`f:metadata\nf:labels\nf:${deliveryLabel}`)
}

function metadataOf(held: HeldObject): KubeObject {
  const { metadata } = toKubeObject(held)
  return { apiVersion: 'meta.k8s.io/v1', kind: 'PartialObjectMetadata', metadata }
}

function conflict(message: string): AppError {
  return new AppError({ kind: 'retryable', reason: 'ApiConflict', message })
}
