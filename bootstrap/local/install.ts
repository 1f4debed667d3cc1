import type { KubernetesObject, V1Deployment, V1Pod } from '@kubernetes/client-node'
import {
  AppsV1Api,
  CoreV1Api,
  HttpMethod,
  KubeConfig,
  KubernetesObjectApi,
  PatchStrategy,
} from '@kubernetes/client-node'
import { waitFor } from './wait.ts'

/** Owner, in server-side apply's sense, of what the local platform installs. */
export const fieldManager = 'windlass-bootstrap'

export type Manifest = KubernetesObject & Readonly<Record<string, unknown>>

export interface InstallOptions {
  readonly signal?: AbortSignal
}

/** Applies objects in their order, server-side; fields that others own are taken over. */
export async function applyObjects(
  kubeconfig: string,
  objects: readonly Manifest[],
  options: InstallOptions = {},
): Promise<void> {
  const api = configOf(kubeconfig).makeApiClient(ObjectsAsWritten)
  for (const object of objects) {
    options.signal?.throwIfAborted()
    await api.apply(object)
  }
}

/**
 * The client's own patch sends an object through its typed model, where a field of a plain object that is a word of
 * JavaScript (`default` of a schema, `from` of a NetworkPolicy) or holds a dash is dropped without a word.
 */
class ObjectsAsWritten extends KubernetesObjectApi {
  async apply(object: Manifest): Promise<void> {
    const path = await this.specUriPath(object, 'patch')
    const request = this.configuration.baseServer.makeRequestContext(path, HttpMethod.PATCH)
    request.setHeaderParam('Accept', 'application/json')
    request.setHeaderParam('Content-Type', PatchStrategy.ServerSideApply)
    request.setQueryParam('fieldManager', fieldManager)
    request.setQueryParam('force', 'true')
    request.setBody(JSON.stringify(object))
    await this.requestPromise(request)
  }
}

export interface DeploymentName {
  readonly namespace: string
  readonly name: string
}

/** Resolves when every pod of the Deployment is of its newest revision and available. */
export async function waitForDeployment(
  kubeconfig: string,
  { namespace, name }: DeploymentName,
  options: InstallOptions & { readonly timeoutMs: number },
): Promise<void> {
  const config = configOf(kubeconfig)
  const apps = config.makeApiClient(AppsV1Api)
  const core = config.makeApiClient(CoreV1Api)
  await waitFor(
    async () => isRolledOut(await apps.readNamespacedDeployment({ namespace, name })) || undefined,
    async () => {
      const { items } = await core.listNamespacedPod({ namespace })
      return [`Deployment ${namespace}/${name} was to become available`, ...items.map(describePod)].join('\n')
    },
    options,
  )
}

function isRolledOut({ metadata, spec, status }: V1Deployment): boolean {
  const wanted = spec?.replicas ?? 1
  return (
    (status?.observedGeneration ?? 0) >= (metadata?.generation ?? 0) &&
    (status?.updatedReplicas ?? 0) === wanted &&
    (status?.replicas ?? 0) === wanted &&
    (status?.availableReplicas ?? 0) === wanted
  )
}

function describePod({ metadata, status }: V1Pod): string {
  const containers = (status?.containerStatuses ?? []).map(({ name, state }) => {
    const stuck = state?.waiting ?? state?.terminated
    return `${name}: ${stuck ? `${stuck.reason ?? 'not running'} ${stuck.message ?? ''}`.trim() : 'running'}`
  })
  return `pod ${metadata?.name}: ${status?.phase ?? 'unknown'} ${containers.join(', ')}`
}

function configOf(kubeconfig: string): KubeConfig {
  const config = new KubeConfig()
  config.loadFromFile(kubeconfig)
  return config
}
