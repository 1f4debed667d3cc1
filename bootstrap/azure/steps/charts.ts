import type { CallOptions } from '../../calls/call.ts'

/** A chart of others, at the version that was read when this was written, and what differs from its defaults. */
export interface Chart {
  readonly release: string
  readonly namespace: string
  /** A name in `repository`, or a folder. */
  readonly chart: string
  readonly repository?: string
  readonly version: string
  readonly values: Readonly<Record<string, unknown>>
}

/**
 * The Ingress controller: no class is named by our Ingresses, so its class is the default one. AKS's own, application
 * routing with NGINX, is supported until November 2026.
 */
export const traefik: Chart = {
  release: 'traefik',
  namespace: 'traefik',
  chart: 'traefik',
  repository: 'https://traefik.github.io/charts',
  version: '41.3.0',
  values: {
    deployment: { replicas: 2 },
    podDisruptionBudget: { enabled: true, maxUnavailable: 1 },
    ingressClass: { enabled: true, isDefaultClass: true },
    providers: { kubernetesCRD: { enabled: false }, kubernetesIngress: { publishedService: { enabled: true } } },
    // What AKS's deployment safeguards ask for.
    resources: { requests: { cpu: '100m', memory: '128Mi' }, limits: { memory: '256Mi' } },
    global: { checkNewVersion: false, sendAnonymousUsage: false },
  },
}

/** Where the profile has no managed Prometheus; its values are dashboards/kube-prometheus-stack/values.yaml. */
export const kubePrometheusStack: Chart = {
  release: 'kube-prometheus-stack',
  namespace: 'monitoring',
  chart: 'kube-prometheus-stack',
  repository: 'https://prometheus-community.github.io/helm-charts',
  version: '88.5.3',
  values: {},
}

/** A command of Helm, with its options in the order in which they are printed. */
export interface HelmUpgrade {
  readonly command: string
  readonly options: CallOptions
  /** The values, to stdin. */
  readonly input: string
}

/** Installs or upgrades a chart, and waits until it is ready. https://helm.sh/docs/helm/helm_upgrade/ */
export function helmUpgrade(
  { release, chart, repository, version, namespace, values }: Chart,
  timeout: string,
): HelmUpgrade {
  return {
    command: `upgrade --install ${release} ${chart}`,
    options: { repo: repository, version, namespace, 'create-namespace': true, values: '-', wait: true, timeout },
    input: JSON.stringify(values),
  }
}
