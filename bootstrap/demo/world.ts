import {
  AppsV1Api,
  AutoscalingV2Api,
  CoordinationV1Api,
  CoreV1Api,
  CustomObjectsApi,
  KubeConfig,
  PolicyV1Api,
  type V1Pod,
  Watch,
} from '@kubernetes/client-node'
import { request } from 'undici'
import type { Delivery } from '../../reconciler/src/api/delivery.ts'
import { predictorNamespace } from './names.ts'

/** Independent witnesses of what runs: the API server as an administrator, and what answers behind the Ingress. */
export interface World {
  readonly watch: Watch
  readonly core: CoreV1Api
  readonly apps: AppsV1Api
  readonly autoscaling: AutoscalingV2Api
  readonly coordination: CoordinationV1Api
  readonly policy: PolicyV1Api
  /** The predictor's Delivery as it stands. */
  readonly delivery: () => Promise<Delivery>
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

const delivery = {
  group: 'windlass.dev',
  version: 'v1alpha1',
  plural: 'deliveries',
  namespace: predictorNamespace,
  name: 'predictor',
} as const

export function openWorld({ kubeconfig, ingressUrl, ingressHost }: WorldOptions): World {
  const config = new KubeConfig()
  config.loadFromFile(kubeconfig)
  const custom = config.makeApiClient(CustomObjectsApi)
  return {
    watch: new Watch(config),
    core: config.makeApiClient(CoreV1Api),
    apps: config.makeApiClient(AppsV1Api),
    autoscaling: config.makeApiClient(AutoscalingV2Api),
    coordination: config.makeApiClient(CoordinationV1Api),
    policy: config.makeApiClient(PolicyV1Api),
    delivery: async () => (await custom.getNamespacedCustomObject(delivery)) as Delivery,
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
  return items.filter(isLive)
}

export function isLive({ metadata }: V1Pod): boolean {
  return metadata?.deletionTimestamp === undefined
}

export function isReady(pod: V1Pod): boolean {
  return pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false
}

/** The digest that the container runtime says a container runs, `sha256:…`; it knows nothing of tags. */
export function runningDigest(pod: V1Pod, container: string): string | undefined {
  const status = pod.status?.containerStatuses?.find(({ name }) => name === container)
  return status?.state?.running && status.imageID.slice(status.imageID.lastIndexOf('@') + 1)
}

/** Whether a pod was made to run that image, whatever became of it. */
export function namesDigest({ spec }: V1Pod, container: string, digest: string): boolean {
  return spec?.containers.find(({ name }) => name === container)?.image?.endsWith(`@${digest}`) ?? false
}
