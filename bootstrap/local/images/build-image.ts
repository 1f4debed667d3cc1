import { randomUUID } from 'node:crypto'
import { passingName, withBuilder, type BuilderOptions } from './builder.ts'
import type { Annotations, OciImage } from './oci-image.ts'

export interface BuildImageOptions extends BuilderOptions {
  readonly dockerfile: string
  readonly context: string
  /** Becomes the build argument BASE. */
  readonly base: BaseImage
  readonly release: Release
  /** The folder for the image; what was there goes. */
  readonly out: string
}

/** By the name that the builder knows it by. */
export interface BaseImage {
  readonly reference: string
}

/** What an image says of where it comes from. */
export interface Release {
  /** The full commit. */
  readonly revision: string
  /** Of the commit, RFC 3339. */
  readonly created: string
  /** Where the sources can be had. */
  readonly source?: string
  /** An integer that only grows in push order. */
  readonly sequence?: number
}

/** Builds one of our Dockerfiles as CI does, and answers the image as a layout in `out`. */
export async function buildImage(options: BuildImageOptions): Promise<OciImage> {
  const { dockerfile, context, base, release, out } = options
  return withBuilder(options, async (builder) => {
    const name = `${passingName}:${randomUUID()}`
    await builder.build({
      name,
      dockerfile,
      context,
      args: {
        BASE: base.reference,
        REVISION: release.revision,
        CREATED: release.created,
        ...(release.source && { SOURCE: release.source }),
      },
      annotations: releaseAnnotations(release),
    })
    try {
      return await builder.export(name, out)
    } finally {
      await builder.remove(name)
    }
  })
}

export function releaseAnnotations({ revision, created, source, sequence }: Release): Annotations {
  return {
    'org.opencontainers.image.revision': revision,
    'org.opencontainers.image.created': created,
    ...(source && { 'org.opencontainers.image.source': source }),
    ...(sequence !== undefined && { 'windlass.dev/sequence': String(sequence) }),
  }
}
