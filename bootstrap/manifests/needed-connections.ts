import type { V1Deployment } from '@kubernetes/client-node'
import { traefik } from '../azure/steps/charts.ts'
import type { Manifest } from '../local/install.ts'
import type { Attempt, End, PodEnd } from '../local/network/policy.ts'
import { type Cast, tcp, udp } from './forbidden-connections.ts'

export interface AksCast extends Cast {
  readonly azureMonitor: PodEnd
  readonly traefikOfBootstrap: PodEnd
  readonly resolver: PodEnd
}

/** As Kubernetes labels every Namespace. */
export const namespaces = Object.fromEntries(
  ['predictor', 'windlass-system', 'monitoring', 'kube-system', 'app-routing-system', traefik.namespace, 'default'].map(
    (name) => [name, { 'kubernetes.io/metadata.name': name }],
  ),
)

/** Our pods as these Deployments make them, and those of AKS as it labels them. */
export function aksCast(objects: readonly Manifest[]): AksCast {
  return {
    predictor: podOf(objects, 'predictor', 'predictor'),
    reconciler: podOf(objects, 'windlass-system', 'windlass'),
    prometheus: pod('monitoring', { 'app.kubernetes.io/name': 'prometheus' }),
    azureMonitor: pod('kube-system', { rsName: 'ama-metrics' }),
    ingress: pod('app-routing-system', { app: 'nginx' }),
    traefikOfBootstrap: pod(traefik.namespace, { 'app.kubernetes.io/name': 'traefik' }),
    resolver: pod('kube-system', { 'k8s-app': 'kube-dns' }),
    nodeIp: '10.0.0.5',
  }
}

/** What somebody has to open, by what it is, and the policies must allow. */
export function neededConnections(cast: AksCast): Readonly<Record<string, Attempt>> {
  const { predictor, reconciler, prometheus, azureMonitor, ingress, traefikOfBootstrap, resolver } = cast
  return {
    'the Ingress calls the predictor': tcp(ingress, predictor, 8080),
    'the Ingress of the bootstrap does': tcp(traefikOfBootstrap, predictor, 8080),
    'Prometheus scrapes the predictor': tcp(prometheus, predictor, 8080),
    'Azure Monitor scrapes the predictor': tcp(azureMonitor, predictor, 8080),
    'Prometheus scrapes the reconciler': tcp(prometheus, reconciler, 8080),
    'Azure Monitor scrapes the reconciler': tcp(azureMonitor, reconciler, 8080),
    'the reconciler looks a name up': udp(reconciler, resolver, 53),
    'the reconciler looks a long name up': tcp(reconciler, resolver, 53),
    'the reconciler looks a name up, with LocalDNS': udp(reconciler, outside('169.254.10.11'), 53),
    'the reconciler asks the API server, the registry, Entra ID': tcp(reconciler, outside('20.50.2.1'), 443),
    'checks of a release, which come later, ask the predictor': tcp(reconciler, predictor, 8080),
    'and Prometheus': tcp(reconciler, prometheus, 9090),
    'the reconciler asks an API server of its own port': tcp(reconciler, outside('10.0.0.4'), 6443),
  }
}

export function pod(namespace: string, labels: Readonly<Record<string, string>>): PodEnd {
  return { kind: 'pod', namespace, name: 'one', labels, ports: {} }
}

export function outside(ip: string): End {
  return { kind: 'outside', ip }
}

/** A pod as the Deployment of that Namespace makes it. */
function podOf(objects: readonly Manifest[], namespace: string, name: string): PodEnd {
  const isIt = ({ kind, metadata }: Manifest) => kind === 'Deployment' && metadata?.namespace === namespace
  const { spec } = (objects.find(isIt) ?? {}) as V1Deployment
  const { metadata, spec: podSpec } = spec?.template ?? {}
  const ports = podSpec?.containers.flatMap((container) => container.ports ?? []) ?? []
  return {
    kind: 'pod',
    namespace,
    name,
    labels: metadata?.labels ?? {},
    ports: Object.fromEntries(ports.map(({ name: port = '', containerPort }) => [port, containerPort])),
  }
}
