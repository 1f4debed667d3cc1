/** That what the monitors select is what the manifests name, and comes by the job that rules and dashboards ask for. */
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { parse } from 'yaml'
import { alertRules } from './rules/rule-groups.ts'
import { predictorJob, reconcilerJob } from './promql/vocabulary.ts'

const root = join(import.meta.dirname, '..', '..')

interface Labelled {
  readonly metadata: {
    readonly name: string
    readonly namespace: string
    readonly labels: Readonly<Record<string, string>>
  }
}

interface Monitor extends Labelled {
  readonly apiVersion: string
  readonly kind: string
  readonly spec: {
    readonly jobLabel: string
    readonly namespaceSelector: { readonly matchNames: readonly string[] }
    readonly selector: { readonly matchLabels: Readonly<Record<string, string>> }
    readonly endpoints?: readonly Endpoint[]
    readonly podMetricsEndpoints?: readonly Endpoint[]
  }
}

interface Endpoint {
  readonly port: string
  readonly path: string
}

interface Workload {
  readonly metadata: Labelled['metadata']
  readonly spec: {
    readonly template: {
      readonly metadata: Omit<Labelled['metadata'], 'namespace'>
      readonly spec: { readonly containers: readonly [Ports] }
    }
  }
}

interface Kustomization {
  readonly resources: readonly string[]
  readonly configMapGenerator: readonly [{ readonly files: readonly string[] }]
}

interface Ports {
  readonly ports: ReadonlyArray<{ readonly name: string }>
}

const service = read('manifests/reconciler/service-windlass-metrics.yaml') as Labelled & { readonly spec: Ports }
const deployment = read('manifests/predictor/release/deployment-predictor.yaml') as Workload
const { template } = deployment.spec

const selected = {
  'servicemonitor-windlass': {
    namespace: service.metadata.namespace,
    labels: service.metadata.labels,
    ports: service.spec.ports,
    job: reconcilerJob,
  },
  'podmonitor-predictor': {
    namespace: deployment.metadata.namespace,
    labels: template.metadata.labels,
    ports: template.spec.containers[0].ports,
    job: predictorJob,
  },
}

for (const [name, { namespace, labels, ports, job }] of Object.entries(selected)) {
  for (const folder of ['kubernetes', 'azure']) {
    const { spec } = read(`dashboards/${folder}/${name}.yaml`) as Monitor
    t.test(`${folder}: ${name} selects what the manifests make, under the job that is asked for`, async (t) => {
      t.same(spec.namespaceSelector.matchNames, [namespace])
      t.match(labels, spec.selector.matchLabels)
      t.equal(`job="${labels[spec.jobLabel]}"`, job)
      const endpoints = spec.endpoints ?? spec.podMetricsEndpoints ?? []
      t.same(
        endpoints.map(({ port, path }) => ({ port, path })),
        [{ port: 'http', path: '/metrics' }],
      )
      t.ok(ports.some((port) => port.name === 'http'))
    })
  }

  t.test(`${name} for Azure is the same but for its group, its limits and where it stands`, async (t) => {
    const [ours, azures] = ['kubernetes', 'azure'].map((folder) => read(`dashboards/${folder}/${name}.yaml`) as Monitor)
    t.equal(ours?.apiVersion, 'monitoring.coreos.com/v1')
    t.equal(azures?.apiVersion, 'azmonitoring.coreos.com/v1')
    const limits = { labelLimit: 63, labelNameLengthLimit: 511, labelValueLengthLimit: 1023 }
    t.same(azures?.spec, { ...limits, ...ours?.spec })
    t.equal(azures?.metadata.namespace, namespace)
  })
}

t.test('kustomization.yaml holds every object of kubernetes/ and every dashboard', async (t) => {
  const { resources, configMapGenerator } = read('dashboards/kustomization.yaml') as Kustomization
  const files = (pattern: string) => globSync(pattern, { cwd: join(root, 'dashboards') }).toSorted()
  t.same(resources, files('kubernetes/*.yaml'))
  t.same(configMapGenerator[0].files, files('grafana/*.json'))
})

t.test('alerts of ours that the values for Alertmanager name are there', async (t) => {
  const values = readFileSync(join(root, 'dashboards/kube-prometheus-stack/values.yaml'), 'utf8')
  const patterns = [...values.matchAll(/'alertname (=~?) "([^"]+)"'/g)].map(([, , pattern = '']) => pattern)
  t.ok(patterns.length > 5)
  for (const pattern of patterns.filter((one) => !/^(?:Watchdog|InfoInhibitor)/.test(one))) {
    t.ok(
      alertRules.some(({ alert }) => new RegExp(`^(?:${pattern})$`).test(alert)),
      pattern,
    )
  }
})

function read(path: string): unknown {
  return parse(readFileSync(join(root, path), 'utf8'))
}
