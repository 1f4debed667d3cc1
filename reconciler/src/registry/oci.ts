import { createHash } from 'node:crypto'
import { Type, type Static } from 'typebox'
import { Check } from 'typebox/value'

/**
 * The documents of a registry, as far as we read them.
 * https://github.com/opencontainers/image-spec/blob/main/manifest.md and image-index.md beside it
 */
export const mediaTypes = {
  ociManifest: 'application/vnd.oci.image.manifest.v1+json',
  ociIndex: 'application/vnd.oci.image.index.v1+json',
  ociConfig: 'application/vnd.oci.image.config.v1+json',
  ociEmpty: 'application/vnd.oci.empty.v1+json',
  dockerManifest: 'application/vnd.docker.distribution.manifest.v2+json',
  dockerList: 'application/vnd.docker.distribution.manifest.list.v2+json',
  dockerConfig: 'application/vnd.docker.container.image.v1+json',
} as const

const Digest = Type.String({ pattern: '^(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$' })
const Annotations = Type.Optional(Type.Record(Type.String(), Type.String()))

const DescriptorSchema = Type.Object({
  mediaType: Type.String(),
  digest: Digest,
  size: Type.Integer({ minimum: 0 }),
  artifactType: Type.Optional(Type.String()),
  annotations: Annotations,
  platform: Type.Optional(Type.Object({ architecture: Type.String(), os: Type.String() })),
})

const ManifestSchema = Type.Object({
  schemaVersion: Type.Literal(2),
  mediaType: Type.Optional(Type.String()),
  artifactType: Type.Optional(Type.String()),
  config: DescriptorSchema,
  layers: Type.Array(DescriptorSchema),
  subject: Type.Optional(DescriptorSchema),
  annotations: Annotations,
})

const IndexSchema = Type.Object({
  schemaVersion: Type.Literal(2),
  mediaType: Type.Optional(Type.String()),
  artifactType: Type.Optional(Type.String()),
  manifests: Type.Array(DescriptorSchema),
  annotations: Annotations,
})

export type Descriptor = Static<typeof DescriptorSchema>
export type Manifest = Static<typeof ManifestSchema>
export type Index = Static<typeof IndexSchema>

export type OciDocument =
  | { readonly kind: 'manifest'; readonly manifest: Manifest }
  | { readonly kind: 'index'; readonly index: Index }
  | { readonly kind: 'other' }

/** A document with both layers and manifests could be taken for either, so it is neither (OCI says so too). */
export function parseOciDocument(value: unknown): OciDocument {
  const isManifest = Check(ManifestSchema, value)
  const isIndex = Check(IndexSchema, value)
  if (isManifest && !isIndex) return { kind: 'manifest', manifest: value }
  if (isIndex && !isManifest) return { kind: 'index', index: value }
  return { kind: 'other' }
}

/**
 * Under which tag a registry without the referrers API keeps what is attached to a digest.
 * https://github.com/opencontainers/distribution-spec/blob/main/spec.md#referrers-tag-schema
 */
export function referrersTag(digest: string): string {
  const [algorithm = '', hex = ''] = digest.split(':')
  return `${algorithm.slice(0, 32)}-${hex.slice(0, 64)}`
}

export function digestOf(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`
}

/** Whether the bytes are those that a digest names, by its own algorithm. */
export function hasDigest(bytes: Uint8Array, digest: string): boolean {
  const [algorithm = '', hex = ''] = digest.split(':')
  return ['sha256', 'sha512'].includes(algorithm) && createHash(algorithm).update(bytes).digest('hex') === hex
}
