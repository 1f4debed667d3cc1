import type { Attempt, End, PodEnd } from '../local/network/policy.ts'

export interface Cast {
  readonly predictor: PodEnd
  readonly reconciler: PodEnd
  readonly prometheus: PodEnd
  readonly ingress: PodEnd
  /** Where the API server, etcd and the kubelet listen. */
  readonly nodeIp: string
}

/** What nobody has to open, by what it would be, and the policies must deny. */
export function forbiddenConnections(cast: Cast): Readonly<Record<string, Attempt>> {
  const { predictor, reconciler, prometheus, ingress } = cast
  const node: End = { kind: 'node', ip: cast.nodeIp }
  // RFC 5737: an address of nobody.
  const world: End = { kind: 'outside', ip: '203.0.113.7' }
  const instanceMetadata: End = { kind: 'outside', ip: '169.254.169.254' }
  const neighbour: PodEnd = { kind: 'pod', namespace: 'default', name: 'neighbour', labels: {}, ports: {} }
  const [asPrometheus, asReconciler] = [prometheus, reconciler].map(({ labels }) => ({ ...neighbour, labels }))
  if (asPrometheus === undefined || asReconciler === undefined) throw new Error('there is nobody to pretend to be')
  return {
    'the predictor asks the API server': tcp(predictor, node, 6443),
    'the predictor asks a registry': tcp(predictor, world, 443),
    'the predictor looks a name up': udp(predictor, node, 53),
    'the predictor asks who the node is': tcp(predictor, instanceMetadata, 80),
    'the predictor calls the reconciler': tcp(predictor, reconciler, 8080),
    'a neighbour calls the predictor': tcp(neighbour, predictor, 8080),
    'one that calls itself Prometheus calls the predictor': tcp(asPrometheus, predictor, 8080),
    'one that calls itself the reconciler calls the predictor': tcp(asReconciler, predictor, 8080),
    'one beside Prometheus calls the predictor': tcp(
      { ...neighbour, namespace: prometheus.namespace },
      predictor,
      8080,
    ),
    'one beside the reconciler calls the predictor': tcp(
      { ...neighbour, namespace: reconciler.namespace },
      predictor,
      8080,
    ),
    'one of kube-system calls the predictor': tcp({ ...neighbour, namespace: 'kube-system' }, predictor, 8080),
    'the world calls the predictor past the Ingress': tcp(world, predictor, 8080),
    'Prometheus asks for another port of the predictor': tcp(prometheus, predictor, 9090),
    'the Ingress asks for another port of the predictor': tcp(ingress, predictor, 9229),
    'a neighbour calls the reconciler': tcp(neighbour, reconciler, 8080),
    'one that calls itself Prometheus calls the reconciler': tcp(asPrometheus, reconciler, 8080),
    'one beside Prometheus calls the reconciler': tcp(
      { ...neighbour, namespace: prometheus.namespace },
      reconciler,
      8080,
    ),
    'the Ingress calls the reconciler': tcp(ingress, reconciler, 8080),
    'one of kube-system calls the reconciler': tcp({ ...neighbour, namespace: 'kube-system' }, reconciler, 8080),
    'the world calls the reconciler': tcp(world, reconciler, 8080),
    'Prometheus asks for another port of the reconciler': tcp(prometheus, reconciler, 9229),
    'the reconciler asks who the node is': tcp(reconciler, instanceMetadata, 80),
    'the reconciler asks that by TLS': tcp(reconciler, instanceMetadata, 443),
    'the reconciler reads etcd': tcp(reconciler, node, 2379),
    'the reconciler calls the kubelet': tcp(reconciler, node, 10250),
    'the reconciler sends mail': tcp(reconciler, world, 25),
    'the reconciler looks a name up in the world': udp(reconciler, world, 53),
    'the reconciler logs in to the predictor': tcp(reconciler, predictor, 22),
    'the reconciler calls a neighbour': tcp(reconciler, neighbour, 8080),
    'the reconciler asks for another port of Prometheus': tcp(reconciler, prometheus, 9093),
  }
}

export function tcp(from: End, to: End, port: number): Attempt {
  return { from, to, protocol: 'TCP', port }
}

export function udp(from: End, to: End, port: number): Attempt {
  return { from, to, protocol: 'UDP', port }
}
