import { AppError } from '../core/errors.ts'
import { comparePositions, needsFacts, type KnownReleases } from '../core/release-order.ts'
import type { SeenImage } from '../core/releases.ts'
import { mostTags } from '../core/tag-scan.ts'
import type { Tag, TagHead, TagScan, TagSource } from '../registry/tag-source.ts'

/** What a Delivery wants read of its registry, and what is known of it already. */
export interface ReadSubject {
  /** Registry host and repository. */
  readonly repository: string
  readonly isRelease: (tag: string) => boolean
  readonly known: KnownReleases
  readonly knownSinceMs?: number
  /** What was seen before a restart, for the time at which that was. */
  readonly candidate?: { readonly digest: string; readonly seenAtMs: number }
}

/** What the reads before it saw. */
export interface ReadBefore {
  readonly head?: TagHead
  readonly images?: readonly SeenImage[]
}

export interface RegistryRead {
  readonly scan: TagScan
  /** All matching images since highWater. */
  readonly images: readonly SeenImage[]
}

/** Reads what is new, and the manifest of each new image; the whole of it or, by an AppError, nothing. */
export async function readRegistry(
  tags: TagSource,
  subject: ReadSubject,
  before: ReadBefore,
  nowMs: number,
  signal: AbortSignal,
): Promise<RegistryRead> {
  const { head, images = [] } = before
  const scan = await scanSince(head, tags, subject, signal)
  if (scan.kind === 'unchanged') return { scan, images }
  if (scan.kind !== 'changed') return { scan, images: [] }
  // What is newest now was not newest before: the head is gone, and with it any other that was seen may be.
  if (head !== undefined && !isNewer(scan.head, head)) {
    return readRegistry(tags, subject, { images }, nowMs, signal)
  }

  const seen = await Promise.all(scan.tags.map((tag) => place(tags, tag, subject, images, nowMs, signal)))
  // Without a head the scan went back as far as anything matters; with one, what was seen before still counts.
  const kept = head === undefined ? [] : images.filter(({ tag }) => !seen.some((image) => image.tag === tag))
  const since = [...seen, ...kept].filter(({ updatedAtMs }) => updatedAtMs >= (subject.knownSinceMs ?? 0))
  return { scan, images: newestOf(since) }
}

/** While a pause or a pin holds releases, polls add to them for months; an older one is never taken in place of a newer. */
function newestOf(images: readonly SeenImage[]): readonly SeenImage[] {
  if (images.length <= mostTags) return images
  return images.toSorted((a, b) => comparePositions(b, a)).slice(0, mostTags)
}

function scanSince(
  head: TagHead | undefined,
  tags: TagSource,
  { repository, isRelease, knownSinceMs }: ReadSubject,
  signal: AbortSignal,
): Promise<TagScan> {
  const request = {
    repository,
    matches: isRelease,
    ...(head !== undefined && { head }),
    ...(knownSinceMs !== undefined && { knownSinceMs }),
  }
  return tags.scan(request, signal)
}

function isNewer(now: TagHead, before: TagHead): boolean {
  return now.updatedAtMs > before.updatedAtMs
}

/** Whether an image was placed without its facts, which under this highWater it can't be. */
export function isUnplaced(image: SeenImage, known: KnownReleases): boolean {
  return image.sequence === undefined && image.problem === undefined && needsFacts(image, known)
}

/** A tag with what its image says of its order; one read per new digest. */
async function place(
  tags: TagSource,
  tag: Tag,
  subject: ReadSubject,
  images: readonly SeenImage[],
  nowMs: number,
  signal: AbortSignal,
): Promise<SeenImage> {
  const { repository, known, candidate } = subject
  const { name, digest, createdAtMs: pushedAtMs, updatedAtMs } = tag
  const before = images.find((image) => image.tag === name && image.digest === digest)
  if (before !== undefined && !isUnplaced(before, known)) return { ...before, updatedAtMs }
  const seenAtMs = before?.seenAtMs ?? (candidate?.digest === digest ? candidate.seenAtMs : nowMs)
  const bare: SeenImage = { tag: name, digest, pushedAtMs, updatedAtMs, seenAtMs }
  if (!needsFacts(bare, known)) return bare
  try {
    const facts = await tags.image(repository, digest, signal)
    if (facts === undefined) throw withoutManifest(repository, tag)
    const { sequence } = facts
    return { ...bare, ...(sequence !== undefined && { sequence }) }
  } catch (error) {
    // What the image is does not change with time, so that the read is complete all the same.
    if (error instanceof AppError && error.reason === 'ImageInvalid') return { ...bare, problem: error.message }
    throw error
  }
}

/** Invariant 1: a tag whose image can't be read may be the newest. */
export function withoutManifest(repository: string, { name, digest }: Pick<Tag, 'name' | 'digest'>): AppError {
  return new AppError({
    kind: 'retryable',
    reason: 'RegistryInvalidAnswer',
    message: `${repository} lists the tag ${name} and has no manifest ${digest} that it names`,
  })
}
