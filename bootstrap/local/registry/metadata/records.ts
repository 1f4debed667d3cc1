import type { Moment } from './update-clock.ts'

/** What can be locked, as ACR names it (changeableAttributes). */
export interface Attributes {
  readonly deleteEnabled: boolean
  readonly writeEnabled: boolean
  readonly readEnabled: boolean
  readonly listEnabled: boolean
}

export const unlocked: Attributes = { deleteEnabled: true, writeEnabled: true, readEnabled: true, listEnabled: true }

/** Common to repositories, tags and manifests. */
export interface Recorded {
  readonly createdTime: Moment
  readonly lastUpdateTime: Moment
  readonly attributes: Attributes
}

export interface RepositoryRecord extends Recorded {
  readonly name: string
}

export interface TagRecord extends Recorded {
  readonly name: string
  readonly digest: string
}

/** What the content of a manifest tells, and so never changes. */
export interface ManifestFacts {
  readonly digest: string
  readonly mediaType: string
  /** Of the manifest itself, in bytes. */
  readonly size: number
  /** Of the manifest and all that it lists. */
  readonly imageSize: number
  readonly configMediaType?: string
  readonly artifactType?: string
  /** Digest of the manifest that this one is attached to. */
  readonly subject?: string
  readonly annotations?: Readonly<Record<string, string>>
  /** Only of an image, from its configuration. */
  readonly architecture?: string
  readonly os?: string
  /** Only of an index. */
  readonly references?: readonly ManifestReference[]
}

export interface ManifestReference {
  readonly digest: string
  readonly architecture?: string
  readonly os?: string
}

export interface ManifestRecord extends Recorded {
  readonly facts: ManifestFacts
}

/** A record in its new state, or gone: enough, in order, to have the whole again. */
export type Change =
  | { readonly put: 'repository'; readonly record: RepositoryRecord }
  | { readonly put: 'tag'; readonly repository: string; readonly record: TagRecord }
  | { readonly put: 'manifest'; readonly repository: string; readonly record: ManifestRecord }
  | { readonly drop: 'repository'; readonly repository: string }
  | { readonly drop: 'tag'; readonly repository: string; readonly name: string }
  | { readonly drop: 'manifest'; readonly repository: string; readonly digest: string }
