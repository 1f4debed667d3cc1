/**
 * How far a poll reads the registry's list of tags, newest update first. Compared is by time, never by name, so that
 * a deleted head ends it too; and only whole reads count (invariant 1), so a scan has no result before it is done.
 */

/** A tag as the registry describes it. Times are epoch milliseconds by the registry's clock. */
export interface Tag {
  readonly name: string
  /** What the tag names now: the digest of an image manifest or of an image index. */
  readonly digest: string
  /** When the tag was made: the `pushedAt` of a release. */
  readonly createdAtMs: number
  /** When the tag was last moved or its attributes changed; says only that something changed. */
  readonly updatedAtMs: number
}

/** The newest tag by update time, as a poll saw it: an unchanged head ends the next poll after one request. */
export interface TagHead {
  readonly name: string
  readonly digest: string
  readonly updatedAtMs: number
}

/** What is known before a scan, and what it looks for. */
export interface ScanGoal {
  /** Whether a tag counts as a release. */
  readonly matches: (tag: string) => boolean
  /** What the last complete poll saw first. */
  readonly head?: TagHead
  /** Where no head is known (after a restart): highWater's update time; pages are followed until an older tag. */
  readonly knownSinceMs?: number
}

export type TagScan =
  | { readonly kind: 'unchanged'; readonly head: TagHead }
  /** All matching tags whose update time is not older than what was known, newest first by update time. */
  | { readonly kind: 'changed'; readonly head: TagHead; readonly tags: readonly Tag[] }
  | { readonly kind: 'empty' }
  | { readonly kind: 'tooMany'; readonly atLeast: number }

/** What the pages read so far have told. */
export interface ScanProgress {
  readonly head: TagHead
  readonly oldestMs: number
  readonly tags: readonly Tag[]
}

export type ScanStep =
  | { readonly kind: 'done'; readonly scan: TagScan }
  | { readonly kind: 'more'; readonly progress: ScanProgress }
  /** The registry did not list newest first, or tags changed while the pages were read. */
  | { readonly kind: 'invalid'; readonly problem: string }

export const mostTags = 500

export function scanFirstPage(goal: ScanGoal, page: readonly Tag[], isLast: boolean): ScanStep {
  const [first] = page
  if (first === undefined) return { kind: 'done', scan: { kind: 'empty' } }
  const head = { name: first.name, digest: first.digest, updatedAtMs: first.updatedAtMs }
  if (goal.head !== undefined && isSameHead(goal.head, head)) {
    return { kind: 'done', scan: { kind: 'unchanged', head } }
  }
  return scanNextPage(goal, { head, oldestMs: first.updatedAtMs, tags: [] }, page, isLast)
}

export function scanNextPage(goal: ScanGoal, progress: ScanProgress, page: readonly Tag[], isLast: boolean): ScanStep {
  const { head } = progress
  const knownSinceMs = goal.head?.updatedAtMs ?? goal.knownSinceMs
  const tags = [...progress.tags]
  let { oldestMs } = progress
  for (const tag of page) {
    if (tag.updatedAtMs > oldestMs) return { kind: 'invalid', problem: outOfOrder(tag) }
    oldestMs = tag.updatedAtMs
    if (knownSinceMs !== undefined && tag.updatedAtMs < knownSinceMs) return changed(head, tags)
    if (!goal.matches(tag.name)) continue
    if (tags.some(({ name }) => name === tag.name)) return { kind: 'invalid', problem: listedTwice(tag) }
    tags.push(tag)
    if (tags.length > mostTags) return { kind: 'done', scan: { kind: 'tooMany', atLeast: tags.length } }
  }
  const isFound = knownSinceMs === undefined && tags.length > 0
  if (isLast || isFound) return changed(head, tags)
  return { kind: 'more', progress: { head, oldestMs, tags } }
}

function changed(head: TagHead, tags: readonly Tag[]): ScanStep {
  return { kind: 'done', scan: { kind: 'changed', head, tags } }
}

function isSameHead(a: TagHead, b: TagHead): boolean {
  return a.name === b.name && a.digest === b.digest && a.updatedAtMs === b.updatedAtMs
}

function outOfOrder({ name }: Tag): string {
  return `tag ${name} is newer than the one listed before it: the list is not newest first, or it changed while it was read`
}

function listedTwice({ name }: Tag): string {
  return `tag ${name} is listed twice: it changed while the list was read`
}
