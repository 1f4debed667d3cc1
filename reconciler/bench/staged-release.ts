import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { checkout } from '../../bootstrap/local/checkout.ts'
import { repositories } from '../../bootstrap/local/identities.ts'
import { debianImages } from '../../bootstrap/local/images/debian-images.ts'
import { programs } from '../../bootstrap/local/images/image-context.ts'
import type { Platform } from '../../bootstrap/local/platform.ts'
import { pushProgram } from '../../bootstrap/local/registry-push.ts'
import { attach } from '../src/cli/attach.ts'
import { readPushedImage, setTag } from '../src/registry/bundle-push.ts'
import type { RegistryConnection } from '../src/registry/registry-connection.ts'
import type { BenchBounds } from './bench-platform.ts'

/** All of a release but its tag: the machine is quiet again when that is set. */
export interface StagedRelease {
  readonly sha: string
  readonly digest: string
}

/** Builds, pushes and attaches as CI does, for a commit that is not there: the sources are the working tree's. */
export async function stageRelease(
  platform: Platform,
  connection: RegistryConnection,
  sequence: number,
  { signal, onStep }: BenchBounds,
): Promise<StagedRelease> {
  const sha = createHash('sha1').update(`${platform.cluster.name} ${sequence}`).digest('hex')
  const { digest, reference } = await pushProgram({
    registry: platform.registry,
    root: checkout,
    program: programs.predictor,
    dockerfile: 'predictor/Dockerfile',
    base: debianImages.base,
    release: { revision: sha, created: '1970-01-01T00:00:00Z', sequence },
    repository: repositories.predictor,
    signal,
  })
  const folder = join(checkout, 'manifests', 'predictor', 'release')
  await attach({ folder, image: reference, revision: sha }, { connect: () => connection, say: () => {}, signal })
  onStep(`release ${sequence} is built, pushed and attached, without a tag`)
  return { sha, digest }
}

/** Sets the tag; answers when the registry was asked to, in epoch milliseconds by its log. */
export async function pushTag(
  { registry }: Platform,
  connection: RegistryConnection,
  { sha, digest }: StagedRelease,
  signal: AbortSignal,
): Promise<number> {
  const after = await registry.admin.lastRequest()
  const image = await readPushedImage(connection, repositories.predictor, digest, signal)
  await setTag(connection, repositories.predictor, sha, image, signal)
  const [put] = await registry.admin.requests({ after, method: 'PUT', path: `/manifests/${sha}$` })
  if (put === undefined) throw new Error(`the registry was never asked to set the tag ${sha}`)
  return put.atMs
}
