import { dirname } from 'node:path'
import { type DemoContext, platformOf, releaseOf } from './context.ts'
import { predictorHost, predictorNamespace } from './names.ts'

const inPredictor = `kubectl -n ${predictorNamespace}`
const annotate = `${inPredictor} annotate --overwrite delivery predictor`

/** What a person may type now, each line on its own. */
export function whatToLookAt(context: DemoContext): string {
  const { cluster, ingressUrl, prometheusUrl, kubectl } = platformOf(context)
  const [good, crashing] = [releaseOf(context, 'second').sha, releaseOf(context, 'crashing').sha]
  return [
    '',
    'The cluster stays up until Ctrl-C. In another terminal, kubectl and curl are all it takes:',
    '',
    `    export KUBECONFIG=${cluster.kubeconfig} PATH=${dirname(kubectl)}:$PATH`,
    '',
    '  The predictor behind the Ingress',
    `    curl -H 'Host: ${predictorHost}' ${ingressUrl}/version`,
    `    curl -H 'Host: ${predictorHost}' -X POST '${ingressUrl}/predict?symbol=BTC'`,
    '  Look: what runs, what waits and why; what became of each SHA; what failed, and why',
    '    kubectl get deliveries --all-namespaces',
    `    ${inPredictor} describe delivery predictor`,
    `    ${inPredictor} get delivery predictor -o jsonpath='{range .status.history[*]}{.at} {.outcome} {.reason} {.tag}{"\\n"}{end}'`,
    `    ${inPredictor} get delivery predictor -o jsonpath='{range .status.quarantine[*]}{.tag} {.reason}: {.message}{"\\n"}{end}'`,
    `    ${inPredictor} events --for delivery/predictor`,
    '  Pause: nothing is written until you resume; for something that waits, from the checkout:',
    `    ${annotate} windlass.dev/paused=true windlass.dev/pause-reason=looking`,
    `    npm run release -- predictor --name ${context.clusterName}`,
    '  Resume',
    `    ${annotate} windlass.dev/paused- windlass.dev/pause-reason-`,
    '  Pin: exactly this release, an older one here, and nothing newer until the pin is gone',
    `    ${annotate} windlass.dev/pin=${good}`,
    `    ${annotate} windlass.dev/pin-`,
    '  Retry: let what failed out of quarantine, which an Event tells; pinned to it, it is tried again at once',
    `    ${annotate} windlass.dev/retry=${crashing}`,
    '  Change something, and see it taken back; how many pods there are is left to the autoscaler',
    `    ${inPredictor} set image deployment/predictor predictor=example.test/other:1`,
    `    ${inPredictor} edit configmap predictor`,
    `    ${inPredictor} get events,pods`,
    '  Prometheus',
    `    ${prometheusUrl}/graph`,
    '  All of it, reason by reason: docs/operations.md',
    '',
  ].join('\n')
}
