/** What the reconciler asks of the API server; the adapters stand beside this file. */

import type { Delivery, DeliveryStatus } from '../api/delivery.ts'
import type { KubeObject, ObjectReference } from '../api/object.ts'
import type { AppError } from '../core/errors.ts'

export type { KubeObject, ManagedFieldsEntry, ObjectReference } from '../api/object.ts'

/** The tenant's account as which a call is made, by impersonation: `system:serviceaccount:NAMESPACE:NAME`. */
export interface Tenant {
  readonly namespace: string
  readonly serviceAccountName: string
}

export interface ApplyOptions {
  readonly tenant: Tenant
  readonly dryRun?: boolean
  /** Take back fields that an update manager holds. Apply managers' fields are never forced: see FieldConflict. */
  readonly force?: boolean
  /** Take over an object that kubectl or Helm made: see core/adoption.ts. */
  readonly adopt?: boolean
  /**
   * What a dry run just found there: saves the read, and the write fails where the object is another one by now. Where
   * it found nothing there is nothing to lock, so that it is read again right before the write. Two
   * Deliveries take turns at that; what another tool makes within that moment is still merged with. Where it found that
   * nothing would change, managed fields included, nothing is written: what changes after it, the watch tells.
   */
  readonly seen?: Pick<DryRun, 'live'> & Partial<Pick<DryRun, 'result'>>
  /** Looked at before what stands is written over: throws AppError where it must not be. */
  readonly assertWritable?: (live: KubeObject) => void
  readonly signal: AbortSignal
}

export interface DryRun {
  readonly object: KubeObject
  /** As it stands; undefined where it is not there yet. */
  readonly live: KubeObject | undefined
  /** As it would be. */
  readonly result: KubeObject
}

/** Reads under way, by the path of the object. */
export type ReadAhead = ReadonlyMap<string, Promise<KubeObject | undefined>>

/** Reads and writes of a tenant's objects. Throws AppError alone. */
export interface ObjectStore {
  get(reference: ObjectReference, tenant: Tenant, signal: AbortSignal): Promise<KubeObject | undefined>
  /** Begins to read what a dry run will want to know; where that fails, the dry run that needs it does. */
  readAhead(references: readonly ObjectReference[], tenant: Tenant, signal: AbortSignal): ReadAhead
  /**
   * Asks of every object whether it could be applied, and writes nothing. All are asked, so that the error tells how
   * many were refused. What was read ahead is not read again.
   */
  dryRunAll(
    objects: readonly KubeObject[],
    options: Pick<ApplyOptions, 'tenant' | 'force' | 'adopt' | 'signal'> & { readonly ahead?: ReadAhead | undefined },
  ): Promise<readonly DryRun[]>
  /**
   * Server-side apply with our one field manager; answers the object as the server holds it afterwards. The object
   * carries the owner annotation of its Delivery, by which a live object is known as ours: NotOurs, OwnedByAnother.
   */
  apply(object: KubeObject, options: ApplyOptions): Promise<KubeObject>
  /** The HorizontalPodAutoscalers of the tenant's namespace, whoever made them. */
  autoscalers(tenant: Tenant, signal: AbortSignal): Promise<readonly KubeObject[]>
  /** The pods that a workload selects. */
  podsOf(workload: KubeObject, tenant: Tenant, signal: AbortSignal): Promise<readonly KubeObject[]>
  /** Deletes only that very object: uid and resourceVersion are preconditions. False where it is gone or another. */
  remove(object: KubeObject, tenant: Tenant, signal: AbortSignal): Promise<boolean>
}

export type WatchEvent<T> =
  | { readonly type: 'added' | 'modified' | 'deleted'; readonly object: T }
  /** The store is complete again after a (re)list; what it no longer holds was reported as deleted. */
  | { readonly type: 'synced' }

export interface WatchRequest {
  /** e.g. `/apis/apps/v1/namespaces/default/pods`; without a namespace for the whole cluster. */
  readonly path: string
  readonly labelSelector?: string
  readonly fieldSelector?: string
  /** Ask for PartialObjectMetadata (meta.k8s.io/v1): then that is the `kind` of what comes, whatever it is part of. */
  readonly metadataOnly?: boolean
  /** Watch as this tenant instead of as the reconciler. */
  readonly tenant?: Tenant
  /** Watches that come and go in numbers have sockets of their own. */
  readonly lane?: 'watches' | 'pods'
}

