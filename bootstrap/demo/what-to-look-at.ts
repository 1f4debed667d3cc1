import { dirname } from 'node:path'
import { type DemoContext, platformOf, predictorHost, predictorNamespace, releaseOf } from './context.ts'

/** What a person may type now, each line on its own. */
const annotate = `kubectl -n ${predictorNamespace} annotate --overwrite delivery predictor`

export function whatToLookAt(context: DemoContext): string {
  const { cluster, ingressUrl, prometheusUrl, kubectl } = platformOf(context)
  return [
    '',
    'The cluster stays up until Ctrl-C. In another terminal:',
    '',
    '  The predictor behind the Ingress',
    `    curl -H 'Host: ${predictorHost}' ${ingressUrl}/version`,
    `    curl -H 'Host: ${predictorHost}' -X POST '${ingressUrl}/predict?symbol=BTC'`,
    '  What became of each SHA; docs/operations.md has more to type',
    `    export KUBECONFIG=${cluster.kubeconfig} PATH=${dirname(kubectl)}:$PATH`,
    '    kubectl get deliveries --all-namespaces',
    `    kubectl -n ${predictorNamespace} describe delivery predictor`,
    '  Hold it, let go; go to a release of your choice, let go: kubectl is all it takes',
    `    ${annotate} windlass.dev/paused=true windlass.dev/pause-reason=looking`,
    `    ${annotate} windlass.dev/paused- windlass.dev/pause-reason-`,
    `    ${annotate} windlass.dev/pin=${releaseOf(context, 0).sha}`,
    `    ${annotate} windlass.dev/pin-`,
    '  Change something, and see it taken back',
    `    kubectl -n ${predictorNamespace} scale deployment predictor --replicas=5`,
    `    kubectl -n ${predictorNamespace} get events,pods`,
    '  Prometheus',
    `    ${prometheusUrl}/graph`,
    '',
  ].join('\n')
}
