import type { Tag } from './tag-scan.ts'

export interface RetentionRules {
  /** How many of the newest releases stay, however old. */
  readonly newest: number
  /** No image that was pushed, tagged or changed within this time goes. */
  readonly graceMs: number
  /** Tags and digests that stay, whatever their age. */
  readonly keep: ReadonlySet<string>
  /** Whether a tag is that of a release; an image with any other tag stays. */
  readonly isRelease: (tag: string) => boolean
}

/** An image by what names it. */
export interface TaggedImage {
  readonly digest: string
  readonly tags: readonly string[]
  /** When it was last pushed, tagged or changed; epoch milliseconds by the registry's clock. */
  readonly youngestMs: number
  /** When it was last given a tag. */
  readonly createdMs: number
}

export type WhyKept = 'named' | 'newest' | 'young' | 'otherTag'

export interface Retention {
  /** Oldest first. */
  readonly expired: readonly TaggedImage[]
  readonly kept: readonly { readonly image: TaggedImage; readonly why: WhyKept }[]
  /** What is named to be kept and is not there: a slip of the pen, or long gone. */
  readonly unknown: readonly string[]
}

/**
 * Which images have had their time. Newest is by when the tag was made, as releases are ordered where they say nothing
 * of their own; images with other tags count for nothing there. An image goes only when every rule lets it.
 */
export function sortByRetention(tags: readonly Tag[], rules: RetentionRules, nowMs: number): Retention {
  const images = imagesOf(tags)
  const releases = images.filter((image) => image.tags.every(rules.isRelease))
  const newest = new Set(
    releases
      .toSorted((a, b) => b.createdMs - a.createdMs || (a.digest < b.digest ? -1 : 1))
      .slice(0, rules.newest)
      .map(({ digest }) => digest),
  )
  const why = (image: TaggedImage): WhyKept | undefined => {
    if ([image.digest, ...image.tags].some((name) => rules.keep.has(name))) return 'named'
    if (!image.tags.every(rules.isRelease)) return 'otherTag'
    if (newest.has(image.digest)) return 'newest'
    // A registry whose clock is ahead of ours makes an image younger, never older.
    return nowMs - image.youngestMs < rules.graceMs ? 'young' : undefined
  }
  const judged = images.map((image) => ({ image, why: why(image) }))
  const known = new Set(images.flatMap(({ digest, tags }) => [digest, ...tags]))
  return {
    expired: judged
      .flatMap(({ image, why }) => (why === undefined ? [image] : []))
      .toSorted((a, b) => a.youngestMs - b.youngestMs),
    kept: judged.flatMap(({ image, why }) => (why === undefined ? [] : [{ image, why }])),
    unknown: [...rules.keep].filter((name) => !known.has(name)),
  }
}

function imagesOf(tags: readonly Tag[]): readonly TaggedImage[] {
  return [...Map.groupBy(tags, ({ digest }) => digest)].map(([digest, named]) => ({
    digest,
    tags: named.map(({ name }) => name),
    youngestMs: Math.max(...named.flatMap(({ createdAtMs, updatedAtMs }) => [createdAtMs, updatedAtMs])),
    createdMs: Math.max(...named.map(({ createdAtMs }) => createdAtMs)),
  }))
}
