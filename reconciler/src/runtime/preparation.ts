import type { Delivery, HighWater, InventoryEntry, Revision } from '../api/delivery.ts'
import { maxInventory } from '../api/delivery.ts'
import type { KubeObject } from '../api/object.ts'
import { formatTime } from '../api/time.ts'
import { checkBundle, describeViolations, violationReason } from '../core/bundle-rules.ts'
import type { Work } from '../core/desired.ts'
import { AppError } from '../core/errors.ts'
import { isDigest, isTag, parseRepository } from '../core/image-reference.ts'
import { mergeInventory } from '../core/inventory.ts'
import type { Target } from '../core/plan.ts'
import { toHighWater, toRevision, type SeenImage } from '../core/releases.ts'
import { render } from '../core/render.ts'
import type { DryRun, ObjectStore, Tenant } from '../kube/ports.ts'
import type { Tag, TagSource } from '../registry/tag-source.ts'
import { imageAsItRuns } from './adoption.ts'
import { findManifests, type Manifests } from './manifest-source.ts'
import { withoutManifest } from './registry-read.ts'
import { leaveReplicas } from './replicas.ts'

/** How long the manifests of a new image are awaited: CI attaches them before it tags, so that they are late at worst. */
export const bundleWaitMs = 120_000

export interface PreparationScope {
  readonly tags: TagSource
  readonly objects: ObjectStore
  readonly delivery: Delivery
  readonly work: Work
  readonly tenant: Tenant
  readonly nowMs: number
  readonly signal: AbortSignal
}

/** A release of which all is known and that the API server would take: nothing is written yet. */
export interface Preparation {
  readonly revision: Revision
  readonly highWater: HighWater
  readonly entries: readonly InventoryEntry[]
  readonly dryRuns: readonly DryRun[]
}

/** Throws AppError where the release can't begin: `BundlePending` while its manifests may still come. */
export async function prepare(target: Target, scope: PreparationScope): Promise<Preparation> {
  const { objects, delivery, work, tenant, signal } = scope
  const image = target.kind === 'pin' ? await findPinned(target.pin, scope) : await confirm(target.image, scope)
  const manifests = await findManifests({ ...scope, spec: work.spec }, image)
  if (manifests === undefined) throw withoutManifests(image, target, scope)

  const found = { ...toRevision(image, work.spec.image.repository), bundleDigest: manifests.digest }
  const { revision, rendered } = await takeOver(
    found,
    (revision) => renderRelease(manifests, revision, delivery, work),
    scope,
  )
  const entries = rendered.map(({ apiVersion, kind, metadata: { name } }) => ({ apiVersion, kind, name }))
  const total = mergeInventory(delivery.status?.inventory ?? [], entries).length
  if (total > maxInventory) {
    const message = `with what older releases left there would be ${total} objects, ${maxInventory} at most are kept count of`
    throw new AppError({ kind: 'terminal', reason: 'BundleInvalid', message })
  }
  const wanted = await leaveReplicas(rendered, rendered, scope)
  const dryRuns = await objects.dryRunAll(wanted, { tenant, force: true, adopt: work.spec.adopt, signal })
  return { revision, highWater: toHighWater(image), entries, dryRuns }
}

interface Rendered {
  readonly revision: Revision
  readonly rendered: readonly KubeObject[]
}

/** Before anything was delivered, what runs the release already may be taken over as it is. */
async function takeOver(
  revision: Revision,
  renderAs: (revision: Revision) => readonly KubeObject[],
  scope: PreparationScope,
): Promise<Rendered> {
  const rendered = renderAs(revision)
  if (!scope.work.spec.adopt || scope.delivery.status?.current !== undefined) return { revision, rendered }
  const image = await imageAsItRuns(rendered, revision, scope)
  if (image === undefined) return { revision, rendered }
  const taken = { ...revision, image }
  return { revision: taken, rendered: renderAs(taken) }
}

/** The objects of a release, checked and rendered; throws AppError where it breaks a rule. */
export function renderRelease(
  { documents }: Manifests,
  { repository, tag, digest, image }: Revision,
  { metadata }: Delivery,
  { spec: { serviceAccountName } }: Work,
): readonly KubeObject[] {
  // Where the image was found: the spec may name another repository by the time it is written again.
  const found = parseRepository(repository)
  if (found.kind === 'invalid') throw new Error(`the release ${tag} in status is of no repository: ${found.problem}`)
  const checked = checkBundle(documents, { namespace: metadata.namespace, serviceAccountName })
  if (checked.kind === 'refused') {
    const { violations } = checked
    throw new AppError({
      kind: 'terminal',
      reason: violationReason(violations),
      message: `the manifests of ${tag} are refused: ${describeViolations(violations)}`,
    })
  }
  const rendering = render(checked.objects, {
    owner: metadata,
    repository: found.value,
    tag,
    digest,
    ...(image !== undefined && { image }),
  })
  if (rendering.kind === 'rendered') return rendering.objects
  throw new AppError({ kind: 'terminal', reason: rendering.reason, message: rendering.message })
}

/** A tag that was deleted or moved since the poll is not rolled out: an operator may just have taken it back. */
async function confirm(image: SeenImage, { tags, work, signal }: PreparationScope): Promise<SeenImage> {
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

async function findPinned(pin: string, scope: PreparationScope): Promise<SeenImage> {
  const { tags, work, nowMs, signal } = scope
  const { repository } = work.spec.image
  if (isDigest(pin)) {
    const facts = await tags.image(repository, pin, signal)
    if (facts === undefined) throw unpinnable(`${repository} has no image ${pin}; ${correctPin}`)
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
  if (tag === undefined) throw unpinnable(`${repository} has no tag ${pin}; ${correctPin}`)
  const facts = await tags.image(repository, tag.digest, signal)
  if (facts === undefined) throw withoutManifest(repository, tag)
  const { sequence } = facts
  return { ...placeOf(tag, nowMs), tag: pin, digest: tag.digest, ...(sequence !== undefined && { sequence }) }
}

/** Status has a limit, an annotation hardly any. */
function clip(pin: string): string {
  return pin.length <= longestPin ? pin : `${pin.slice(0, longestPin)}…`
}

/** Where its tag is gone, an image that is pinned by digest counts as pushed now: what comes later is newer. */
function placeOf(tag: Tag | undefined, nowMs: number) {
  return { pushedAtMs: tag?.createdAtMs ?? nowMs, updatedAtMs: tag?.updatedAtMs ?? nowMs, seenAtMs: nowMs }
}

function unpinnable(message: string): AppError {
  return new AppError({ kind: 'terminal', reason: 'PinNotFound', message })
}

function withoutManifests(image: SeenImage, target: Target, { work, nowMs }: PreparationScope): AppError {
  const { configMap } = work.spec.manifests
  if (configMap !== undefined) {
    const message = `ConfigMap ${configMap.name} is not there, so ${image.tag} has no manifests; create it`
    return new AppError({ kind: 'waiting', reason: 'BundleMissing', message })
  }
  // Our own clock tells how long we have waited; what is pinned was pushed at a time that only the registry knows.
  const untilMs = (target.kind === 'pin' ? image.pushedAtMs : image.seenAtMs) + bundleWaitMs
  if (nowMs < untilMs) {
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
