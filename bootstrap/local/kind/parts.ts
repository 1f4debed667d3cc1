import { argumentsOf, type Call } from '../../calls/call.ts'
import { helmUpgrade, traefik, type Chart } from '../../azure/steps/charts.ts'
import { platform } from '../backend.ts'
import { untilIngressAnswers } from '../ingress/deploy.ts'
import { ingressNamespace } from '../ingress/manifests.ts'
import type { PlatformParts } from '../platform-parts.ts'
import { ensureTools } from '../tools.ts'
import { kindRunner } from './calls.ts'
import { dockerImages } from './images.ts'
import { pins } from './pins.ts'

/** Images by the Docker engine, Traefik's chart as Ingress, Prometheus as its project publishes it. */
export const kindParts: PlatformParts = {
  images: dockerImages(kindRunner()),
  prepare: async () => undefined,
  deployIngress: async ({ kubeconfig, nodeIp }, _registry, bounds) => {
    const { helm } = await ensureTools(['helm'], bounds)
    bounds.onStep?.("installing Traefik's chart")
    await kindRunner({ helm })(bounds.signal)(helmCall(ingressChart(nodeIp), kubeconfig))
    bounds.onStep?.('waiting for the Ingress controller')
    const url = `http://${nodeIp}:${platform.ingressPort}`
    await untilIngressAnswers(url, { timeoutMs: 120_000, ...(bounds.signal && { signal: bounds.signal }) })
  },
  prometheus: async () => ({ prometheus: pins.prometheus, program: '/bin/prometheus' }),
}

/** The chart that Azure has, of one pod on the node's own port, in the namespace that NetworkPolicies let in. */
export function ingressChart(nodeIp: string): Chart {
  return {
    ...traefik,
    namespace: ingressNamespace,
    values: {
      ...traefik.values,
      image: { digest: pins.traefik.digest },
      versionOverride: pins.traefik.version,
      deployment: { replicas: 1 },
      podDisruptionBudget: { enabled: false },
      // Only one pod can have the port.
      updateStrategy: { type: 'Recreate', rollingUpdate: null },
      ports: { web: { hostPort: platform.ingressPort } },
      // Nothing here gives addresses to a Service; the Ingress is told the node's.
      service: { spec: { type: 'ClusterIP' } },
      providers: {
        kubernetesCRD: { enabled: false },
        kubernetesIngress: { publishedService: { enabled: false }, ingressEndpoint: { ip: nodeIp } },
      },
    },
  }
}

export function helmCall(chart: Chart, kubeconfig: string): Call {
  const { command, options, input } = helmUpgrade(chart, '5m')
  return { program: 'helm', args: argumentsOf(command, { ...options, kubeconfig }), input }
}
