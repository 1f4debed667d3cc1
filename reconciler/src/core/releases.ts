import {
  maxTags,
  type DeliveryStatus,
  type HighWater,
  type KnownTag,
  type Revision,
  type RolloutStatus,
  type Snapshot,
} from '../api/delivery.ts'
import { formatTime, parseTime } from '../api/time.ts'
import type { Desired } from './desired.ts'
import type { KnownReleases, TaggedImage } from './release-order.ts'

/** An image of the registry as the polls since the last release saw it. */
export interface SeenImage extends TaggedImage {
  readonly updatedAtMs: number
  /** By our own clock. */
  readonly seenAtMs: number
}

/**
 * What status remembers of releases of a repository, in the words of release-order. Another repository has an order of
 * its own: where the spec came to name one, its newest release is taken, whatever was attempted before.
 */
export function knownReleases(status: DeliveryStatus, repository: string | undefined): KnownReleases {
  const { tags = [], highWater, candidate, current, previous, rollout, history = [] } = status
  const isSame = isOfRepository(status, repository)
  const released = [candidate, previous, current, rollout?.revision].map((revision) =>
    repository === undefined || revision?.repository === repository ? revision : undefined,
  )
  const [waiting, ...known] = released
  // The latest word on a tag comes last, for a pin may have taken it where it was moved to.
  const remembered = isSame ? [...history.toReversed(), waiting, ...tags, ...known, highWater] : [waiting, ...known]
  const digests = new Map(remembered.flatMap((seen) => (seen === undefined ? [] : [[seen.tag, seen.digest] as const])))
  return { digests, ...(isSame && highWater !== undefined && { highWater: toTaggedImage(highWater) }) }
}

/**
 * A pin to what runs already begins no rollout, and resets highWater as any other: what was pushed after it counts anew
 * once the pin is gone. What failed is forgotten with it, as when a release begins; its quarantine stays.
 */
export function resetByPin(status: DeliveryStatus, { pin, pause, work }: Desired): DeliveryStatus {
  const { current, rollout, highWater, failed: _, ...rest } = status
  if (pin === undefined || pause.kind === 'paused' || work.kind === 'invalid' || current === undefined) return status
  // It names what failed under it, of a tag that was moved: what runs of that tag was gone back to.
  if (status.failed?.pin === pin) return status
  // In the midst of another rollout the pin begins one of its own.
  if (rollout !== undefined && rollout.phase !== 'Pruning') return status
  if (!isNamed(current, pin) || current.repository !== work.spec.image.repository) return status
  if (highWater !== undefined && isSameRelease(highWater, current)) return status
  const { updatedAt: __, ...reset } = toHighWater(toSeen(current))
  return {
    ...rest,
    current,
    ...(rollout !== undefined && { rollout }),
    // Without the time of its last update, which current does not tell: more is read, and nothing missed.
    highWater: { ...reset, repository: current.repository },
  }
}

/** Whether the order that status remembers is that of the repository. */
export function isOfRepository(
  { highWater, rollout, current }: DeliveryStatus,
  repository: string | undefined,
): boolean {
  const known = highWater?.repository ?? (rollout?.revision ?? current)?.repository
  return known === undefined || repository === undefined || known === repository
}

/** A tag keeps the digest under which it was known first: whether it was moved must not depend on what waits today. */
export function rememberTag(
  tags: readonly KnownTag[] | undefined,
  seen: Pick<Revision, 'tag' | 'digest'> | undefined,
): readonly KnownTag[] | undefined {
  if (seen === undefined || tags?.some(({ tag }) => tag === seen.tag) === true) return tags
  return [{ tag: seen.tag, digest: seen.digest }, ...(tags ?? [])].slice(0, maxTags)
}

/** What was rolled out is the word on its tag from then on, for a pin may take it where it was moved to. */
export function settleTag(
  tags: readonly KnownTag[] | undefined,
  begun: Pick<Revision, 'tag' | 'digest'>,
): readonly KnownTag[] {
  const others = (tags ?? []).filter(({ tag }) => tag !== begun.tag)
  return [{ tag: begun.tag, digest: begun.digest }, ...others].slice(0, maxTags)
}

/** From when on tags matter after a restart; compared by update time, for that is how the registry orders them. */
export function knownSinceMs(status: DeliveryStatus, repository: string): number | undefined {
  const { highWater } = status
  return highWater === undefined || !isOfRepository(status, repository)
    ? undefined
    : parseTime(highWater.updatedAt ?? highWater.pushedAt)
}

