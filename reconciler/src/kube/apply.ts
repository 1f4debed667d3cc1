/**
 * A tenant's objects, read and written as the tenant, by server-side apply.
 * https://kubernetes.io/docs/reference/using-api/server-side-apply/
 */
import { isDeepStrictEqual } from 'node:util'
import { fieldManager } from '../api/annotations.ts'
import type { ObjectReference } from '../api/object.ts'
import { adoptability, isAdoptable, isAdoptedManager } from '../core/adoption.ts'
import { AppError } from '../core/errors.ts'
import { autoscaled, objectKey } from '../core/replicas.ts'
import { refusedError, type Answer, type KubeClient, type KubeRequest } from './client.ts'
import { describeHeld, heldFields } from './field-conflict.ts'
import { managedFieldsBefore, managedFieldsRequest } from './managed-fields.ts'
import { ownershipOf } from './ownership.ts'
import { displayName, objectPath } from './paths.ts'
import { podSelector } from './pods.ts'
import type { ApplyOptions, DryRun, KubeObject, ObjectStore, ReadAhead, Tenant } from './ports.ts'
import { isFieldConflict, type RefusalCause } from './refusal.ts'

// As many as the transport has sockets for, less some for what else is going on.
const dryRunsAtOnce = 8
const readsAtOnce = 8

