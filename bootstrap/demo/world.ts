import { KubeConfig, AppsV1Api, CoordinationV1Api, CoreV1Api, type V1Pod } from '@kubernetes/client-node'
import { request } from 'undici'

/** Independent witnesses of what runs: the API server as an administrator, and what answers behind the Ingress. */
export interface World {
  readonly core: CoreV1Api
  readonly apps: AppsV1Api
  readonly coordination: CoordinationV1Api
  /** GET behind the Ingress, by the node's address and the given host name. */
  readonly throughIngress: (path: string, signal: AbortSignal) => Promise<IngressAnswer>
}

export interface IngressAnswer {
  readonly status: number
  readonly body: string
}

export interface WorldOptions {
  readonly kubeconfig: string
  readonly ingressUrl: string
  readonly ingressHost: string
}

export function openWorld({ kubeconfig, ingressUrl, ingressHost }: WorldOptions): World {
  const config = new KubeConfig()
  config.loadFromFile(kubeconfig)
  return {
    core: config.makeApiClient(CoreV1Api),
    apps: config.makeApiClient(AppsV1Api),
    coordination: config.makeApiClient(CoordinationV1Api),
    throughIngress: async (path, signal) => {
      const { statusCode, body } = await request(new URL(path, ingressUrl), {
        headers: { host: ingressHost },
        signal,
        headersTimeout: 5_000,
        bodyTimeout: 5_000,
      })
      return { status: statusCode, body: await body.text() }
    },
  }
}

/** Pods of a label selector that are not on their way out. */
export async function livePods(world: World, namespace: string, labelSelector: string): Promise<readonly V1Pod[]> {
  const { items } = await world.core.listNamespacedPod({ namespace, labelSelector })
  return items.filter((pod) => pod.metadata?.deletionTimestamp === undefined)
}

export function isReady(pod: V1Pod): boolean {
  return pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false
}

/** The digest that the container runtime says a container runs, `sha256:…`; it knows nothing of tags. */
export function runningDigest(pod: V1Pod, container: string): string | undefined {
  const status = pod.status?.containerStatuses?.find(({ name }) => name === container)
  return status?.state?.running && status.imageID.slice(status.imageID.lastIndexOf('@') + 1)
}
