import { dirname } from 'node:path'
import { type DemoContext, platformOf, predictorHost, predictorNamespace } from './context.ts'

/** What a person may type now, each line on its own. */
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
    '  Prometheus',
    `    ${prometheusUrl}/graph`,
    '',
  ].join('\n')
}