export function createObjectStore(client: KubeClient): ObjectStore {
  const turns = new Map<string, Promise<unknown>>()

  /** One at a time for an object: two Deliveries that begin together may both want to make it. */
  async function inTurn<T>(path: string, work: () => Promise<T>): Promise<T> {
    const before = turns.get(path) ?? Promise.resolve()
    const mine = before.then(work, work)
    turns.set(path, mine)
    try {
      return await mine
    } finally {
      if (turns.get(path) === mine) turns.delete(path)
    }
  }

  async function get(reference: ObjectReference, tenant: Tenant, signal: AbortSignal): Promise<KubeObject | undefined> {
    const request = { ...requestOf(reference, 'read'), method: 'GET', tenant, signal } as const
    const answer = await client.send<KubeObject>(request)
    if (answer.ok) return answer.body
    if (answer.refusal.code === 404) return undefined
    throw refusedError(answer.refusal, request)
  }

  async function autoscalers(tenant: Tenant, signal: AbortSignal): Promise<readonly KubeObject[]> {
    const request = {
      method: 'GET',
      path: `/apis/autoscaling/v2/namespaces/${encodeURIComponent(tenant.namespace)}/horizontalpodautoscalers`,
      what: `list HorizontalPodAutoscalers of namespace ${tenant.namespace}`,
      tenant,
      signal,
    } as const
    const { items } = await client.request<{ readonly items: readonly KubeObject[] | null }>(request)
    // The items of a list do not say what they are.
    return (items ?? []).map((item) => ({ ...item, apiVersion: 'autoscaling/v2', kind: 'HorizontalPodAutoscaler' }))
  }

  async function apply(object: KubeObject, options: ApplyOptions): Promise<KubeObject> {
    const { seen, tenant, signal } = options
    if (seen?.live !== undefined && managedFieldsBefore(seen.live, object, options) === undefined) {
      return isDeepStrictEqual(seen.live, seen.result) ? seen.live : applyOver(object, seen.live, options)
    }
    const reference = referenceOf(object)
    // A create has no lock: what another made since the dry run would be merged with, and taken over.
    return inTurn(objectPath(reference), async () => {
      const live = await get(reference, tenant, signal)
      if (seen?.live !== undefined && live?.metadata.uid !== seen.live.metadata.uid) throw movedError(object)
      return applyOver(object, live && (await prepareFields(live, object, options)), options)
    })
  }

  async function prepareFields(live: KubeObject, object: KubeObject, options: ApplyOptions): Promise<KubeObject> {
    assertReplaceable(live, object, options)
    const managedFields = managedFieldsBefore(live, object, options)
    if (managedFields === undefined) return live
    return client.request<KubeObject>(managedFieldsRequest(live, managedFields, referenceOf(object), options))
  }

  async function applyOver(
    object: KubeObject,
    live: KubeObject | undefined,
    options: ApplyOptions,
  ): Promise<KubeObject> {
    if (live !== undefined) assertReplaceable(live, object, options)
    // Without its uid an object that was deleted meanwhile would be made anew, and one made anew be taken over.
    const request = applyRequest(object, { uid: live?.metadata.uid }, options)
    const answer = await client.send<KubeObject>(request)
    if (answer.ok) return answer.body
    if (options.force === true && isFieldConflict(answer.refusal)) return takeBack(object, options)
    throw refusedError(answer.refusal, request)
  }

  /** Forces, where every field in conflict is drift, and only over the very version in which it was seen to be. */
  async function takeBack(object: KubeObject, options: ApplyOptions): Promise<KubeObject> {
    const { tenant, signal } = options
    const live = await get(referenceOf(object), tenant, signal)
    if (live === undefined) throw movedError(object)
    assertReplaceable(live, object, options)
    const { uid, resourceVersion } = live.metadata
    const locked = { uid, resourceVersion }
    const probe = applyRequest(object, locked, { ...options, dryRun: true })
    const conflict = await client.send<KubeObject>(probe)
    if (!conflict.ok) {
      if (!isFieldConflict(conflict.refusal)) throw refusedError(conflict.refusal, probe)
      const isAdopted = options.adopt === true && isAdoptable(live)
      const fixed = heldFields(conflict.refusal.causes, live).filter(
        ({ manager, isDrift }) => !isDrift && !(isAdopted && isAdoptedManager(manager)),
      )
      if (fixed.length > 0) throw conflictError(object, describeHeld(fixed))
      // Whoever asked for this number asked for autoscalers before; one may have come, and scaled, since.
      if (
        conflict.refusal.causes.some(isOfReplicas) &&
        autoscaled(await autoscalers(tenant, signal)).has(objectKey(object))
      ) {
        throw scaledError(object)
      }
    }
    const request = applyRequest(object, locked, options)
    return bodyOf(await client.send<KubeObject>({ ...request, query: { ...request.query, force: true } }), request)
  }

  async function dryRun(object: KubeObject, ahead: ReadAhead | undefined, options: ApplyOptions): Promise<DryRun> {
    const reference = referenceOf(object)
    const live = await (ahead?.get(objectPath(reference)) ?? get(reference, options.tenant, options.signal))
    return { object, live, result: await applyOver(object, live, { ...options, dryRun: true }) }
  }

  return {
    get,
    apply,
    readAhead(references, tenant, signal) {
      const reads = new Map<string, Promise<KubeObject | undefined>>()
      const lanes = Array.from({ length: readsAtOnce }, () => Promise.resolve<unknown>(undefined))
      for (const [i, reference] of references.entries()) {
        const lane = i % readsAtOnce
        const read = (lanes[lane] ?? Promise.resolve()).then(() => get(reference, tenant, signal))
        lanes[lane] = read.catch(() => undefined)
        reads.set(objectPath(reference), read)
      }
      return reads
    },
    async dryRunAll(objects, { ahead, ...options }) {
      const runs: DryRun[] = []
      const errors: AppError[] = []
      const next = objects.entries()
      const work = async () => {
        for (const [index, object] of next) {
          try {
            runs[index] = await dryRun(object, ahead, options)
          } catch (error) {
            if (!(error instanceof AppError)) throw error
            errors[index] = error
          }
        }
      }
      await Promise.all(Array.from({ length: dryRunsAtOnce }, work))
      if (errors.length > 0) throw gravestOf(Object.values(errors), objects.length)
      return runs
    },
    autoscalers,
    async podsOf(workload, tenant, signal) {
      const request = {
        method: 'GET',
        path: `/api/v1/namespaces/${encodeURIComponent(tenant.namespace)}/pods`,
        query: { labelSelector: podSelector(workload) },
        what: `list the pods of ${displayName(referenceOf(workload))}`,
        tenant,
        signal,
      } as const
      const { items } = await client.request<{ readonly items: readonly KubeObject[] | null }>(request)
      return items ?? []
    },
    async remove(object, tenant, signal) {
      const { uid, resourceVersion } = object.metadata
      if (uid === undefined || resourceVersion === undefined) throw new Error('only an object that was read is deleted')
      const reference = referenceOf(object)
      const request = {
        ...requestOf(reference, 'delete'),
        method: 'DELETE',
        body: { preconditions: { uid, resourceVersion }, propagationPolicy: 'Background' },
        tenant,
        signal,
      } as const
      const answer = await client.send(request)
      if (answer.ok) return true
      if (answer.refusal.code === 404) return false
      if (answer.refusal.code === 409 && (await get(reference, tenant, signal))?.metadata.uid !== uid) return false
      throw refusedError(answer.refusal, request)
    },
  }
}

