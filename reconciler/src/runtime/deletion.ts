import type { InventoryEntry } from '../api/delivery.ts'
import { supportedKindOf } from '../api/kinds.ts'
import type { KubeObject } from '../api/object.ts'
import { formatTime } from '../api/time.ts'
import { endingOf, hasFinalizer, wantsFinalizer } from '../core/deletion.ts'
import { AppError } from '../core/errors.ts'
import { readPause, type Pause } from '../core/pause.ts'
import type { FinalizerWriter, ObjectStore } from '../kube/ports.ts'
import type { Next } from './act.ts'
import { removeObject } from './prune.ts'
import type { Turn } from './turn.ts'
import type { World } from './world.ts'

export interface DeletionScope {
  readonly world: World
  readonly objects: Pick<ObjectStore, 'get' | 'remove'>
  readonly finalizers: FinalizerWriter
}

/** What is in the way passes or is mended by somebody, within the few minutes that there are. */
const againMs = 10_000
const mostNamed = 5
const isPausedWords = 'it is paused'

/** Before anything is delivered, for a Delivery may be deleted at any time after. */
export async function keepFinalizer(turn: Turn, finalizers: FinalizerWriter): Promise<void> {
  const { delivery, desired, signal } = turn
  const isWanted = wantsFinalizer(delivery)
  if (desired.isDeleting || isWanted === hasFinalizer(delivery)) return
  turn.wrote(await finalizers.write(delivery, isWanted, signal))
}

/** Of a Delivery that is being deleted: deletes what it delivered, where it says so, and lets it go. */
export async function endDelivery(turn: Turn, scope: DeletionScope): Promise<Next> {
  const { world } = scope
  const { namespace } = turn.tenant
  const pause = pauseOfWhole(turn, world)
  const ending = endingOf(turn.delivery, {
    pause,
    isNamespaceTerminating: world.isTerminating(namespace),
    nowMs: turn.nowMs(),
  })
  if (ending.kind === 'none') return { kind: 'onEvent' }
  if (ending.kind === 'release') return leaveAll(ending.why, turn, scope)

  const message = `what was delivered is deleted, until ${formatTime(ending.untilMs)} at most`
  // What is in the way is said until it is not.
  if (turn.memory.isEndingTold !== true) await say(turn, message)
  turn.memory.isEndingTold = true
  const { kept, forbidden, problems } = await removeAll(ending.untilMs, turn, scope)
  if (problems.length > 0) {
    await say(turn, `${message}; ${listOf(problems)}`)
    return { kind: 'after', ms: Math.max(0, Math.min(againMs, ending.untilMs - turn.nowMs())) }
  }
  if (forbidden.length > 0) turn.warn('Orphaned', `left behind: ${listOf(forbidden)}`)
  else turn.tell('Deleted', 'Delete', kept.length === 0 ? 'all is deleted' : `all is deleted but ${listOf(kept)}`)
  return release(turn, scope)
}

async function leaveAll(why: string, turn: Turn, scope: DeletionScope): Promise<Next> {
  const left = deliveredBy(turn, scope).map(({ kind, name }) => `${kind}/${name}`)
  turn.warn('Orphaned', `left behind, for ${why}: ${left.length === 0 ? 'nothing was delivered' : listOf(left)}`)
  return release(turn, scope)
}

async function release(turn: Turn, { finalizers }: DeletionScope): Promise<Next> {
  turn.log.info({}, 'finalizer removed')
  await finalizers.write(turn.delivery, false, turn.signal)
  return { kind: 'onEvent' }
}

/** Each in words, as `Kind/name: why`. */
interface Removed {
  readonly kept: readonly string[]
  /** The account is gone, or may not. */
  readonly forbidden: readonly string[]
  /** May come right yet. */
  readonly problems: readonly string[]
}

/** What lets traffic in goes first: the inventory is in the order in which objects are written. */
async function removeAll(untilMs: number, turn: Turn, scope: DeletionScope): Promise<Removed> {
  const removed = { kept: [] as string[], forbidden: [] as string[], problems: [] as string[] }
  for (const entry of deliveredBy(turn, scope).toReversed()) {
    const name = `${entry.kind}/${entry.name}`
    // Each request ends in time, and hundreds of them may not.
    if (turn.nowMs() >= untilMs) {
      removed.problems.push(`${name}: the time was up`)
      break
    }
    try {
      const why = isPaused(entry, turn, scope.world) ? isPausedWords : await removeOne(entry, turn, scope)
      if (why !== undefined) removed.kept.push(`${name}: ${why}`)
    } catch (error) {
      if (!(error instanceof AppError) || error.kind === 'aborted') throw error
      const isRights = error.reason === 'Impersonation' || error.reason === 'ServiceAccountNotFound'
      removed[isRights ? 'forbidden' : 'problems'].push(`${name}: ${error.message}`)
    }
  }
  return removed
}

/** Where status was lost, what the watch shows with our label; the mark of each tells whether it is ours to delete. */
function deliveredBy({ key, status }: Turn, { world }: DeletionScope): readonly InventoryEntry[] {
  if (status.inventory !== undefined) return status.inventory
  return world.objects.seenOf(key).flatMap(({ group, kind, name }) => {
    const supported = supportedKindOf(group, kind)
    return supported === undefined ? [] : [{ apiVersion: supported.apiVersion, kind, name }]
  })
}

async function removeOne(entry: InventoryEntry, turn: Turn, { world, objects }: DeletionScope) {
  return removeObject(entry, {
    turn,
    objects,
    // Where status was lost, or its label is gone, nothing but the object tells.
    whyKept: (object) => (turn.ownPauseOf(object).kind === 'paused' ? isPausedWords : undefined),
    assertRemovable: (object: KubeObject) => {
      if (turn.signal.aborted) throw turn.signal.reason
      const pause = pauseOfWhole(turn, world)
      if (pause.kind === 'running' && !isPaused(entry, turn, world)) return
      const message = `${object.kind}/${object.metadata.name} was paused before it was deleted`
      throw new AppError({ kind: 'aborted', reason: 'Paused', message })
    },
  })
}

/** By what stands on the Delivery, its Namespace and ours; a pause of one object keeps that object alone. */
function pauseOfWhole(turn: Turn, world: World): Pause {
  const latest = world.deliveries.get(turn.key) ?? turn.delivery
  const marks = world.pausesOf(latest).filter(({ object }) => object === undefined)
  return readPause(marks, turn.nowMs())
}

/** In either mode: what is deleted comes back by no release. */
function isPaused({ kind, name }: InventoryEntry, turn: Turn, world: World): boolean {
  const own = world.pausesOf(turn.delivery).filter(({ object }) => object === `${kind}/${name}`)
  return readPause(own, turn.nowMs()).kind === 'paused'
}

async function say(turn: Turn, message: string): Promise<void> {
  await turn.write(turn.status, {
    standing: { stance: 'progressing', reason: 'Deleting', message },
    pending: 'unknown',
    drift: 'unknown',
  })
}

function listOf(texts: readonly string[]): string {
  const more = texts.length - mostNamed
  return texts.slice(0, mostNamed).join('; ') + (more > 0 ? ` and ${more} more` : '')
}
