import type {
  V1Ingress,
  V1IngressBackend,
  V1IngressClass,
  V1IngressServiceBackend,
  V1ObjectMeta,
  V1Service,
} from '@kubernetes/client-node'
import { isIP } from 'node:net'

/** `spec.controller` of the IngressClasses that are ours. */
export const controllerName = 'windlass.dev/local-haproxy'

export interface ClusterObjects {
  readonly ingressClasses: readonly V1IngressClass[]
  readonly ingresses: readonly V1Ingress[]
  readonly services: readonly V1Service[]
}

export interface RoutingTable {
  /** Precise hosts, then wildcards, then the rules that name no host; a request belongs to the first that fits. */
  readonly hosts: readonly HostRoutes[]
  /** Where a request goes that no rule matches; without it, nowhere. */
  readonly fallback?: Target
  readonly certificates: readonly CertificateRequest[]
  /** The Ingresses that are ours, by age. */
  readonly served: readonly ObjectKey[]
  readonly problems: readonly Problem[]
}

export interface HostRoutes {
  /** A precise name, `*.` and a suffix, or nothing for every other host. */
  readonly host: string
  /** The first that fits is the one: exact paths, then prefixes from long to short. */
  readonly routes: readonly PathRoute[]
  readonly fallback?: Target
}

export interface PathRoute {
  readonly match: 'exact' | 'prefix'
  /** As in the Ingress; a prefix without its last slash, so that the empty one is every path. */
  readonly path: string
  readonly target: Target
}

export type Target =
  | { readonly kind: 'service'; readonly service: ObjectKey; readonly address: string; readonly port: number }
  /** A rule that matches and can't be served: 503, where a request that no rule matches is 404. */
  | { readonly kind: 'unavailable' }

export interface ObjectKey {
  readonly namespace: string
  readonly name: string
}

export interface CertificateRequest {
  readonly secret: ObjectKey
  readonly hosts: readonly string[]
}

export interface Problem {
  readonly ingress: ObjectKey
  readonly message: string
}

/**
 * What the Ingresses of a cluster ask for, as one table.
 *
 * The host decides first and alone, then the path below it; of two rules that are equal the older Ingress's is kept
 * and the other reported. See https://kubernetes.io/docs/concepts/services-networking/ingress/#the-ingress-resource
 */
export function routingTable(objects: ClusterObjects): RoutingTable {
  const problems: Problem[] = []
  const services = new Map(objects.services.map((service) => [keyText(keyOf(service.metadata)), service]))
  const ours = oursByAge(objects)
  const drafts = new Map<string, HostDraft>()
  let fallback: Target | undefined

  for (const ingress of ours) {
    const key = keyOf(ingress.metadata)
    const report = (message: string): void => void problems.push({ ingress: key, message })
    const resolve = (backend: V1IngressBackend): Target => resolveBackend(backend, key.namespace, services, report)
    const ownFallback = ingress.spec?.defaultBackend && resolve(ingress.spec.defaultBackend)
    if (fallback && ownFallback && !ingress.spec?.rules?.length) {
      report('its default backend has no effect: an older Ingress has one')
    }
    fallback ??= ownFallback

    for (const rule of ingress.spec?.rules ?? []) {
      const host = rule.host ?? ''
      if (!isHost(host)) {
        report(`host ${JSON.stringify(host)} is neither a DNS name nor a wildcard: its rules are left out`)
        continue
      }
      const draft = drafts.get(host) ?? { routes: new Map<string, PathRoute>() }
      drafts.set(host, draft)
      draft.fallback ??= ownFallback
      for (const path of rule.http?.paths ?? []) {
        const route = { ...matchOf(path.pathType, path.path ?? ''), target: resolve(path.backend) }
        const rank = `${route.match} ${route.path}`
        if (draft.routes.has(rank)) {
          report(`${route.match} path ${JSON.stringify(path.path ?? '')} of host "${host}" is taken by an older rule`)
          continue
        }
        draft.routes.set(rank, route)
      }
    }
  }

  return {
    hosts: [...drafts].toSorted(([a], [b]) => byHost(a, b)).map(([host, draft]) => finishHost(host, draft)),
    ...(fallback && { fallback }),
    certificates: ours.flatMap(certificatesOf),
    served: ours.map(({ metadata }) => keyOf(metadata)),
    problems,
  }
}

