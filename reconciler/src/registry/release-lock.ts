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
  /** What it needs and no tag names: the manifests of an index, and what is attached. */
  readonly parts: readonly string[]
}

/**
 * Makes a release's tag name its digest for good, and its parts stay: the tag can't be written, and the parts, which have
 * no tag, can't be deleted, so that no policy on untagged manifests takes them.
 * https://learn.microsoft.com/azure/container-registry/container-registry-image-lock
 */
export async function lockRelease(
  connection: RegistryConnection,
  { name, tag, digest, parts }: LockedRelease,
  signal: AbortSignal,
): Promise<void> {
  const attempt = attemptOf(connection, `lock ${connection.http.registry}/${name}:${tag}`)
  await connection.call(name, attempt, signal, async ({ tags }) => {
    const artifact = tags.getArtifact(name, tag)
    const assertNamed = async () => {
      const named = (await artifact.getTagProperties(tag, { abortSignal: signal })).digest
      if (named !== digest) throw tagMoved(attempt, `the tag names ${named}, not ${digest}`)
    }
    // What is no release yet may have to be deleted.
    await assertNamed()
    // The tag last: where only half is done, it tells that it is not locked.
    for (const part of parts) {
      const locked = { canDelete: false, abortSignal: signal }
      await tags.getArtifact(name, part).updateManifestProperties(locked).catch(passNotFound)
    }
    await assertNamed()
    await artifact.updateTagProperties(tag, { canWrite: false, abortSignal: signal })
  })
}

/**
 * Deletes an image with its tags, what is attached to it, and the given manifests of an index, which no other one names.
 * Locks of ours are taken off first, where there are some: who may delete may not lock in every registry. A lock on the
 * image itself is another hand's, and is left.
 */
export async function deleteRelease(
  connection: RegistryConnection,
  release: {
    readonly name: string
    readonly digest: string
    readonly tags: readonly string[]
    readonly attached: readonly string[]
    readonly children: readonly string[]
  },
  signal: AbortSignal,
): Promise<void> {
  const { name, digest } = release
  const attempt = attemptOf(connection, `delete ${connection.http.registry}/${name}@${digest}`)
  await connection.call(name, attempt, signal, async ({ tags, content }) => {
    for (const tag of release.tags) await unlockTag(tags, name, tag, digest, attempt, signal)
    const parts = [...release.attached, ...release.children]
    for (const part of parts) await unlockPart(tags, name, part, signal).catch(passNotFound)
    // The image first, with which its tags go: a tag never names half a release.
    for (const manifest of [digest, ...parts]) {
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
  throw tagMoved(attempt, `its tag ${tag} names ${now.digest} meanwhile`)
}

async function unlockPart(
  tags: ContainerRegistryClient,
  name: string,
  part: string,
  signal: AbortSignal,
): Promise<void> {
  const artifact = tags.getArtifact(name, part)
  const { canDelete } = await artifact.getManifestProperties({ abortSignal: signal })
  if (canDelete !== true) await artifact.updateManifestProperties({ canDelete: true, abortSignal: signal })
}

/** The registry may delete what is attached together with its subject, and an index may name what is not there. */
function passNotFound(error: unknown): void {
  if ((error as { statusCode?: unknown }).statusCode !== 404) throw error
}

function tagMoved({ action }: Attempt, what: string): AppError {
  return new AppError({ kind: 'terminal', reason: 'TagMoved', message: `can't ${action}: ${what}` })
}

function attemptOf(connection: RegistryConnection, action: string): Attempt {
  return { host: connection.http.registry, action }
}
