import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { CoreV1Api, KubeConfig } from '@kubernetes/client-node'
import { stringify } from 'yaml'
import { applyObjects } from '../../bootstrap/local/install.ts'
import type { NativeCluster } from '../../bootstrap/local/native/cluster.ts'
import { ensureTools } from '../../bootstrap/local/tools.ts'
import { waitFor } from '../../bootstrap/local/wait.ts'
import type { BenchBounds } from './bench-platform.ts'

/** What a pod spec needs to be run by a simulated node, and by no other. */
export const onSimulatedNodes = {
  nodeSelector: { type: 'simulated' },
  tolerations: [{ key: 'windlass.dev/simulated', operator: 'Exists', effect: 'NoSchedule' }],
} as const

const podsOfNode = 110

/**
 * Nodes without a machine behind them: kwok says of their pods what a kubelet would, so that Deployments roll out by the
 * cluster's own controllers and scheduler. They and kwok end with the cluster.
 * https://kwok.sigs.k8s.io/docs/user/kwok-in-cluster/
 */
export async function startSimulatedNodes(
  cluster: NativeCluster,
  count: number,
  { signal, onStep }: BenchBounds,
): Promise<void> {
  const { kwok } = await ensureTools(['kwok'], { signal, onStep })
  onStep(`starting ${count} simulated nodes`)
  const dir = join(cluster.stateDir, 'kwok')
  await mkdir(dir, { recursive: true, mode: 0o700 })
  const config = join(dir, 'stages.yaml')
  await writeFile(config, stages.map((stage) => stringify(stage)).join('---\n'))
  const process = await cluster.startProcess(
    'kwok',
    kwok,
    [
      `--kubeconfig=${cluster.kubeconfig}`,
      `--config=${config}`,
      '--manage-all-nodes=false',
      `--manage-nodes-with-label-selector=type=${onSimulatedNodes.nodeSelector.type}`,
    ],
    // What a user has told their own kwok is not read.
    { env: { KWOK_WORKDIR: dir } },
  )
  const names = Array.from({ length: count }, (_, i) => `simulated-${i}`)
  await applyObjects(cluster.kubeconfig, names.map(nodeOf), { signal })
  const nodes = new KubeConfig()
  nodes.loadFromFile(cluster.kubeconfig)
  const core = nodes.makeApiClient(CoreV1Api)
  await waitFor(
    async () => {
      const { items } = await core.listNode({ labelSelector: `type=${onSimulatedNodes.nodeSelector.type}` })
      const ready = items.filter(({ status }) =>
        status?.conditions?.some((condition) => condition.type === 'Ready' && condition.status === 'True'),
      )
      return ready.length === count || undefined
    },
    async () =>
      `${count} simulated nodes to be ready; kwok says:\n${(await readFile(process.logFile, 'utf8')).slice(-2_000)}`,
    { timeoutMs: 60_000, signal },
  )
}

function nodeOf(name: string) {
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, labels: { ...onSimulatedNodes.nodeSelector, 'kubernetes.io/hostname': name } },
    spec: { taints: onSimulatedNodes.tolerations.map(({ key, effect }) => ({ key, effect })) },
  }
}

const conditions = (...types: readonly string[]): string =>
  [
    'conditions:',
    ...types.map((type) => `- {type: ${type}, status: "True", lastTransitionTime: {{ Now | Quote }}}`),
  ].join('\n')

const unlessReady = {
  key: '.status.conditions.[] | select( .type == "Ready" ) | .status',
  operator: 'NotIn',
  values: ['True'],
}
const unlessDeleted = { key: '.metadata.deletionTimestamp', operator: 'DoesNotExist' }

/** What kwok does to a node and to a pod, and when: https://kwok.sigs.k8s.io/docs/user/stages-configuration/ */
const stages = [
  stage('node-ready', 'Node', [unlessReady], {
    statusTemplate: [
      conditions('Ready'),
      ...['allocatable', 'capacity'].map((field) => `${field}: {cpu: "64", memory: 256Gi, pods: "${podsOfNode}"}`),
      'nodeInfo: {architecture: amd64, operatingSystem: linux, kubeletVersion: kwok, kubeProxyVersion: kwok,',
      '  containerRuntimeVersion: kwok, kernelVersion: kwok, osImage: kwok, bootID: "", machineID: "", systemUUID: ""}',
      'phase: Running',
    ].join('\n'),
  }),
  stage('pod-ready', 'Pod', [unlessDeleted, unlessReady], {
    statusTemplate: [
      conditions('Initialized', 'PodScheduled', 'ContainersReady', 'Ready'),
      'containerStatuses:',
      '{{ range .spec.containers }}',
      '- name: {{ .name | Quote }}',
      '  image: {{ .image | Quote }}',
      '  ready: true',
      '  started: true',
      '  restartCount: 0',
      '  state: {running: {startedAt: {{ Now | Quote }}}}',
      '{{ end }}',
      'podIP: {{ PodIPWith .spec.nodeName false .metadata.uid .metadata.name .metadata.namespace | Quote }}',
      'phase: Running',
      'startTime: {{ Now | Quote }}',
    ].join('\n'),
  }),
  stage('pod-delete', 'Pod', [{ key: '.metadata.deletionTimestamp', operator: 'Exists' }], { delete: true }),
]

function stage(name: string, kind: 'Node' | 'Pod', matchExpressions: readonly object[], next: object) {
  return {
    apiVersion: 'kwok.x-k8s.io/v1alpha1',
    kind: 'Stage',
    metadata: { name },
    spec: { resourceRef: { apiGroup: 'v1', kind }, selector: { matchExpressions }, next },
  }
}
