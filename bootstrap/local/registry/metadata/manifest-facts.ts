import { createHash } from 'node:crypto'
import type { ManifestFacts, ManifestReference } from './records.ts'

/** The configuration of an image, where a manifest has one that tells what the image runs on. */
export interface ImageConfig {
  readonly architecture?: string
  readonly os?: string
}

/** What is read of a manifest: an OCI image manifest or index, or Docker's of schema version 2. */
interface Manifest {
  readonly mediaType?: string
  readonly artifactType?: string
  readonly config?: Descriptor
  readonly layers?: readonly Descriptor[]
  readonly manifests?: readonly (Descriptor & { readonly platform?: ImageConfig })[]
  readonly subject?: Descriptor
  readonly annotations?: Readonly<Record<string, string>>
}

interface Descriptor {
  readonly mediaType: string
  readonly digest: string
  readonly size: number
}

const imageConfigTypes = new Set([
  'application/vnd.oci.image.config.v1+json',
  'application/vnd.docker.container.image.v1+json',
])

export function sha256Of(content: Uint8Array): string {
  return `sha256:${createHash('sha256').update(content).digest('hex')}`
}

/**
 * Facts of a manifest that the registry has accepted, and so has checked. `readConfig` is asked for the image's
 * configuration by its digest, where there is one.
 */
export async function readManifestFacts(
  content: Uint8Array,
  contentType: string,
  readConfig: (digest: string) => Promise<ImageConfig | undefined>,
): Promise<ManifestFacts> {
  const manifest = JSON.parse(Buffer.from(content).toString('utf8')) as Manifest
  const { config, subject, annotations } = manifest
  const imageConfig = config && imageConfigTypes.has(config.mediaType) ? await readConfig(config.digest) : undefined
  // OCI distribution specification 1.1, "Listing Referrers": an image's artifact type is its configuration's media
  // type where the manifest does not name one.
  const artifactType = manifest.artifactType || config?.mediaType
  return {
    digest: sha256Of(content),
    mediaType: manifest.mediaType ?? contentType,
    size: content.byteLength,
    imageSize: content.byteLength + listed(manifest).reduce((sum, { size }) => sum + size, 0),
    ...(config && { configMediaType: config.mediaType }),
    ...(artifactType && { artifactType }),
    ...(subject && { subject: subject.digest }),
    ...(annotations && { annotations }),
    ...(imageConfig && platform(imageConfig)),
    ...(manifest.manifests && { references: manifest.manifests.map(reference) }),
  }
}

function listed({ config, layers = [], manifests = [] }: Manifest): readonly Descriptor[] {
  return [...(config ? [config] : []), ...layers, ...manifests]
}

function reference({ digest, platform: of = {} }: Descriptor & { readonly platform?: ImageConfig }): ManifestReference {
  return { digest, ...platform(of) }
}

function platform({ architecture, os }: ImageConfig): ImageConfig {
  return { ...(architecture !== undefined && { architecture }), ...(os !== undefined && { os }) }
}
