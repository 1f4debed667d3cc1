// The policies as they stand in the manifests, on AKS: who gets through, and who does not. Connections that were really
// opened are judged by reconciler/e2e/who-may-talk-to-whom.e2e.ts.
import type { V1Deployment } from '@kubernetes/client-node'
import t from 'tap'
import { traefik } from '../azure/steps/charts.ts'
import type { Manifest } from '../local/install.ts'
import { type Attempt, type End, judge, type NetworkPolicy, type PodEnd } from '../local/network/policy.ts'
import { forbiddenConnections, tcp, udp } from './forbidden-connections.ts'
import { rawManifests } from './raw-manifests.ts'

const objects = await rawManifests('predictor/release', 'reconciler')
const policies = objects.filter(
  ({ kind }) => kind === 'NetworkPolicy',
) as readonly unknown[] as readonly NetworkPolicy[]
const predictor = podOf('predictor', 'predictor')
const reconciler = podOf('windlass-system', 'windlass')
const prometheus = pod('monitoring', { 'app.kubernetes.io/name': 'prometheus' })
const azureMonitor = pod('kube-system', { rsName: 'ama-metrics' })
const ingress = pod('app-routing-system', { app: 'nginx' })
const traefikOfBootstrap = pod(traefik.namespace, { 'app.kubernetes.io/name': 'traefik' })
const resolver = pod('kube-system', { 'k8s-app': 'kube-dns' })
const namespaces = Object.fromEntries(
  ['predictor', 'windlass-system', 'monitoring', 'kube-system', 'app-routing-system', traefik.namespace, 'default'].map(
    (name) => [
      name,
      // As Kubernetes labels every Namespace.
      { 'kubernetes.io/metadata.name': name },
    ],
  ),
)
const outside = (ip: string): End => ({ kind: 'outside', ip })

t.test('who has something to ask gets through', async (t) => {
  const needed: Readonly<Record<string, Attempt>> = {
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
    'the reconciler asks an API server of its own port': tcp(reconciler, outside('10.0.0.4'), 6443),
  }
  for (const [what, attempt] of Object.entries(needed)) t.equal(verdictOn(attempt), 'allowed', what)
})

t.test('the predictor would let in checks of the reconciler, whose own policy does not let them out yet', async (t) => {
  const check = tcp(reconciler, predictor, 8080)
  const ofPredictor = policies.filter(({ metadata }) => metadata.namespace === predictor.namespace)
  t.equal(judge(check, ofPredictor, namespaces).kind, 'allowed')
  t.match(judge(check, policies, namespaces), { kind: 'denied', direction: 'egress' })
})

t.test('who has not does not', async (t) => {
  const forbidden = forbiddenConnections({ predictor, reconciler, prometheus, ingress, nodeIp: '10.0.0.5' })
  for (const [what, attempt] of Object.entries(forbidden)) t.equal(verdictOn(attempt), 'denied', what)
})

function verdictOn(attempt: Attempt): string {
  return judge(attempt, policies, namespaces).kind
}

function pod(namespace: string, labels: Readonly<Record<string, string>>): PodEnd {
  return { kind: 'pod', namespace, name: 'one', labels, ports: {} }
}

/** A pod as the Deployment of that Namespace makes it. */
function podOf(namespace: string, name: string): PodEnd {
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
