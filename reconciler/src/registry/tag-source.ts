import type { ScanGoal, Tag, TagHead, TagScan } from '../core/tag-scan.ts'

/** What the reconciler asks of a registry; the adapter for Azure Container Registry is acr.ts. */

export type { Tag, TagHead, TagScan }

export interface ScanRequest extends ScanGoal {
  /** Registry host and repository, as in `spec.image.repository`. */
  readonly repository: string
}

/** What one read of an image's manifest tells; cached by digest, for a digest never changes its content. */
export interface ImageFacts {
  readonly digest: string
  readonly mediaType: string
  /** `windlass.dev/sequence`, where the image carries one. */
  readonly sequence?: number
  /** `org.opencontainers.image.revision`. */
  readonly revision?: string
}

/** A bundle among the referrers of an image. */
export interface BundleReference {
  readonly digest: string
  /** The digest of the image, or index, that it is attached to. */
  readonly subject: string
  /** `org.opencontainers.image.revision` of the bundle. */
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
  /** Undefined where the repository holds no such manifest. */
  image(repository: string, digest: string, signal: AbortSignal): Promise<ImageFacts | undefined>
  /** The bundles attached to an image, whatever their revision. */
  bundles(repository: string, digest: string, signal: AbortSignal): Promise<readonly BundleReference[]>
  /** Refuses (`BundleInvalid`) one whose own manifest does not name that subject and revision. */
  bundle(repository: string, reference: BundleReference, signal: AbortSignal): Promise<BundleContent>
}
