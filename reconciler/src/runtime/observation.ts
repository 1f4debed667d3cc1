import type { Delivery, InventoryEntry, RolloutStatus } from '../api/delivery.ts'
import type { KubeObject } from '../api/object.ts'
import { parseTime } from '../api/time.ts'
import type { Desired } from '../core/desired.ts'
import { healthOf, summariseHealth, type Health, type NamedHealth } from '../core/health.ts'
import { currentEntries, entryKey, referenceOf } from '../core/inventory.ts'
import type { DriftedObject, Observed, RegistryView, RolloutView } from '../core/observed.ts'
import { ownedFieldsHash } from '../core/owned-fields.ts'
import { isAwaited } from '../core/releases.ts'
import { autoscaled, isScaled, objectKey } from '../core/replicas.ts'
import type { ObjectStore, Tenant } from '../kube/ports.ts'
import type { Clock } from './clock.ts'
import { refusalsOf, seenHealth, type Memory } from './memory.ts'
import type { ObjectTracker } from './object-tracker.ts'
import { findRunning } from './recovery.ts'
import type { RolloutPods } from './rollout-pods.ts'

export interface ObservationScope {
  readonly key: string
  readonly tracker: ObjectTracker
  readonly objects: Pick<ObjectStore, 'get' | 'autoscalers'>
  readonly rolloutPods: Pick<RolloutPods, 'look' | 'release'>
  readonly registry: RegistryView
  readonly memory: Memory
  readonly clock: Pick<Clock, 'nowMs' | 'monotonicMs'>
  readonly tenant: Tenant
  readonly signal: AbortSignal
}

/** What is known of the world, read where it may have changed; throws AppError where something could not be read. */
export async function observe(delivery: Delivery, desired: Desired, scope: ObservationScope): Promise<Observed> {
  const { status = {} } = delivery
  const { registry, memory, clock } = scope
  const { trouble } = memory
  const base = {
    status,
    registry,
    refusals: refusalsOf(memory, clock),
    ...(trouble !== undefined && { trouble }),
  }
  const { rollout, inventory = [], current } = status
  scope.tracker.forgetLeft(scope.key, inventory)
  if (rollout?.phase !== 'Waiting' || desired.isDeleting) scope.rolloutPods.release(scope.key)
  if (desired.isDeleting || desired.work.kind === 'invalid') return { ...base, drift: [] }

  if (rollout !== undefined && isAwaited(rollout)) {
    const isFirst = current === undefined
    return { ...base, ...(await viewRollout(rollout, currentEntries(inventory), { ...scope, isFirst })) }
  }
  // While objects are written, or where a release failed in the midst of it, they differ because of us.
  const isWritten = rollout?.phase === 'Failed' && rollout.revision.appliedAt !== undefined
  const isSettled = rollout === undefined || rollout.phase === 'Pruning' || isWritten
  const found = await findRunning(delivery, desired.work, scope)
  return {
    ...base,
    ...(found !== undefined && { found }),
    drift: isSettled ? await findDrift(currentEntries(inventory), scope) : [],
  }
}

interface RolloutScope extends ObservationScope {
  /** No release was ever ready. */
  readonly isFirst: boolean
}

async function viewRollout(
  rollout: RolloutStatus,
  entries: readonly InventoryEntry[],
  scope: RolloutScope,
): Promise<{ readonly rollout: RolloutView; readonly drift: readonly DriftedObject[] }> {
  const sinceMs = parseTime(rollout.revision.appliedAt ?? '')
  const options = sinceMs === undefined ? {} : { sinceMs }
  const read = await Promise.all(
    entries.map(async (entry) => ({
      entry,
      found: await readHealth(entry, scope, (object) => healthOf(object, options)),
    })),
  )
  const named = read.flatMap(({ entry, found }): NamedHealth[] =>
    found === undefined ? [] : [{ name: `${entry.kind}/${entry.name}`, health: found.health }],
  )
  const { namespace } = scope.tenant
  const missing = read.filter(({ found }) => found === undefined)
  const changed = read.filter(({ found }) => found?.isChanged === true)
  const health = summariseHealth(named)
  const pods =
    rollout.phase === 'Waiting' && health.state !== 'current' ? await lookAtPods(rollout, entries, scope) : {}
  return {
    rollout: {
      health,
      missing: missing.map(({ entry }) => referenceOf(entry, namespace)),
      sinceMs: lookedAtSince(rollout, scope),
      ...pods,
    },
    drift: changed.map(({ entry }) => ({ ...referenceOf(entry, namespace), isMissing: false })),
  }
}

