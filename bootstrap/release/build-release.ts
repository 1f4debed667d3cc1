import { mkdir, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { withAttestation } from '../local/images/attestation.ts'
import { debianImages } from '../local/images/debian-images.ts'
import { ensureDebianImage } from '../local/images/debian-image.ts'
import { prepareContext } from '../local/images/image-context.ts'
import { ensureBuiltImage } from '../local/images/kept-image.ts'
import type { OciImage } from '../local/images/oci-image.ts'
import { ensurePackages } from '../local/debian.ts'
import { buildWithDocker } from './docker-build.ts'
import type { Commit } from './commit.ts'
import type { ReleasableName } from './releasable.ts'
import { releasables, type Releasable } from './releasable.ts'
import { makeSbom } from './sbom.ts'

export interface BuildOptions {
  /** Root of the checkout that is built. */
  readonly root: string
  readonly name: ReleasableName
  readonly commit: Commit
  /** A whole number that only grows in push order. */
  readonly sequence: number
  /** The folder for the layout; what was there goes. */
  readonly out: string
  /** Docker's buildx on a base from a registry, or buildah on a base made of this machine's Debian packages. */
  readonly builder: { readonly kind: 'docker'; readonly base: string } | { readonly kind: 'buildah' }
  readonly signal?: AbortSignal
  readonly onStep?: (step: string) => void
}

/** Builds a program's image of one commit as an OCI layout: an index of the image and what attests it. */
export async function buildRelease(options: BuildOptions): Promise<OciImage> {
  const { root, name, commit, sequence, out, builder, signal, onStep } = options
  const releasable: Releasable = releasables[name]
  const release = { revision: commit.sha, created: commit.created, sequence }
  await mkdir(dirname(out), { recursive: true })
  onStep?.(`building ${name} of ${commit.sha} with ${builder.kind}`)
  if (builder.kind === 'docker') {
    const { base } = builder
    return buildWithDocker({ root, releasable, base, release, out, ...(signal && { signal }) })
  }
  await ensurePackages(['images'], options)
  const base = await ensureDebianImage(debianImages.base, options)
  const context = `${out}.context`
  try {
    await prepareContext({ root, program: releasable.program, out: context })
    const image = await ensureBuiltImage({
      name: releasable.repository,
      dockerfile: `${root}/${releasable.dockerfile}`,
      context,
      base,
      release,
      ...(signal && { signal }),
    })
    return await withAttestation(image, out, await makeSbom(context, name, commit))
  } finally {
    await rm(context, { recursive: true, force: true })
  }
}
