import type { KubeObject } from '../api/object.ts'
import { autoscaled, objectKey, setsReplicas, withoutReplicas } from '../core/replicas.ts'
import type { ObjectStore, Tenant } from '../kube/ports.ts'

export interface ReplicasScope {
  readonly objects: Pick<ObjectStore, 'autoscalers'>
  readonly tenant: Tenant
  readonly signal: AbortSignal
}

/**
 * The objects as they may be written: without the number of replicas where an autoscaler, of the release or in the
 * namespace, targets the workload. Asked right before each write, for one may have come since; where the release's own
 * autoscalers answer it, nothing is asked.
 */
export async function leaveReplicas(
  objects: readonly KubeObject[],
  release: readonly KubeObject[],
  scope: ReplicasScope,
): Promise<readonly KubeObject[]> {
  const bundled = autoscaled(release)
  const isOpen = objects.some((object) => setsReplicas(object) && !bundled.has(objectKey(object)))
  const found = isOpen ? autoscaled(await scope.objects.autoscalers(scope.tenant, scope.signal)) : bundled
  const isAutoscaled = (object: KubeObject) => bundled.has(objectKey(object)) || found.has(objectKey(object))
  return objects.map((object) => (setsReplicas(object) && isAutoscaled(object) ? withoutReplicas(object) : object))
}
