import { ownerAnnotation } from '../api/annotations.ts'
import type { HighWater, InventoryEntry, Revision } from '../api/delivery.ts'
import { maxInventory } from '../api/delivery.ts'
import type { KubeObject } from '../api/object.ts'
import { formatTime } from '../api/time.ts'
import type { Work } from '../core/desired.ts'
import { AppError } from '../core/errors.ts'
import { isDigest, isTag } from '../core/image-reference.ts'
import { currentEntries, entryKey, mergeInventory, referenceOf } from '../core/inventory.ts'
import { targetKey, type Target } from '../core/plan.ts'
import { quarantineMessage } from '../core/once-more.ts'
import { findQuarantined } from '../core/quarantine.ts'
import { objectKey } from '../core/replicas.ts'
import { toHighWater, toRevision, toSeen, type SeenImage } from '../core/releases.ts'
import type { DryRun, ObjectStore, ReadAhead, SnapshotStore } from '../kube/ports.ts'
import type { Tag, TagSource } from '../registry/tag-source.ts'
import { imageAsItRuns } from './adoption.ts'
import type { Clock } from './clock.ts'
import { withinTime } from './deadline.ts'
import { findManifests } from './manifest-source.ts'
import { renderRelease } from './render-release.ts'
import { withoutManifest } from './registry-read.ts'
import { releasedObjects } from './released-objects.ts'
import { leaveReplicas } from './replicas.ts'
import type { Turn } from './turn.ts'

/** How long the manifests of a new image are awaited: CI attaches them before it tags, so that they are late at worst. */
export const bundleWaitMs = 120_000

/** Of all reads and dry runs: each ends by itself, and there may be hundreds, while other tenants wait for the worker. */
export const longestPreparationMs = 60_000

export interface PreparationScope {
  readonly tags: TagSource
  readonly objects: ObjectStore
  readonly snapshots: SnapshotStore
  readonly clock: Pick<Clock, 'after'>
}

interface BoundedScope extends PreparationScope {
  /** Aborts when the time is up, too. */
  readonly signal: AbortSignal
}

/** A release of which all is known and that the API server would take: nothing is written yet. */
export interface Preparation {
  readonly revision: Revision
  readonly highWater: HighWater
  readonly entries: readonly InventoryEntry[]
  /** What a copy is kept of: what is left to an autoscaler may be another thing when it is needed. */
  readonly rendered: readonly KubeObject[]
  readonly dryRuns: readonly DryRun[]
}

/** Throws AppError where the release can't begin: `BundlePending` while its manifests may still come. */
export async function prepare(target: Target, work: Work, turn: Turn, scope: PreparationScope): Promise<Preparation> {
  const late = () => {
    const message = `the release could not be read and tried out within ${longestPreparationMs / 1_000} s, for the registry or the API server answers slowly; it is tried again`
    return new AppError({ kind: 'retryable', reason: 'RegistryUnavailable', message })
  }
  const deadline = { clock: scope.clock, ms: longestPreparationMs, signal: turn.signal, late }
  return withinTime(deadline, (signal) => prepareWithin(target, work, turn, { ...scope, signal }))
}

async function prepareWithin(target: Target, work: Work, turn: Turn, scope: BoundedScope): Promise<Preparation> {
  const { delivery, tenant } = turn
  const ahead = readAhead(target, turn, scope)
  const { revision, highWater, rendered } = await findRelease(target, work, turn, scope)
  const entries = rendered.map(({ apiVersion, kind, metadata: { name } }) => ({ apiVersion, kind, name }))
  const total = mergeInventory(delivery.status?.inventory ?? [], entries).length
  if (total > maxInventory) {
    // Where the release before is still rolled out, what it makes stale goes once it is ready.
    const message = `with what older releases left there would be ${total} objects, ${maxInventory} at most are kept count of; it waits until enough of them are pruned, or deleted where they are kept`
    throw new AppError({ kind: 'waiting', reason: 'BundleInvalid', message })
  }
  const { signal } = scope
  const wanted = await leaveReplicas(rendered, rendered, { ...scope, tenant })
  const dryRuns = await scope.objects.dryRunAll(wanted, {
    tenant,
    force: true,
    adopt: work.spec.adopt,
    signal,
    ahead,
  })
  return { revision, highWater, entries: entries.map((entry) => markAdopted(entry, dryRuns, turn)), rendered, dryRuns }
}

