/** What the reconciler asks of a registry; the adapter for Azure Container Registry is acr.ts. */

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

export interface ScanRequest {
  /** Registry host and repository, as in `spec.image.repository`. */
  readonly repository: string
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

/** What one read of an image's manifest tells; cached by digest, for a digest never changes its content. */
export interface ImageFacts {
  readonly digest: string
  readonly mediaType: string
  /** `windlass.dev/sequence`, where the image carries one. */
  readonly sequence?: number
  /** `org.opencontainers.image.revision`. */
  readonly revision?: string
}

/** A bundle's descriptor among the referrers of an image. */
export interface BundleReference {
  readonly digest: string
  readonly revision?: string
}

/** The bundle's content, its digests verified: one entry a YAML document, in the order of the bundle. */
export interface BundleContent {
  readonly digest: string
  readonly documents: readonly unknown[]
}

/**
 * Every call takes an AbortSignal, makes no retry of its own, spends from the registry's request budget, and throws
 * AppError alone: `retryable` (with `retryAfterMs` where the registry named one), `waiting` (401, 403, unknown
 * repository) or `terminal` (the content is not what it must be).
 */
export interface TagSource {
  scan(request: ScanRequest, signal: AbortSignal): Promise<TagScan>
  /** One tag by name, or undefined where it does not exist. */
  tag(repository: string, name: string, signal: AbortSignal): Promise<Tag | undefined>
  image(repository: string, digest: string, signal: AbortSignal): Promise<ImageFacts>
  /** The bundles attached to an image, whatever their revision. */
  bundles(repository: string, digest: string, signal: AbortSignal): Promise<readonly BundleReference[]>
  bundle(repository: string, digest: string, signal: AbortSignal): Promise<BundleContent>
}
