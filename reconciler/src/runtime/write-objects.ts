import type { DeliveryStatus, InventoryEntry } from '../api/delivery.ts'
import type { KubeObject, ObjectReference } from '../api/object.ts'
import { noteCorrections } from '../core/contested.ts'
import type { Work } from '../core/desired.ts'
import { AppError, troubleOf } from '../core/errors.ts'
import { healthOf } from '../core/health.ts'
import { entryKey } from '../core/inventory.ts'
import { ownedFieldsHash } from '../core/owned-fields.ts'
import type { Observed } from '../core/observed.ts'
import type { Plan } from '../core/plan.ts'
import { objectKey, ownedReplicas } from '../core/replicas.ts'
import { keepSnapshot, neededSnapshots } from '../core/releases.ts'
import { claimRollout, expectObjects, thawRollout, wroteObjects } from '../core/rollout.ts'
import type { DryRun, ObjectStore, SnapshotStore } from '../kube/ports.ts'
import type { TagSource } from '../registry/tag-source.ts'
import { seenHealth } from './memory.ts'
import { releasedObjects } from './released-objects.ts'
import type { ObjectTracker } from './object-tracker.ts'
import { leaveReplicas } from './replicas.ts'
import { rolloutOf, type Turn } from './turn.ts'

export interface WriteScope {
  readonly tags: TagSource
  readonly objects: ObjectStore
  readonly snapshots: SnapshotStore
  readonly tracker: ObjectTracker
}

/** Not written, by no passing fault: the release can't be. */
export type Refused = Pick<AppError, 'reason' | 'message'> | undefined

export type Write = Pick<DryRun, 'object'> & Partial<DryRun>

/**
 * Writes all objects of the rollout in status, from the beginning, from the copy of its release. What stands in the way
 * is remembered, so that it can be said when the time is up.
 */
export async function writeAgain(
  plan: Extract<Plan, { kind: 'apply' }>,
  work: Work,
  turn: Turn,
  scope: WriteScope & { readonly observed: Observed },
): Promise<Refused> {
  return minded(turn, async () => {
    const { revision } = rolloutOf(turn)
    const { objects, snapshot } = await releasedObjects(revision, work, turn, { ...scope, signal: turn.signal })
    const { tenant, signal } = turn
    const wanted = await leaveReplicas(objects, objects, { ...scope, tenant, signal })
    turn.memory.healths.clear()
    const { timeoutMs } = work
    const counted = keepSnapshot(countRewrites(turn, scope), revision, snapshot)
    const known = expectObjects(counted, objects.map(toEntry))
    const status = thawRollout(claimRollout(known, turn.leaseEpoch), { timeoutMs, nowMs: turn.nowMs() })
    const { reason, message, pending } = plan
    // What was in the way the last time is said until it is not: else every try would write status twice.
    const stance = turn.memory.trouble === undefined ? 'progressing' : 'unknown'
    await turn.write(status, { standing: { stance, reason, message }, pending })
    return writeAll(
      wanted.map((object) => ({ object })),
      plan,
      work,
      turn,
      scope,
    )
  })
}

/** In mid-wait objects are written again because of another hand: corrections like any other. */
function countRewrites(turn: Turn, { observed }: { readonly observed: Observed }): DeliveryStatus {
  const { status } = turn
  if (status.rollout?.phase !== 'Waiting') return status
  const unlike = [...observed.drift, ...(observed.rollout?.missing ?? [])]
  return { ...status, inventory: countCorrections(turn, unlike) }
}

/** In the inventory as it is about to be written, before the objects are: a restart loses no count. */
export function countCorrections(turn: Turn, objects: readonly ObjectReference[]): InventoryEntry[] {
  const { status, memory } = turn
  const uncounted = objects.filter((object) => !memory.counted.has(entryKey(object)))
  for (const object of uncounted) memory.counted.add(entryKey(object))
  return noteCorrections(status.inventory ?? [], uncounted, turn.nowMs())
}

