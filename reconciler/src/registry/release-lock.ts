import type { ContainerRegistryClient } from '@azure/container-registry'
import { AppError } from '../core/errors.ts'
import type { RegistryConnection } from './registry-connection.ts'
import type { Attempt } from './translate-error.ts'

/** What a lock holds on to. */
export interface LockedRelease {
  readonly name: string
  readonly tag: string
  /** What the tag names. */
  readonly digest: string
  /** Of the manifests that are attached, where there are some. */
  readonly bundle?: string
}

/**
 * Makes a release's tag name its digest for good, and its bundle stay: the tag can't be written, and the bundle, which
 * has no tag, can't be deleted, so that no policy on untagged manifests takes it.
 * https://learn.microsoft.com/azure/container-registry/container-registry-image-lock
 */
export async function lockRelease(
  connection: RegistryConnection,
  { name, tag, digest, bundle }: LockedRelease,
  signal: AbortSignal,
): Promise<void> {
  const attempt = attemptOf(connection, `lock ${connection.http.registry}/${name}:${tag}`)
  await connection.call(name, attempt, signal, async ({ tags }) => {
    // The bundle first: where only half is done, the tag tells that it is not locked.
    if (bundle !== undefined) {
      await tags.getArtifact(name, bundle).updateManifestProperties({ canDelete: false, abortSignal: signal })
    }
    const artifact = tags.getArtifact(name, tag)
    const before = await artifact.getTagProperties(tag, { abortSignal: signal })
    if (before.digest !== digest) {
      throw new AppError({
        kind: 'terminal',
        reason: 'TagMoved',
        message: `can't ${attempt.action}: the tag names ${before.digest}, not ${digest}`,
      })
    }
    await artifact.updateTagProperties(tag, { canWrite: false, abortSignal: signal })
  })
}

/**
 * Deletes an image with its tags, what is attached to it, and the given manifests of an index, whose only one it was.
 * Locks of ours are taken off first, where there are some: who may delete may not lock in every registry. A lock on the
 * image itself is another hand's, and is left.
 */
export async function deleteRelease(
  connection: RegistryConnection,
  release: {
    readonly name: string
    readonly digest: string
    readonly tags: readonly string[]
    readonly bundles: readonly string[]
    readonly children: readonly string[]
  },
  signal: AbortSignal,
): Promise<void> {
  const { name, digest } = release
  const attempt = attemptOf(connection, `delete ${connection.http.registry}/${name}@${digest}`)
  await connection.call(name, attempt, signal, async ({ tags, content }) => {
    for (const tag of release.tags) await unlockTag(tags, name, tag, digest, attempt, signal)
    for (const bundle of release.bundles) await unlockBundle(tags, name, bundle, signal)
    // The image first, with which its tags go: a tag never names half a release.
    for (const manifest of [digest, ...release.bundles, ...release.children]) {
      await content.deleteManifest(manifest, { abortSignal: signal }).catch(passNotFound)
    }
  })
}

async function unlockTag(
  tags: ContainerRegistryClient,
  name: string,
  tag: string,
  digest: string,
  attempt: Attempt,
  signal: AbortSignal,
): Promise<void> {
  const artifact = tags.getArtifact(name, tag)
  const found = await artifact.getTagProperties(tag, { abortSignal: signal })
  const isOpen = found.canWrite === true && found.canDelete === true
  const unlocked = { canWrite: true, canDelete: true, abortSignal: signal }
  const now = isOpen ? found : await artifact.updateTagProperties(tag, unlocked)
  if (now.digest === digest) return
  throw new AppError({
    kind: 'terminal',
    reason: 'TagMoved',
    message: `can't ${attempt.action}: its tag ${tag} names ${now.digest} meanwhile`,
  })
}

async function unlockBundle(
  tags: ContainerRegistryClient,
  name: string,
  bundle: string,
  signal: AbortSignal,
): Promise<void> {
  const artifact = tags.getArtifact(name, bundle)
  const { canDelete } = await artifact.getManifestProperties({ abortSignal: signal })
  if (canDelete !== true) await artifact.updateManifestProperties({ canDelete: true, abortSignal: signal })
}

/** The registry may delete what is attached together with its subject. */
function passNotFound(error: unknown): void {
  if ((error as { statusCode?: unknown }).statusCode !== 404) throw error
}

function attemptOf(connection: RegistryConnection, action: string): Attempt {
  return { host: connection.http.registry, action }
}
