import type {
  V1Ingress,
  V1IngressBackend,
  V1IngressClass,
  V1IngressRule,
  V1Service,
  V1ServiceSpec,
} from '@kubernetes/client-node'
import { controllerName } from './routing.ts'

/** Objects as the API server would return them, with only what routing looks at. */

export const ourClass: V1IngressClass = { metadata: { name: 'ours' }, spec: { controller: controllerName } }

export interface IngressDraft {
  readonly name?: string
  readonly namespace?: string
  readonly createdAt?: string
  /** Null for an Ingress that names no class. */
  readonly className?: string | null
  readonly rules?: V1IngressRule[]
  readonly defaultBackend?: V1IngressBackend
  readonly tls?: { hosts?: string[]; secretName?: string }[]
}

export function ingress(draft: IngressDraft): V1Ingress {
  return {
    metadata: {
      name: draft.name ?? 'web',
      namespace: draft.namespace ?? 'shop',
      creationTimestamp: new Date(draft.createdAt ?? '2026-01-01T00:00:00Z'),
    },
    spec: {
      ...(draft.className !== null && { ingressClassName: draft.className ?? 'ours' }),
      rules: draft.rules ?? [],
      ...(draft.defaultBackend && { defaultBackend: draft.defaultBackend }),
      ...(draft.tls && { tls: draft.tls }),
    },
  }
}

export type PathDraft = readonly [pathType: string, path: string, backend: V1IngressBackend]

export function rule(host: string | undefined, ...paths: readonly PathDraft[]): V1IngressRule {
  return {
    ...(host !== undefined && { host }),
    http: { paths: paths.map(([pathType, path, backend]) => ({ pathType, path, backend })) },
  }
}

export function to(name: string, port: number | string = 80): V1IngressBackend {
  return { service: { name, port: typeof port === 'number' ? { number: port } : { name: port } } }
}

export type ServiceDraft = Pick<V1ServiceSpec, 'type' | 'clusterIP' | 'externalName' | 'ports'>

export function service(name: string, clusterIP: string, spec: ServiceDraft = {}, namespace = 'shop'): V1Service {
  return {
    metadata: { name, namespace },
    spec: { type: 'ClusterIP', clusterIP, ports: [{ name: 'http', port: 80, protocol: 'TCP' }], ...spec },
  }
}
