import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { parseAllDocuments, stringify } from 'yaml'
import { run } from '../../bootstrap/local/run.ts'
import { sharedApiServer } from '../../bootstrap/local/testing.ts'
import { ensureTools } from '../../bootstrap/local/tools.ts'

const folder = join(import.meta.dirname, '..')

interface KubeObject {
  readonly kind: string
  readonly metadata: {
    readonly name: string
    readonly namespace: string
    readonly labels: Readonly<Record<string, string>>
  }
  readonly data?: Readonly<Record<string, string>>
}

t.test('kubectl makes monitors, rules and a ConfigMap that Grafana finds of dashboards/', async (t) => {
  const { kubectl } = await ensureTools(['kubectl'], { onStep: (step) => t.comment(step) })
  const { stdout } = await run(kubectl, ['kustomize', folder])
  const objects = parseAllDocuments(stdout).map((document) => document.toJS() as KubeObject)
  t.same(objects.map(({ kind, metadata: { namespace, name } }) => `${kind} ${namespace}/${name}`).toSorted(), [
    'ConfigMap monitoring/windlass-dashboards',
    'PodMonitor monitoring/predictor',
    'PrometheusRule monitoring/predictor',
    'PrometheusRule monitoring/windlass',
    'ServiceMonitor monitoring/windlass',
  ])

  const dashboards = objects.find(({ kind }) => kind === 'ConfigMap')
  t.equal(dashboards?.metadata.labels['grafana_dashboard'], '1')
  for (const name of ['predictor.json', 'windlass.json']) {
    t.equal(dashboards?.data?.[name], await readFile(join(folder, 'grafana', name), 'utf8'), name)
  }

  const server = await sharedApiServer(t)
  const input = stringify({ ...dashboards, metadata: { ...dashboards?.metadata, namespace: 'default' } })
  const apply = ['apply', '--server-side', '--dry-run=server', '--validate=strict', '--filename=-']
  const applied = await run(kubectl, apply, { input, env: { KUBECONFIG: server.kubeconfig } })
  t.match(applied.stdout, 'configmap/windlass-dashboards serverside-applied')
})
