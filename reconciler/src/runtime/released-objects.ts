import type { Revision, Snapshot } from '../api/delivery.ts'
import type { KubeObject } from '../api/object.ts'
import type { Work } from '../core/desired.ts'
import { AppError } from '../core/errors.ts'
import { isVeryRelease, shortTag } from '../core/releases.ts'
import type { ObjectStore, SnapshotStore } from '../kube/ports.ts'
import type { TagSource } from '../registry/tag-source.ts'
import { readManifests } from './manifest-source.ts'
import { renderRelease } from './render-release.ts'
import type { Turn } from './turn.ts'

export interface ReleasedObjectsScope {
  readonly tags: TagSource
  readonly objects: Pick<ObjectStore, 'get'>
  readonly snapshots: SnapshotStore
  readonly signal: AbortSignal
}

export interface ReleasedObjects {
  readonly objects: readonly KubeObject[]
  /** The copy of them in the cluster. */
  readonly snapshot: Snapshot
}

/**
 * The objects of a release that was begun before, as they were then: from its copy in the cluster, so that nothing else
 * is needed. Where the copy is lost they are read anew from where they came, by digest, and kept anew.
 */
export async function releasedObjects(
  revision: Revision,
  work: Work,
  turn: Turn,
  scope: ReleasedObjectsScope,
): Promise<ReleasedObjects> {
  const { memory, delivery } = turn
  const { rendered } = memory
  if (rendered !== undefined && isVeryRelease(rendered.revision, revision)) return rendered

  const kept = revision.snapshot
  const objects = kept === undefined ? undefined : await scope.snapshots.load(delivery, kept, scope.signal)
  const found =
    objects === undefined || kept === undefined
      ? await restoreCopy(revision, work, turn, scope)
      : { objects, snapshot: kept }
  memory.rendered = { revision, ...found }
  return found
}

async function restoreCopy(
  revision: Revision,
  work: Work,
  turn: Turn,
  { tags, objects, snapshots, signal }: ReleasedObjectsScope,
): Promise<ReleasedObjects> {
  const { delivery, tenant } = turn
  const what = `the copy of ${shortTag(revision.tag)} in the cluster`
  let fresh: readonly KubeObject[]
  try {
    const manifests = await readManifests({ tags, objects, spec: work.spec, tenant, signal }, revision)
    fresh = renderRelease(manifests, revision, delivery, work)
  } catch (error) {
    if (!(error instanceof AppError) || error.kind === 'aborted') throw error
    throw withoutCopy(what, error)
  }
  const snapshot = await snapshots.save(delivery, fresh, signal)
  // A release of before copies were kept has lost nothing.
  if (revision.snapshot !== undefined) {
    turn.warn('SnapshotLost', `${what} was gone or not as it was kept; it was made anew from its source`)
  }
  return { objects: fresh, snapshot }
}

/** Not in vain to try again, whatever the source says: the source may be mended, and so may the copy. */
function withoutCopy(what: string, error: AppError): AppError {
  return new AppError({
    kind: error.kind === 'terminal' ? 'waiting' : error.kind,
    reason: error.reason,
    message: `${what} is gone or not as it was kept, and it can't be made anew: ${error.message}`,
    ...(error.retryAfterMs !== undefined && { retryAfterMs: error.retryAfterMs }),
    cause: error,
  })
}
