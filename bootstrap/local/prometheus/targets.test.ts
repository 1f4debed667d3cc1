import type { V1Pod } from '@kubernetes/client-node'
import t from 'tap'
import { podTargets } from './targets.ts'

const asks = { 'prometheus.io/scrape': 'true', 'prometheus.io/port': '9100' }

interface PodDraft {
  readonly name?: string
  readonly namespace?: string
  readonly annotations?: Record<string, string>
  readonly labels?: Record<string, string>
  readonly phase?: string
  readonly podIP?: string
}

function pod({
  name = 'a',
  namespace = 'shop',
  annotations = asks,
  labels = {},
  phase = 'Running',
  podIP = '10.244.0.5',
}: PodDraft): V1Pod {
  return {
    metadata: { name, namespace, annotations, labels },
    spec: { nodeName: 'node-1', containers: [] },
    status: { phase, ...(podIP && { podIP }) },
  }
}

t.test('a pod that asks for it is a target with labels that say which it is', async (t) => {
  t.same(podTargets([pod({ labels: { 'app.kubernetes.io/name': 'predictor' } })]), [
    {
      targets: ['10.244.0.5:9100'],
      labels: { namespace: 'shop', pod: 'a', node: 'node-1', app: 'predictor', job: 'predictor' },
    },
  ])
})

t.test('path and scheme are as the pod says', async (t) => {
  const annotations = { ...asks, 'prometheus.io/path': '/internal/metrics', 'prometheus.io/scheme': 'https' }

  t.match(podTargets([pod({ annotations })]), [
    { labels: { __metrics_path__: '/internal/metrics', __scheme__: 'https' } },
  ])
})

t.test('what is no path or scheme is as if it were not there', async (t) => {
  const annotations = { ...asks, 'prometheus.io/path': 'http://elsewhere.test/', 'prometheus.io/scheme': 'gopher' }

  t.same(Object.keys(podTargets([pod({ annotations })])[0]?.labels ?? {}), ['namespace', 'pod', 'node'])
})

t.test('an IPv6 address stands in brackets', async (t) => {
  t.same(podTargets([pod({ podIP: 'fd00::5' })])[0]?.targets, ['[fd00::5]:9100'])
})

t.test('targets are in the order of their names, whatever the order of the pods', async (t) => {
  const pods = [pod({ name: 'b' }), pod({ name: 'a' }), pod({ name: 'c', namespace: 'app' })]
  const names = (list: readonly V1Pod[]): unknown => podTargets(list).map(({ labels }) => labels['pod'])

  t.same(names(pods), ['c', 'a', 'b'])
  t.same(names(pods.toReversed()), ['c', 'a', 'b'])
})

const silent: Record<string, PodDraft> = {
  'a pod without annotations': { annotations: {} },
  'a pod that says no': { annotations: { ...asks, 'prometheus.io/scrape': 'false' } },
  'a pod that names no port': { annotations: { 'prometheus.io/scrape': 'true' } },
  'a pod whose port is no number': { annotations: { ...asks, 'prometheus.io/port': '80/../../x' } },
  'a pod that has no address yet': { podIP: '' },
  'a pod that waits to run': { phase: 'Pending' },
  'a pod that has ended': { phase: 'Succeeded' },
}

for (const [name, draft] of Object.entries(silent)) {
  t.test(`${name} is no target`, async (t) => t.same(podTargets([pod(draft)]), []))
}