/** What another tool made is taken over by the release, and not deleted with it where that fails. */
function markAdopted(entry: InventoryEntry, dryRuns: readonly DryRun[], { status }: Turn): InventoryEntry {
  const live = dryRuns.find(({ object }) => objectKey(object) === entryKey(entry))?.live
  const isKnown = status.inventory?.some((known) => entryKey(known) === entryKey(entry)) === true
  if (live === undefined || isKnown || live.metadata.annotations?.[ownerAnnotation] !== undefined) return entry
  return { ...entry, adopted: true }
}

/**
 * Most releases hold the objects of the one before, which are read while the registry is asked for the new ones. At the
 * first try only: one that waits for its manifests would read them in vain again and again.
 */
function readAhead(target: Target, turn: Turn, { objects, signal }: BoundedScope): ReadAhead | undefined {
  const { delivery, memory, tenant } = turn
  if (memory.refusals.some((refusal) => refusal.target === targetKey(target))) return undefined
  const entries = currentEntries(delivery.status?.inventory ?? [])
  return objects.readAhead(
    entries.map((entry) => referenceOf(entry, tenant.namespace)),
    tenant,
    signal,
  )
}

type Release = Pick<Preparation, 'revision' | 'highWater' | 'rendered'>

async function findRelease(target: Target, work: Work, turn: Turn, scope: BoundedScope): Promise<Release> {
  const { delivery, status, tenant } = turn
  if (target.kind === 'again' && target.retry === undefined) {
    const { appliedAt: _, readyAt: __, ...revision } = target.revision
    const { objects } = await releasedObjects(revision, work, turn, scope)
    return { revision, highWater: status.highWater ?? toHighWater(toSeen(revision)), rendered: objects }
  }
  const { tags, objects, signal } = scope
  const manifestsOf = (image: Pick<SeenImage, 'tag' | 'digest'>) =>
    findManifests({ tags, objects, spec: work.spec, tenant, signal }, image)
  // What a poll saw is confirmed while its manifests are read: of one that is gone, they are not used.
  const ahead = target.kind === 'image' ? manifestsOf(target.image) : undefined
  ahead?.catch(() => {})
  const image = await findImage(target, work, turn, scope)
  const manifests = await (ahead ?? manifestsOf(image))
  if (manifests === undefined) throw withoutManifests(image, target, work, turn.nowMs())

  const revision = { ...toRevision(image, work.spec.image.repository), bundleDigest: manifests.digest }
  const entry = target.kind === 'image' ? findQuarantined(status, revision) : undefined
  if (entry !== undefined) {
    throw new AppError({ kind: 'waiting', reason: 'Quarantined', message: quarantineMessage(entry) })
  }
  const highWater = (target.kind === 'again' ? status.highWater : undefined) ?? toHighWater(image)
  const renderAs = (release: Revision) => renderRelease(manifests, release, delivery, work)
  return { highWater, ...(await takeOver(revision, renderAs, work, turn, scope)) }
}

/** Before anything was delivered, what runs the release already may be taken over as it is. */
async function takeOver(
  revision: Revision,
  renderAs: (revision: Revision) => readonly KubeObject[],
  { spec }: Work,
  { status, tenant }: Turn,
  { objects, signal }: BoundedScope,
): Promise<Pick<Release, 'revision' | 'rendered'>> {
  const rendered = renderAs(revision)
  if (!spec.adopt || status.current !== undefined) return { revision, rendered }
  const image = await imageAsItRuns(rendered, revision, { objects, tenant, signal })
  if (image === undefined) return { revision, rendered }
  const taken = { ...revision, image }
  return { revision: taken, rendered: renderAs(taken) }
}

type TagScope = Pick<BoundedScope, 'tags' | 'signal'>

async function findImage(target: Target, work: Work, turn: Turn, scope: TagScope): Promise<SeenImage> {
  if (target.kind === 'pin') return findPinned(target.pin, work, turn.nowMs(), scope)
  if (target.kind === 'image') return confirm(target.image, work, scope)
  if (target.kind === 'running') return findRunningImage(target, work, turn.nowMs(), scope)
  return toSeen(target.revision)
}

/** A tag that was deleted or moved since the poll is not rolled out: an operator may just have taken it back. */
async function confirm(image: SeenImage, work: Work, { tags, signal }: TagScope): Promise<SeenImage> {
  const tag = await tags.tag(work.spec.image.repository, image.tag, signal)
  if (tag?.digest === image.digest) return image
  const what = tag === undefined ? 'was deleted' : `was moved to ${tag.digest}`
  throw new AppError({
    kind: 'aborted',
    reason: 'Superseded',
    message: `tag ${image.tag} ${what} since it was seen; the registry is read again`,
  })
}

// Longer than any tag.
const longestPin = 150
const correctPin = 'correct or remove the annotation windlass.dev/pin'