function lookedAtSince({ startedAt }: RolloutStatus, { memory, clock }: RolloutScope): number {
  if (memory.awaited?.startedAt !== startedAt) memory.awaited = { startedAt, sinceMs: clock.nowMs() }
  return memory.awaited.sinceMs
}

async function lookAtPods(
  { revision, startedAt, purpose }: RolloutStatus,
  entries: readonly InventoryEntry[],
  { key, memory, rolloutPods, isFirst, tenant, signal }: RolloutScope,
): Promise<Pick<RolloutView, 'pods'>> {
  const request = {
    workloads: [...memory.healths.values()].flatMap(({ object }) => object ?? []),
    bundled: new Set(entries.map(({ kind, name }) => `${kind}/${name}`)),
    sinceMs: parseTime(revision.appliedAt ?? startedAt) ?? 0,
    isGoingBack: purpose === 'GoBack',
    isFirst,
    tenant,
  }
  return { pods: await rolloutPods.look(key, request, signal) }
}

/** Read in full, as the tenant, only where the watch told another version; undefined where the object is not there. */
async function readHealth(
  entry: InventoryEntry,
  scope: ObservationScope,
  judge: (object: KubeObject) => Health,
): Promise<{ readonly health: Health; readonly isChanged: boolean } | undefined> {
  const { key, tracker, objects, memory, tenant, signal } = scope
  const name = entryKey(entry)
  const known = memory.healths.get(name)
  if (known !== undefined && tracker.isLatest(key, name, known)) return known

  const toldBefore = tracker.toldOf(key, name)
  const object = await objects.get(referenceOf(entry, tenant.namespace), tenant, signal)
  if (object === undefined) {
    memory.healths.delete(name)
    return undefined
  }
  const found = seenHealth(object, {
    health: judge(object),
    isChanged: await isChanged(object, entry, scope),
    toldBefore,
  })
  memory.healths.set(name, found)
  return found
}

async function findDrift(
  entries: readonly InventoryEntry[],
  scope: ObservationScope,
): Promise<readonly DriftedObject[]> {
  const { key, tracker } = scope
  const suspects = entries.filter((entry) => tracker.isSuspect(key, entryKey(entry)))
  const found = await Promise.all(suspects.map((entry) => checkDrift(entry, scope)))
  return found.filter((drifted) => drifted !== undefined)
}

async function checkDrift(entry: InventoryEntry, scope: ObservationScope): Promise<DriftedObject | undefined> {
  const { key, tracker, objects, tenant, signal } = scope
  const reference = referenceOf(entry, tenant.namespace)
  const object = await objects.get(reference, tenant, signal)
  if (object === undefined) return { ...reference, isMissing: true }
  if (await isChanged(object, entry, scope)) return { ...reference, isMissing: false }
  tracker.verified(key, object)
  return undefined
}

/** Whether a field that we wrote holds something else, or is not ours any more, and that is not an autoscaler's work. */
async function isChanged(
  object: KubeObject,
  entry: InventoryEntry,
  { objects, tenant, signal }: ObservationScope,
): Promise<boolean> {
  if (entry.hash === undefined || ownedFieldsHash(object) !== entry.hash) return true
  if (!isScaled(object, entry)) return false
  return !autoscaled(await objects.autoscalers(tenant, signal)).has(objectKey(object))
}
