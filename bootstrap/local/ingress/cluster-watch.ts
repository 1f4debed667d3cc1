import { CoreV1Api, ListWatch, NetworkingV1Api, Watch } from '@kubernetes/client-node'
import type {
  KubeConfig,
  KubernetesListObject,
  KubernetesObject,
  V1Ingress,
  V1IngressClass,
  V1Secret,
  V1Service,
} from '@kubernetes/client-node'
import type { Logger } from 'pino'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ClusterObjects } from './routing.ts'

export interface WatchedObjects extends ClusterObjects {
  /** Of type kubernetes.io/tls; none where they are not watched. */
  readonly secrets: readonly V1Secret[]
}

export interface ClusterWatchOptions {
  readonly kubeConfig: KubeConfig
  /** Secrets are read only for TLS. */
  readonly withSecrets: boolean
  readonly log: Logger
  /** Something may have changed; told again for each change, and when a list is complete. */
  readonly onChange: () => void
  readonly signal: AbortSignal
}

export interface ClusterWatch {
  /** What is known now, or nothing until each kind was listed once. */
  snapshot(): WatchedObjects | undefined
}

/** Follows all that an Ingress controller decides on, until the signal aborts, across restarts of the API server. */
export function watchCluster(options: ClusterWatchOptions): ClusterWatch {
  const { kubeConfig, withSecrets } = options
  const networking = kubeConfig.makeApiClient(NetworkingV1Api)
  const core = kubeConfig.makeApiClient(CoreV1Api)
  const ingresses = follow<V1Ingress>(options, '/apis/networking.k8s.io/v1/ingresses', () =>
    networking.listIngressForAllNamespaces(),
  )
  const ingressClasses = follow<V1IngressClass>(options, '/apis/networking.k8s.io/v1/ingressclasses', () =>
    networking.listIngressClass(),
  )
  const services = follow<V1Service>(options, '/api/v1/services', () => core.listServiceForAllNamespaces())
  const fieldSelector = 'type=kubernetes.io/tls'
  const secrets = withSecrets
    ? follow<V1Secret>(
        options,
        '/api/v1/secrets',
        () => core.listSecretForAllNamespaces({ fieldSelector }),
        fieldSelector,
      )
    : () => []

  return {
    snapshot: () => {
      const found = {
        ingresses: ingresses(),
        ingressClasses: ingressClasses(),
        services: services(),
        secrets: secrets(),
      }
      return isComplete(found) ? found : undefined
    },
  }
}

const restartDelayMs = 1_000

/** The objects of one kind, or nothing before the first list. */
function follow<T extends KubernetesObject>(
  options: ClusterWatchOptions,
  path: string,
  list: () => Promise<KubernetesListObject<T>>,
  fieldSelector?: string,
): () => readonly T[] | undefined {
  const { kubeConfig, log, onChange, signal } = options
  let current: ListWatch<T> | undefined

  /**
   * The client's ListWatch stops at most errors and then holds what it held. So a new one takes its place, which lists
   * anew; until it has, the last store stands.
   */
  async function keepWatching(): Promise<void> {
    while (!signal.aborted) {
      const watch = new ListWatch<T>(path, new Watch(kubeConfig), list, false, undefined, fieldSelector)
      watch.on('change', () => {
        if (watch === current) onChange()
      })
      try {
        await runToItsEnd(watch, signal, () => {
          current = watch
          onChange()
        })
      } catch (error) {
        if (!signal.aborted) log.warn({ err: error, path }, 'watch ended, starting it again')
      }
      await sleep(restartDelayMs, undefined, { signal }).catch(() => undefined)
    }
  }
  void keepWatching()
  return () => current?.list()
}

/** Rejects with what ended it; `start` itself never does, and resolves after a failure as after the first list. */
async function runToItsEnd<T extends KubernetesObject>(
  watch: ListWatch<T>,
  signal: AbortSignal,
  onListed: () => void,
): Promise<void> {
  const end = Promise.withResolvers<never>()
  const abort = (): void => end.reject(signal.reason)
  watch.on('error', end.reject)
  signal.addEventListener('abort', abort)
  try {
    await Promise.race([end.promise, watch.start()])
    onListed()
    await end.promise
  } finally {
    signal.removeEventListener('abort', abort)
    await watch.stop()
  }
}

function isComplete(objects: {
  readonly [K in keyof WatchedObjects]: WatchedObjects[K] | undefined
}): objects is WatchedObjects {
  return Object.values(objects).every((list) => list !== undefined)
}