interface Preconditions {
  readonly uid?: string | undefined
  readonly resourceVersion?: string | undefined
}

function applyRequest(
  object: KubeObject,
  { uid, resourceVersion }: Preconditions,
  { tenant, dryRun, signal }: ApplyOptions,
): KubeRequest {
  const metadata = {
    ...object.metadata,
    ...(uid !== undefined && { uid }),
    ...(resourceVersion !== undefined && { resourceVersion }),
  }
  return {
    ...requestOf(referenceOf(object), dryRun === true ? 'dry-run' : 'apply'),
    method: 'PATCH',
    query: { fieldManager, fieldValidation: 'Strict', force: false, ...(dryRun === true && { dryRun: 'All' }) },
    // JSON is YAML.
    contentType: 'application/apply-patch+yaml',
    body: { ...object, metadata },
    tenant,
    signal,
  }
}

function requestOf(reference: ObjectReference, verb: string) {
  return { path: objectPath(reference), what: `${verb} ${displayName(reference)}` }
}

function referenceOf({ apiVersion, kind, metadata: { namespace, name } }: KubeObject): ObjectReference {
  if (namespace === undefined) throw new Error(`${kind} ${name} has no namespace`)
  return { apiVersion, kind, namespace, name }
}

function bodyOf<T>(answer: Answer<T>, request: KubeRequest): T {
  if (answer.ok) return answer.body
  throw refusedError(answer.refusal, request)
}

function assertReplaceable(
  live: KubeObject,
  desired: KubeObject,
  { adopt = false, assertWritable }: Pick<ApplyOptions, 'adopt' | 'assertWritable'>,
): void {
  const subject = displayName(referenceOf(desired))
  const ownership = ownershipOf(live, desired)
  if (ownership.kind === 'another') {
    const message = `${subject} belongs to another Delivery (${ownership.owner}); take it out of one of the two`
    throw new AppError({ kind: 'waiting', reason: 'OwnedByAnother', message })
  }
  if (ownership.kind === 'notOurs') {
    const why = adopt
      ? reasonToRefuse(live)
      : 'set spec.adopt where kubectl or Helm made it; else delete it or rename ours'
    if (why !== undefined) {
      const message = `${subject} is there already and was not applied by this Delivery: ${why}`
      throw new AppError({ kind: 'waiting', reason: 'NotOurs', message })
    }
  }
  if (live.metadata.deletionTimestamp !== undefined) {
    const message = `${subject} is being deleted; it is applied again once it is gone`
    throw new AppError({ kind: 'retryable', reason: 'ApiConflict', message })
  }
  assertWritable?.(live)
}

/** Undefined where it may be taken over. */
function reasonToRefuse(live: KubeObject): string | undefined {
  const found = adoptability(live)
  return found.kind === 'adoptable' ? undefined : `it is not taken over, for ${found.why}; delete it or rename ours`
}

function conflictError(object: KubeObject, held: string): AppError {
  const message = `${displayName(referenceOf(object))}: ${held}; an apply manager’s fields are never forced`
  return new AppError({ kind: 'waiting', reason: 'FieldConflict', message })
}

function isOfReplicas({ field }: RefusalCause): boolean {
  return field === '.spec.replicas'
}

function scaledError(object: KubeObject): AppError {
  const message = `${displayName(referenceOf(object))} is scaled by an autoscaler that came while it was applied`
  return new AppError({ kind: 'retryable', reason: 'ApiConflict', message })
}

function movedError(object: KubeObject): AppError {
  const message = `${displayName(referenceOf(object))} was deleted while it was applied`
  return new AppError({ kind: 'retryable', reason: 'ApiConflict', message })
}

/** What may pass by itself comes first: the others may look different then. */
function gravestOf(errors: readonly AppError[], total: number): AppError {
  const passing = errors.find(({ kind }) => kind === 'aborted' || kind === 'retryable')
  const first = passing ?? errors[0]
  if (first === undefined) throw new Error('no error to choose from')
  if (errors.length === 1) return first
  return new AppError({
    kind: first.kind,
    reason: first.reason,
    message: `${first.message} (and ${errors.length - 1} more of ${total} objects)`,
    ...(first.retryAfterMs !== undefined && { retryAfterMs: first.retryAfterMs }),
    cause: first,
  })
}