/** The first time, with what the dry run just saw. */
export async function writeFirst(
  runs: readonly Write[],
  plan: Pick<Plan, 'pending'>,
  work: Work,
  turn: Turn,
  scope: WriteScope,
): Promise<Refused> {
  return minded(turn, () => writeAll(runs, plan, work, turn, scope))
}

export async function writeObject(
  object: KubeObject,
  turn: Turn,
  { objects, tracker }: Pick<WriteScope, 'objects' | 'tracker'>,
  { live, result }: Partial<DryRun> = {},
): Promise<InventoryEntry> {
  turn.assertWritable(object)
  const { tenant, signal, key, memory, desired } = turn
  const adopt = desired.work.kind === 'work' && desired.work.spec.adopt
  const seen = result === undefined ? {} : { seen: { live, result } }
  const toldBefore = tracker.toldOf(key, objectKey(object))
  const assertWritable = (found: KubeObject) => turn.assertNotPaused(found)
  const written = await objects.apply(object, { tenant, force: true, adopt, assertWritable, signal, ...seen })
  tracker.verified(key, written)
  memory.counted.delete(objectKey(written))
  const health = healthOf(written, { sinceMs: turn.nowMs() })
  memory.healths.set(objectKey(written), seenHealth(written, { health, isChanged: false, toldBefore }))
  const hash = ownedFieldsHash(written)
  const replicas = ownedReplicas(written)
  return {
    ...toEntry(written),
    ...(written.metadata.uid !== undefined && { uid: written.metadata.uid }),
    ...(hash !== undefined && { hash }),
    ...(replicas !== undefined && { replicas }),
  }
}

/** One after the other, so that what an object refers to is there before it. */
async function writeAll(
  runs: readonly Write[],
  { pending }: Pick<Plan, 'pending'>,
  work: Work,
  turn: Turn,
  scope: WriteScope,
): Promise<Refused> {
  const tidied = tidySnapshots(turn, scope)
  const entries: InventoryEntry[] = []
  try {
    for (const { object, ...seen } of runs) entries.push(await writeObject(object, turn, scope, seen))
  } catch (error) {
    if (!(error instanceof AppError) || error.kind !== 'terminal') throw error
    return { reason: error.reason, message: error.message }
  } finally {
    await tidied
  }
  const nowMs = turn.nowMs()
  const status = wroteObjects(turn.status, rolloutOf(turn), { entries, timeoutMs: work.timeoutMs, nowMs })
  const isBack = rolloutOf(turn).purpose === 'GoBack'
  const reason = isBack ? 'GoingBack' : 'RolloutProgressing'
  const message = 'all objects are written; their health is awaited'
  await turn.write(status, { standing: { stance: 'progressing', reason, message }, pending })
  return undefined
}

/** A copy too many does no harm and goes with the next release, so that nothing waits for its being gone. */
async function tidySnapshots(turn: Turn, { snapshots }: WriteScope): Promise<void> {
  try {
    await snapshots.prune(turn.delivery, neededSnapshots(turn.status), turn.signal)
  } catch (error) {
    if (!(error instanceof AppError)) throw error
    if (error.kind !== 'aborted') turn.log.warn({ reason: error.reason, err: error }, 'old copies not deleted')
  }
}

async function minded<T>(turn: Turn, work: () => Promise<T>): Promise<T> {
  try {
    const result = await work()
    delete turn.memory.trouble
    return result
  } catch (error) {
    const trouble = error instanceof AppError ? troubleOf(error) : undefined
    if (trouble !== undefined) {
      const { kind, reason, message } = trouble
      turn.memory.trouble = { kind, reason, message, atMs: turn.nowMs() }
    }
    throw error
  }
}

function toEntry({ apiVersion, kind, metadata: { name } }: KubeObject): InventoryEntry {
  return { apiVersion, kind, name }
}
