import type { Chart, Values } from './helm.ts'

/** What a person would install, each at least once with every value that changes which objects there are. */
export interface Rendering {
  readonly name: string
  readonly chart: Chart
  readonly values: Values
}

const digest = `sha256:${'ab'.repeat(32)}`
const pinned = { image: { digest } }
const byHelm = { deliveredBy: 'helm', ...pinned }

export const renderings: readonly Rendering[] = [
  { name: 'the reconciler', chart: 'windlass', values: pinned },
  {
    name: 'the reconciler with the Prometheus operator and all that is optional',
    chart: 'windlass',
    values: {
      ...pinned,
      registries: ['contoso.azurecr.io', 'other.azurecr.io'],
      env: { WINDLASS_LOG_LEVEL: 'debug' },
      nodeSelector: { 'kubernetes.io/os': 'linux' },
      tolerations: [{ key: 'CriticalAddonsOnly', operator: 'Exists' }],
      volumes: [{ name: 'authority', configMap: { name: 'authority' } }],
      volumeMounts: [{ name: 'authority', mountPath: '/etc/windlass/authority', readOnly: true }],
      monitoring: { flavor: 'operator', labels: { release: 'kube-prometheus-stack' }, interval: '15s' },
      networkPolicy: { extraEgress: [{ ports: [{ protocol: 'TCP', port: 9090 }] }] },
    },
  },
  {
    name: 'the reconciler with Azure Monitor and Cilium',
    chart: 'windlass',
    values: { ...pinned, monitoring: { flavor: 'azure' }, networkPolicy: { flavor: 'cilium' } },
  },
  {
    name: 'the reconciler with Cilium that knows names',
    chart: 'windlass',
    values: {
      ...pinned,
      networkPolicy: {
        flavor: 'cilium',
        fqdns: ['contoso.azurecr.io', '*.blob.core.windows.net', 'login.microsoftonline.com'],
        extraEgress: [{ toEntities: ['cluster'], toPorts: [{ ports: [{ port: '9090', protocol: 'TCP' }] }] }],
      },
    },
  },
  { name: 'the tenant', chart: 'predictor', values: {} },
  {
    name: 'the tenant with the Prometheus operator, Cilium and all that is optional',
    chart: 'predictor',
    values: {
      delivery: { adopt: true, drift: 'Report', timeout: '1h30m' },
      httpRoute: { enabled: true },
      monitoring: { flavor: 'operator', labels: { release: 'kube-prometheus-stack' } },
      networkPolicy: { flavor: 'cilium' },
    },
  },
  { name: 'the predictor by Helm', chart: 'predictor', values: byHelm },
  {
    name: 'the predictor by Helm with TLS, a route, the Prometheus operator and all that is optional',
    chart: 'predictor',
    values: {
      ...byHelm,
      keep: true,
      host: 'predictor.contoso.com',
      ingress: {
        className: 'webapprouting.kubernetes.azure.com',
        annotations: { 'kubernetes.azure.com/tls-cert-keyvault-uri': 'https://contoso.vault.azure.net/certificates/p' },
        tls: { secretName: 'predictor-tls' },
      },
      httpRoute: { enabled: true, parentRefs: [{ name: 'front-door', namespace: 'app-routing-system' }] },
      monitoring: { flavor: 'operator' },
    },
  },
  {
    name: 'the predictor by Helm with a route alone, Azure Monitor and Cilium',
    chart: 'predictor',
    values: {
      ...byHelm,
      ingress: { enabled: false },
      httpRoute: { enabled: true, parentRefs: [{ name: 'front-door' }] },
      monitoring: { flavor: 'azure' },
      networkPolicy: { flavor: 'cilium' },
    },
  },
]

export function renderingNamed(name: string): Rendering {
  const found = renderings.find((rendering) => rendering.name === name)
  if (found === undefined) throw new Error(`there is no rendering of ${name}`)
  return found
}