/** What stands in the cluster, as far as we wrote it: the release that is rolled out or was, else the one that runs. */
export function appliedRevision({ rollout, current }: DeliveryStatus): Revision | undefined {
  return rollout?.revision ?? current
}

/** Whether a rollout is under way whose end is open. */
export function isUndecided(rollout: RolloutStatus | undefined): rollout is RolloutStatus {
  return rollout?.phase === 'Applying' || rollout?.phase === 'Waiting'
}

/**
 * Whether what failed may come to run without another hand's doing: where it was the environment's fault, or where it is
 * known to be good. What failed by its own fault may look healthy for a moment, and is not believed.
 */
export function isRecoverable({ phase, purpose, fault, revision }: RolloutStatus): boolean {
  if (phase !== 'Failed' || revision.appliedAt === undefined) return false
  return purpose !== undefined || fault === 'Environment'
}

/** Whether the health of what was written decides what comes next. */
export function isAwaited(rollout: RolloutStatus | undefined): boolean {
  return rollout !== undefined && (rollout.phase === 'Waiting' || isRecoverable(rollout))
}

export function isSameRelease(a: Pick<Revision, 'tag' | 'digest'>, b: Pick<Revision, 'tag' | 'digest'>): boolean {
  return a.tag === b.tag && a.digest === b.digest
}

/** By an operator, who may name either. */
export function isNamed({ tag, digest }: Pick<Revision, 'tag' | 'digest'>, name: string): boolean {
  return tag === name || digest === name
}

/** Image, manifests and where they came from: what is applied for the one is applied for the other. */
export function isVeryRelease(a: ReleaseIdentity, b: ReleaseIdentity): boolean {
  return a.repository === b.repository && a.digest === b.digest && a.bundleDigest === b.bundleDigest
}

type ReleaseIdentity = Pick<Revision, 'repository' | 'digest' | 'bundleDigest'>

/** Puts the copy of a release that was made anew wherever status names the release. */
export function keepSnapshot(status: DeliveryStatus, of: ReleaseIdentity, snapshot: Snapshot): DeliveryStatus {
  const renew = <T extends Revision>(revision: T): T =>
    isVeryRelease(revision, of) ? { ...revision, snapshot } : revision
  const { current, previous, rollout, failed } = status
  return {
    ...status,
    ...(current !== undefined && { current: renew(current) }),
    ...(previous !== undefined && { previous: renew(previous) }),
    ...(rollout !== undefined && { rollout: { ...rollout, revision: renew(rollout.revision) } }),
    ...(failed !== undefined && { failed: { ...failed, revision: renew(failed.revision) } }),
  }
}

/** Copies that may be needed: to go back to, and to go on with what is rolled out or tried again. */
export function neededSnapshots({ current, previous, rollout, failed }: DeliveryStatus): readonly Snapshot[] {
  const tried = failed?.nextTryAt === undefined ? undefined : failed.revision
  return [current, previous, rollout?.revision, tried].flatMap((revision) => revision?.snapshot ?? [])
}

export function toRevision(image: SeenImage, repository: string): Revision {
  return {
    repository,
    tag: image.tag,
    digest: image.digest,
    ...(image.sequence !== undefined && { sequence: image.sequence }),
    pushedAt: formatTime(image.pushedAtMs),
    seenAt: formatTime(image.seenAtMs),
  }
}

/** As a poll would have seen it. */
export function toSeen({ tag, digest, sequence, pushedAt, seenAt }: Revision): SeenImage {
  const pushedAtMs = parseTime(pushedAt) ?? 0
  return {
    tag,
    digest,
    ...(sequence !== undefined && { sequence }),
    pushedAtMs,
    updatedAtMs: pushedAtMs,
    seenAtMs: parseTime(seenAt ?? '') ?? pushedAtMs,
  }
}

export function toHighWater(image: SeenImage): HighWater {
  return {
    tag: image.tag,
    digest: image.digest,
    ...(image.sequence !== undefined && { sequence: image.sequence }),
    pushedAt: formatTime(image.pushedAtMs),
    updatedAt: formatTime(image.updatedAtMs),
  }
}

/** Commits are known by their first digits; other tags are shown whole. */
export function shortTag(tag: string): string {
  return /^[0-9a-f]{40}$/.test(tag) ? tag.slice(0, 7) : tag
}

function toTaggedImage({ tag, digest, sequence, pushedAt }: HighWater): TaggedImage {
  return { tag, digest, ...(sequence !== undefined && { sequence }), pushedAtMs: parseTime(pushedAt) ?? 0 }
}
