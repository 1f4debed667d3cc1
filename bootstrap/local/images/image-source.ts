import type { BaseImage } from './build-image.ts'
import { ensureDebianImage, type DebianImageSpec } from './debian-image.ts'
import { ensureBuiltImage, type KeptImageOptions } from './kept-image.ts'
import type { OciImage } from './oci-image.ts'

export interface ImageBounds {
  readonly signal?: AbortSignal
  readonly onStep?: (step: string) => void
}

/** One way to come by the images of our programs; the Dockerfiles and what they copy are the same in each. */
export interface ImageSource {
  /** What a Dockerfile starts from. */
  base(spec: DebianImageSpec, bounds: ImageBounds): Promise<BaseImage>
  build(options: KeptImageOptions): Promise<OciImage>
}

/** Bases of this machine's Debian packages, and buildah: neither an engine nor another registry. */
export const buildahImages: ImageSource = { base: ensureDebianImage, build: (options) => ensureBuiltImage(options) }
