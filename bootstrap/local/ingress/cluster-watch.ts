import { CoreV1Api, NetworkingV1Api } from '@kubernetes/client-node'
import type { V1Ingress, V1IngressClass, V1Secret, V1Service } from '@kubernetes/client-node'
import type { FollowOptions } from '../follow-objects.ts'
import { followObjects } from '../follow-objects.ts'
import type { ClusterObjects } from './routing.ts'

export interface WatchedObjects extends ClusterObjects {
  /** Of type kubernetes.io/tls; none where they are not watched. */
  readonly secrets: readonly V1Secret[]
}

export interface ClusterWatchOptions extends FollowOptions {
  /** Secrets are read only for TLS. */
  readonly withSecrets: boolean
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
  const ingresses = followObjects<V1Ingress>(options, '/apis/networking.k8s.io/v1/ingresses', () =>
    networking.listIngressForAllNamespaces(),
  )
  const ingressClasses = followObjects<V1IngressClass>(options, '/apis/networking.k8s.io/v1/ingressclasses', () =>
    networking.listIngressClass(),
  )
  const services = followObjects<V1Service>(options, '/api/v1/services', () => core.listServiceForAllNamespaces())
  const fieldSelector = 'type=kubernetes.io/tls'
  const secrets = withSecrets
    ? followObjects<V1Secret>(
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

function isComplete(objects: {
  readonly [K in keyof WatchedObjects]: WatchedObjects[K] | undefined
}): objects is WatchedObjects {
  return Object.values(objects).every((list) => list !== undefined)
}