async function findPinned(pin: string, work: Work, nowMs: number, { tags, signal }: TagScope): Promise<SeenImage> {
  const { repository } = work.spec.image
  if (isDigest(pin)) {
    const facts = await tags.image(repository, pin, signal)
    if (facts === undefined) throw notThereYet(`${repository} has no image ${pin}`)
    const { revision, sequence } = facts
    if (revision === undefined || !isTag(revision)) {
      throw unpinnable(
        `the image ${pin} has no annotation org.opencontainers.image.revision that names a tag; pin its tag`,
      )
    }
    const tag = await tags.tag(repository, revision, signal)
    return { ...placeOf(tag, nowMs), tag: revision, digest: pin, ...(sequence !== undefined && { sequence }) }
  }
  if (!isTag(pin)) throw unpinnable(`${JSON.stringify(clip(pin))} is neither a tag nor a digest; ${correctPin}`)
  const tag = await tags.tag(repository, pin, signal)
  if (tag === undefined) {
    const hint = isShortSha(pin) ? '; a tag is the whole SHA' : ''
    throw notThereYet(`${repository} has no tag ${pin}${hint}`)
  }
  const facts = await tags.image(repository, tag.digest, signal)
  if (facts === undefined) throw withoutManifest(repository, tag)
  const { sequence } = facts
  return { ...placeOf(tag, nowMs), tag: pin, digest: tag.digest, ...(sequence !== undefined && { sequence }) }
}

/** Its tag may be gone by now, or name another image: then it counts as pushed now, so that only what comes is newer. */
async function findRunningImage(
  { tag: name, digest }: Extract<Target, { kind: 'running' }>,
  work: Work,
  nowMs: number,
  { tags, signal }: TagScope,
): Promise<SeenImage> {
  const { repository } = work.spec.image
  const facts = await tags.image(repository, digest, signal)
  if (facts === undefined) {
    const message = `what runs, ${repository}:${name}@${digest}, is not in the registry any more; what is newest takes its place`
    throw new AppError({ kind: 'terminal', reason: 'ImageInvalid', message })
  }
  const tag = await tags.tag(repository, name, signal)
  const { sequence } = facts
  const place = placeOf(tag?.digest === digest ? tag : undefined, nowMs)
  return { ...place, tag: name, digest, ...(sequence !== undefined && { sequence }) }
}

/** As kubectl get and git log show a commit. */
function isShortSha(pin: string): boolean {
  return /^[0-9a-f]{7,39}$/.test(pin)
}

/** Status has a limit, an annotation hardly any. */
function clip(pin: string): string {
  return pin.length <= longestPin ? pin : `${pin.slice(0, longestPin)}…`
}

/** Where its tag is gone, an image that is pinned by digest counts as pushed now: what comes later is newer. */
function placeOf(tag: Tag | undefined, nowMs: number) {
  return { pushedAtMs: tag?.createdAtMs ?? nowMs, updatedAtMs: tag?.updatedAtMs ?? nowMs, seenAtMs: nowMs }
}

/** An operator may pin what CI is about to push: it is looked for again. */
function notThereYet(what: string): AppError {
  const message = `${what}; it is awaited; where it will not come, ${correctPin}`
  return new AppError({ kind: 'waiting', reason: 'PinNotFound', message })
}

/** What will never name an image to pin. */
function unpinnable(message: string): AppError {
  return new AppError({ kind: 'terminal', reason: 'PinNotFound', message })
}

function withoutManifests(image: SeenImage, target: Target, work: Work, nowMs: number): AppError {
  const { configMap } = work.spec.manifests
  if (configMap !== undefined) {
    const message = `ConfigMap ${configMap.name} is not there, so ${image.tag} has no manifests; create it`
    return new AppError({ kind: 'waiting', reason: 'BundleMissing', message })
  }
  // Our own clock tells how long we have waited; what is pinned was pushed at a time that only the registry knows.
  const untilMs = (target.kind === 'pin' ? image.pushedAtMs : image.seenAtMs) + bundleWaitMs
  if (nowMs < untilMs && target.kind !== 'running') {
    const message = `the image of ${image.tag} has no manifests of its revision attached yet; they are awaited until ${formatTime(untilMs)}`
    return new AppError({
      kind: 'waiting',
      reason: 'BundlePending',
      message,
      retryAfterMs: Math.min(5_000, untilMs - nowMs),
    })
  }
  const message = `no manifests of its revision are attached to the image of ${image.tag}; attach them with windlass attach and ask for a reconcile, or push anew`
  return new AppError({ kind: 'terminal', reason: 'BundleMissing', message })
}
