import { formatTime } from '../api/time.ts'

/**
 * The order of releases. SHAs carry none, so it comes from the image's sequence (push order, given by CI) and, where
 * there is none, from the time at which the registry saw the tag first. Invariant 2: nothing at or below highWater is
 * ever selected, so a late-finishing build of an older commit does not win.
 */
export interface Position {
  /** `windlass.dev/sequence` of the image, which only grows in push order. */
  readonly sequence?: number
  readonly pushedAtMs: number
}

/** A matching tag with what its image says. */
export interface TaggedImage extends Position {
  readonly tag: string
  readonly digest: string
  /** Why the image can't be a release, where it can't. */
  readonly problem?: string
}

export interface KnownReleases {
  /** The greatest position that was ever attempted. */
  readonly highWater?: TaggedImage
  /** The digest that each tag had when it was seen before. */
  readonly digests: ReadonlyMap<string, string>
}

/** Something about a tag that does not stop another release, but that a person should know. */
export interface Finding {
  readonly reason: 'TagMoved' | 'SequenceMissing' | 'ImageInvalid'
  readonly tag: string
  readonly message: string
}

export type Selection = { readonly findings: readonly Finding[] } & (
  | { readonly kind: 'none' }
  | { readonly kind: 'candidate'; readonly image: TaggedImage }
  /** The newest can't be taken; no older one is tried in its place. */
  | {
      readonly kind: 'refused'
      readonly reason: 'SequenceMissing' | 'ImageInvalid'
      readonly image: TaggedImage
      readonly message: string
    }
)

/** Whether the image's manifest must be read to place this tag: one read per new digest, none for what is known. */
export function needsFacts({ tag, digest, pushedAtMs }: Omit<TaggedImage, 'sequence'>, known: KnownReleases): boolean {
  const { highWater } = known
  if (highWater === undefined) return true
  if (highWater.tag === tag && highWater.digest === digest) return false
  if (hasMoved({ tag, digest }, known)) return false
  return highWater.sequence !== undefined || pushedAtMs > highWater.pushedAtMs
}

/** The newest image above highWater, whatever the order in which the images are given. */
export function selectCandidate(images: readonly TaggedImage[], known: KnownReleases): Selection {
  const moved = images.filter((image) => hasMoved(image, known))
  const above = images.filter((image) => !moved.includes(image) && isAbove(image, known.highWater)).sort(newestFirst)
  const [newest, ...older] = above
  const movedFindings = moved.sort(newestFirst).map((image) => movedFinding(image, known))
  if (newest === undefined) return { kind: 'none', findings: movedFindings }

  const hasSequence = newest.sequence !== undefined
  const passedOver = hasSequence ? older.filter((image) => image.sequence === undefined).map(passedOverFinding) : []
  const findings = [...movedFindings, ...passedOver]
  if (newest.problem !== undefined) {
    return { kind: 'refused', reason: 'ImageInvalid', image: newest, message: newest.problem, findings }
  }
  if (!hasSequence && known.highWater?.sequence !== undefined) {
    const message = sequenceMissing(newest, `${known.highWater.tag} has sequence ${known.highWater.sequence}`)
    return { kind: 'refused', reason: 'SequenceMissing', image: newest, message, findings }
  }
  return { kind: 'candidate', image: newest, findings }
}

/** Negative where a is older than b. Images without a sequence stand below those with one. */
export function comparePositions(a: Position, b: Position): number {
  return (a.sequence ?? -1) - (b.sequence ?? -1) || a.pushedAtMs - b.pushedAtMs
}

/** Strictly above; where one side has no sequence, only the times can be compared. */
function isAbove(image: TaggedImage, highWater: TaggedImage | undefined): boolean {
  if (highWater === undefined) return true
  if (image.tag === highWater.tag && image.digest === highWater.digest) return false
  if (image.sequence === undefined || highWater.sequence === undefined) {
    return image.pushedAtMs > highWater.pushedAtMs
  }
  return comparePositions(image, highWater) > 0
}

/** A tie can't be told apart by what the registry says; the names make the choice the same each time. */
function newestFirst(a: TaggedImage, b: TaggedImage): number {
  return comparePositions(b, a) || compareText(a.tag, b.tag) || compareText(a.digest, b.digest)
}

function compareText(a: string, b: string): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}

function hasMoved({ tag, digest }: Pick<TaggedImage, 'tag' | 'digest'>, { highWater, digests }: KnownReleases) {
  const before = digests.get(tag) ?? (highWater?.tag === tag ? highWater.digest : digest)
  return before !== digest
}

function movedFinding({ tag, digest }: TaggedImage, { highWater, digests }: KnownReleases): Finding {
  const before = digests.get(tag) ?? highWater?.digest
  return {
    reason: 'TagMoved',
    tag,
    message: `tag ${tag} was moved from ${before} to ${digest}; a release keeps its digest, so it is not deployed: push a new commit, or pin the digest`,
  }
}

function passedOverFinding(image: TaggedImage): Finding {
  if (image.problem !== undefined) return { reason: 'ImageInvalid', tag: image.tag, message: image.problem }
  return { reason: 'SequenceMissing', tag: image.tag, message: sequenceMissing(image, 'a newer candidate has one') }
}

function sequenceMissing({ tag, pushedAtMs }: TaggedImage, why: string): string {
  return `the image of tag ${tag}, pushed at ${formatTime(pushedAtMs)}, has no windlass.dev/sequence while ${why}, so their order is unknown; build it with the annotation`
}
