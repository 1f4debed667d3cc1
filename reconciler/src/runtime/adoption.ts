import type { Revision } from '../api/delivery.ts'
import type { KubeObject } from '../api/object.ts'
import { parseRepository, printImageReference, type Repository } from '../core/image-reference.ts'
import { allRun, commonImage, imagesOf } from '../core/running-image.ts'
import type { ObjectStore, Tenant } from '../kube/ports.ts'

export interface AdoptionScope {
  readonly objects: Pick<ObjectStore, 'get' | 'podsOf'>
  readonly tenant: Tenant
  readonly signal: AbortSignal
}

/**
 * How the live workloads name the image of a release, where they run it already under another name than ours: with
 * that name their pod templates stay as they are, so that taking them over starts no pod. A name without the digest
 * counts where it has the release's tag and every pod says that it runs the digest. Undefined where ours must do.
 */
export async function imageAsItRuns(
  rendered: readonly KubeObject[],
  { repository: path, tag, digest }: Revision,
  scope: AdoptionScope,
): Promise<string | undefined> {
  const found = parseRepository(path)
  if (found.kind === 'invalid') return undefined
  const { value: repository } = found
  const workloads = await readWorkloads(rendered, repository, scope)
  const image = commonImage(workloads, repository)
  if (image === undefined || image.text === printImageReference({ ...repository, tag, digest })) return undefined
  if (image.digest !== undefined) return image.digest === digest ? image.text : undefined
  if (image.tag !== tag) return undefined
  const isRunning = await Promise.all(workloads.map((workload) => runsNow(workload, repository, digest, scope)))
  return isRunning.every(Boolean) ? image.text : undefined
}

async function readWorkloads(
  rendered: readonly KubeObject[],
  repository: Repository,
  { objects, tenant, signal }: AdoptionScope,
): Promise<readonly KubeObject[]> {
  const wanted = rendered.filter((object) => imagesOf(object, repository).length > 0)
  const read = wanted.map(async ({ apiVersion, kind, metadata: { name } }) =>
    objects.get({ apiVersion, kind, namespace: tenant.namespace, name }, tenant, signal),
  )
  return (await Promise.all(read)).filter((object) => object !== undefined)
}

/** A CronJob's pods come and go: the next one would pull what the tag names then. */
async function runsNow(
  workload: KubeObject,
  repository: Repository,
  digest: string,
  { objects, tenant, signal }: AdoptionScope,
): Promise<boolean> {
  if (workload.kind === 'CronJob') return false
  return allRun(await objects.podsOf(workload, tenant, signal), workload, repository, digest)
}