export function keyText({ namespace, name }: ObjectKey): string {
  return `${namespace}/${name}`
}

interface HostDraft {
  readonly routes: Map<string, PathRoute>
  fallback?: Target | undefined
}

function oursByAge({ ingresses, ingressClasses }: ClusterObjects): readonly V1Ingress[] {
  const classes = new Set(
    ingressClasses.filter(({ spec }) => spec?.controller === controllerName).map(({ metadata }) => metadata?.name),
  )
  return ingresses
    .filter(({ spec }) => spec?.ingressClassName !== undefined && classes.has(spec.ingressClassName))
    .toSorted(
      (a, b) =>
        createdAt(a.metadata) - createdAt(b.metadata) || byText(keyText(keyOf(a.metadata)), keyText(keyOf(b.metadata))),
    )
}

/** A listed object carries a Date; one from a watch, which the client does not deserialise, the text. */
function createdAt(metadata: V1ObjectMeta | undefined): number {
  return new Date(metadata?.creationTimestamp ?? 0).getTime()
}

function keyOf(metadata: V1ObjectMeta | undefined): ObjectKey {
  return { namespace: metadata?.namespace ?? '', name: metadata?.name ?? '' }
}

const label = '[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?'
const hostPattern = new RegExp(`^(?:\\*\\.)?${label}(?:\\.${label})*$`)

/** What the API server admits too; it goes into a configuration file, so it is not taken on trust. */
function isHost(host: string): boolean {
  return host === '' || (host.length <= 253 && hostPattern.test(host))
}

/** ImplementationSpecific is a prefix here, as it is for most controllers. */
function matchOf(pathType: string, path: string): Omit<PathRoute, 'target'> {
  return pathType === 'Exact' ? { match: 'exact', path } : { match: 'prefix', path: path.replace(/\/+$/, '') }
}

function resolveBackend(
  { service }: V1IngressBackend,
  namespace: string,
  services: ReadonlyMap<string, V1Service>,
  report: (message: string) => void,
): Target {
  const unavailable = (why: string): Target => {
    report(why)
    return { kind: 'unavailable' }
  }
  if (service === undefined) return unavailable('only Services can be backends, and one names a resource')
  const key = { namespace, name: service.name }
  const found = services.get(keyText(key))
  if (found === undefined) return unavailable(`Service ${keyText(key)} does not exist`)
  const address = found.spec?.clusterIP ?? ''
  // An ExternalName Service would let any tenant point the front door at a host outside of the cluster.
  if (found.spec?.type === 'ExternalName' || isIP(address) === 0) {
    return unavailable(`Service ${keyText(key)} has no cluster IP`)
  }
  const port = found.spec?.ports?.find((port) => isPort(port, service.port))?.port
  if (port === undefined) {
    return unavailable(`Service ${keyText(key)} has no TCP port ${service.port?.name ?? service.port?.number ?? ''}`)
  }
  return { kind: 'service', service: key, address, port }
}

function isPort(
  port: { readonly name?: string; readonly port: number; readonly protocol?: string },
  wanted: V1IngressServiceBackend['port'],
): boolean {
  if ((port.protocol ?? 'TCP') !== 'TCP') return false
  return wanted?.name === undefined ? port.port === wanted?.number : port.name === wanted.name
}

function finishHost(host: string, { routes, fallback }: HostDraft): HostRoutes {
  const sorted = [...routes.values()].toSorted(
    (a, b) => byText(a.match, b.match) || b.path.length - a.path.length || byText(a.path, b.path),
  )
  return { host, routes: sorted, ...(fallback && { fallback }) }
}

/** A wildcard stands for one label, so that no two of them fit the same name and any order among them will do. */
function byHost(a: string, b: string): number {
  const rank = (host: string): number => (host === '' ? 2 : host.startsWith('*') ? 1 : 0)
  return rank(a) - rank(b) || byText(a, b)
}

/** By code unit: a locale's order could differ between machines, and the configuration must not. */
function byText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

function certificatesOf({ metadata, spec }: V1Ingress): readonly CertificateRequest[] {
  const { namespace } = keyOf(metadata)
  return (spec?.tls ?? []).flatMap(({ secretName, hosts }) =>
    secretName === undefined ? [] : [{ secret: { namespace, name: secretName }, hosts: (hosts ?? []).filter(isHost) }],
  )
}