/** A list-and-watch loop that keeps a store until its signal aborts, and starts again by itself on every failure. */
export interface Watch<T> {
  /** Resolves when the first list is complete; rejects where the signal aborts before. */
  readonly synced: Promise<void>
  /** Why it does not follow just now; it goes on trying. */
  readonly problem: AppError | undefined
  /** By `namespace/name`, or `name` where there is no namespace. */
  get(key: string): T | undefined
  list(): readonly T[]
}

export interface WatchSource {
  watch<T extends KubeObject>(
    request: WatchRequest,
    onEvent: (event: WatchEvent<T>) => void,
    signal: AbortSignal,
  ): Watch<T>
}

/** A container whose log is wanted. */
export interface LogRequest {
  readonly pod: string
  readonly container: string
  /** Of the run before the one that goes on. */
  readonly wantsPreviousLog: boolean
}

/** What a rollout asks of its pods, as the tenant. Throws AppError alone. */
export interface PodSource {
  /** The pods that a workload selects, watched for as long as its rollout lasts. */
  watchPods(
    workload: KubeObject,
    tenant: Tenant,
    onEvent: (event: WatchEvent<KubeObject>) => void,
    signal: AbortSignal,
  ): Watch<KubeObject>
  /** Metadata of the ReplicaSets that a Deployment selects. */
  replicaSets(deployment: KubeObject, tenant: Tenant, signal: AbortSignal): Promise<readonly KubeObject[]>
  /** Events of type Warning that regard an object, in no order, bounded in number. */
  warnings(regarding: KubeObject, tenant: Tenant, signal: AbortSignal): Promise<readonly KubeObject[]>
  /** The last lines that a container wrote, 2 KiB at most; undefined where there are none to be had. */
  lastLog(request: LogRequest, tenant: Tenant, signal: AbortSignal): Promise<string | undefined>
  /** Deletes only that very pod, as it was read. False where it is gone or another. */
  remove(pod: KubeObject, tenant: Tenant, signal: AbortSignal): Promise<boolean>
}

export interface StatusWriter {
  /**
   * Replaces the status of a Delivery as it was read, and answers the Delivery as it then stands. Nothing is sent where
   * the status is the same. Throws AppError, of reason ApiConflict where the Delivery has changed since.
   */
  write(delivery: Delivery, status: DeliveryStatus, signal: AbortSignal): Promise<Delivery>
  /** The Delivery as it is now; undefined where it is gone. */
  read(delivery: Delivery, signal: AbortSignal): Promise<Delivery | undefined>
}

export interface FinalizerWriter {
  /** Sets or removes our finalizer on the Delivery as it was read; answers it as it then stands. */
  write(delivery: Delivery, isWanted: boolean, signal: AbortSignal): Promise<Delivery>
}

/** A copy of a release's objects that is kept in the cluster. */
export interface Snapshot {
  readonly name: string
  /** Hex SHA-256 of what it holds: kept in status, and compared on use. */
  readonly hash: string
}

/** Copies of releases, owned by their Delivery: they go with it, and going back needs no registry. */
export interface SnapshotStore {
  /** The same objects make the same snapshot, which is not written twice. */
  save(delivery: Delivery, objects: readonly KubeObject[], signal: AbortSignal): Promise<Snapshot>
  /** Undefined where it is gone, or holds something else than was saved. */
  load(delivery: Delivery, snapshot: Snapshot, signal: AbortSignal): Promise<readonly KubeObject[] | undefined>
  /** Deletes all of this Delivery's snapshots but those. */
  prune(delivery: Delivery, keep: readonly Snapshot[], signal: AbortSignal): Promise<void>
}

export interface EventRequest {
  readonly regarding: KubeObject
  readonly type: 'Normal' | 'Warning'
  readonly reason: string
  /** What was done, in one word: Apply, Await, Poll. */
  readonly action: string
  readonly note: string
}

export interface EventSink {
  /** Never throws and never waits for the API server; an Event that can't be written is logged and counted. */
  emit(event: EventRequest): void
}

/** The lease of the one leader (coordination.k8s.io/v1). */
export interface Leadership {
  /** True from acquisition until loss; by a monotonic clock, false from the renew deadline on. */
  readonly isLeader: boolean
  /** `spec.leaseTransitions` of the lease held: grows with every change of leader. */
  readonly epoch: number
  /** Aborted when the lease is lost or given up; every write of this term carries it. */
  readonly signal: AbortSignal
}
