import { join } from 'node:path'
import type { LocalCluster } from './backend.ts'
import { asCiJob } from './ci-job.ts'
import { repositories } from './identities.ts'
import { withAttestation } from './images/attestation.ts'
import { debianImages } from './images/debian-images.ts'
import { programs } from './images/image-context.ts'
import type { Platform } from './platform.ts'
import { pushProgram } from './registry-push.ts'

export interface ReleaseOptions {
  readonly platform: Platform<LocalCluster>
  /** The repository whose commit is released. */
  readonly source: string
  readonly sha: string
  /** When the commit was made, RFC 3339. */
  readonly created: string
  readonly sequence: number
  /** The predictor's own where nothing is said. */
  readonly repository?: string
  /** Folder of the manifests that are attached; those of the source where nothing is said. */
  readonly manifests?: string
  /** Pushes an index beside an attestation, as BuildKit does by default, instead of a bare image. */
  readonly isIndex?: boolean
  readonly signal?: AbortSignal
  readonly onStep?: (step: string) => void
}

/** A release as CI leaves it behind: nobody has touched the cluster. */
export interface PushedRelease {
  readonly sha: string
  /** What the tag names: of the image, or of the index around it. */
  readonly digest: string
  /** When the registry was asked to set the tag; epoch milliseconds, by its log. */
  readonly pushedAtMs: number
}

/** What CI does on a push: build the commit, push it by digest, attach its manifests, and set the tag last. */
export async function releasePredictor(options: ReleaseOptions): Promise<PushedRelease> {
  const { platform, source, sha, created, sequence, isIndex = false, signal, onStep } = options
  const { repository = repositories.predictor, manifests = join(source, 'manifests', 'predictor', 'release') } = options
  const startedAtMs = Date.now()
  const { digest, reference } = await pushProgram({
    registry: platform.registry,
    images: platform.images,
    root: source,
    program: programs.predictor,
    dockerfile: 'predictor/Dockerfile',
    base: debianImages.base,
    release: { revision: sha, created, sequence },
    repository,
    ...(isIndex && { wrap: withAttestation }),
    ...(signal && { signal }),
    ...(onStep && { onStep }),
  })
  onStep?.('attaching the manifests, then setting the tag')
  await asCiJob(platform, signal, (windlass) =>
    windlass(['attach', manifests, '--image', reference, '--revision', sha, '--tag', sha]),
  )
  const pushedAtMs = await platform.registry.firstRequestAtMs('ci', `/${repository}/manifests/${sha}$`, startedAtMs)
  if (pushedAtMs === undefined) throw new Error(`the registry was never asked to set the tag ${sha}`)
  return { sha, digest, pushedAtMs }
}
