import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { writeCertificate } from '../certificates.ts'
import { applyObjects, type Manifest } from '../install.ts'
import { writeKubeconfig } from '../kubeconfig.ts'
import { CommandFailed, lastLines } from '../run.ts'
import { ensureTools } from '../tools.ts'
import { waitFor } from '../wait.ts'
import type { NativeCluster } from './cluster.ts'
import type { ClusterProcess } from './processes.ts'

export interface MetricsServerOptions {
  readonly signal?: AbortSignal
  readonly onStep?: (step: string) => void
}

export interface MetricsServer {
  /** Leaves the cluster without a metrics API, as it was. */
  remove(): Promise<void>
}

/**
 * The metrics API of a cluster that is up: Kubernetes' own metrics-server, as a process of the node beside CoreDNS, which
 * reads the kubelet and is registered with the API server. Resolves when it knows what the node uses.
 * https://github.com/kubernetes-sigs/metrics-server
 */
export async function startMetricsServer(
  cluster: NativeCluster,
  options: MetricsServerOptions = {},
): Promise<MetricsServer> {
  const { signal, onStep } = options
  const tools = await ensureTools([name], options)
  onStep?.('starting metrics-server')
  const objects = metricsServerObjects(cluster.nodeIp, await caOf(cluster))
  const remove = async (): Promise<void> => {
    // The registration first: without the server behind it, no Namespace could be deleted.
    for (const { kind, metadata } of objects.toReversed()) {
      const inNamespace = metadata?.namespace === undefined ? [] : ['--namespace', metadata.namespace]
      await cluster.exec('kubectl', [...inNamespace, 'delete', '--ignore-not-found', `${kind}/${metadata?.name}`])
    }
    await (await cluster.findProcess(name))?.stop()
  }
  try {
    await applyObjects(cluster.kubeconfig, objects, signal && { signal })
    await untilAllowed(cluster, signal)
    const started = await cluster.startProcess(name, tools[name], await argumentsFor(cluster))
    await untilAnswering(cluster, started, signal)
  } catch (error) {
    await remove()
    throw error
  }
  return { remove }
}

/** The authorizer sees a new binding a moment after it was made, and metrics-server does not ask twice. */
async function untilAllowed(cluster: NativeCluster, signal: AbortSignal | undefined): Promise<void> {
  const what = ['configmap/extension-apiserver-authentication', '--namespace', namespace, '--as', user]
  await waitFor(
    async () => {
      const { stdout } = await cluster.exec('sh', ['-c', 'kubectl auth can-i get "$@" || :', 'sh', ...what], {
        ...(signal && { signal }),
      })
      return stdout === 'yes' || undefined
    },
    () => `${user} to be allowed to read how requests are authenticated`,
    { timeoutMs: 20_000, ...(signal && { signal }) },
  )
}

async function untilAnswering(
  cluster: NativeCluster,
  started: ClusterProcess,
  signal: AbortSignal | undefined,
): Promise<void> {
  let last = 'nothing'
  await waitFor(
    async () => {
      if (!(await started.isRunning())) throw new Error(`metrics-server ended:\n${await lastWords(started)}`)
      try {
        await cluster.exec('kubectl', ['top', 'node', cluster.nodeName], signal && { signal })
        return true
      } catch (error) {
        if (!(error instanceof CommandFailed)) throw error
        last = error.stderr
        return undefined
      }
    },
    async () => `the metrics API to tell what the node uses; last: ${last}\n${await lastWords(started)}`,
    { timeoutMs: 120_000, everyMs: 1_000, ...(signal && { signal }) },
  )
}

async function lastWords({ logFile }: ClusterProcess): Promise<string> {
  return lastLines(await readFile(logFile, 'utf8'))
}

const name = 'metrics-server'
const namespace = 'kube-system'
const user = 'system:metrics-server'
const port = 4443

/** What it is given the right to read, and where the API server finds it; the registration comes last. */
function metricsServerObjects(nodeIp: string, caPem: string): readonly Manifest[] {
  const subjects = [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: user }]
  const roleRef = (kind: string, role: string) => ({ apiGroup: 'rbac.authorization.k8s.io', kind, name: role })
  const ports = [{ name: 'https', port, protocol: 'TCP' }]
  return [
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRole',
      metadata: { name: user },
      rules: [
        { apiGroups: [''], resources: ['nodes/metrics'], verbs: ['get'] },
        { apiGroups: [''], resources: ['pods', 'nodes'], verbs: ['get', 'list', 'watch'] },
      ],
    },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRoleBinding',
      metadata: { name: user },
      roleRef: roleRef('ClusterRole', user),
      subjects,
    },
    // Who asks, it learns from the API server, and whether they may.
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRoleBinding',
      metadata: { name: `${user}:auth-delegator` },
      roleRef: roleRef('ClusterRole', 'system:auth-delegator'),
      subjects,
    },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'RoleBinding',
      metadata: { name: `${name}-auth-reader`, namespace },
      roleRef: roleRef('Role', 'extension-apiserver-authentication-reader'),
      subjects,
    },
    { apiVersion: 'v1', kind: 'Service', metadata: { name, namespace }, spec: { ports } },
    {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: {
        name,
        namespace,
        labels: { 'kubernetes.io/service-name': name, 'endpointslice.kubernetes.io/managed-by': 'windlass.dev' },
      },
      addressType: 'IPv4',
      endpoints: [{ addresses: [nodeIp], conditions: { ready: true } }],
      ports,
    },
    {
      apiVersion: 'apiregistration.k8s.io/v1',
      kind: 'APIService',
      metadata: { name: 'v1beta1.metrics.k8s.io' },
      spec: {
        group: 'metrics.k8s.io',
        version: 'v1beta1',
        groupPriorityMinimum: 100,
        versionPriority: 100,
        caBundle: Buffer.from(caPem).toString('base64'),
        service: { name, namespace, port },
      },
    },
  ]
}

async function argumentsFor(cluster: NativeCluster): Promise<readonly string[]> {
  const { nodeIp, apiServerUrl, kubernetesCaFile } = cluster
  const pki = dirname(kubernetesCaFile)
  const kubeconfig = join(pki, `${name}.kubeconfig`)
  const client = await cluster.issueClientCertificate({ commonName: user })
  await writeKubeconfig(kubeconfig, { name, url: apiServerUrl, caPem: await caOf(cluster), client })
  const serving = await cluster.issueClientCertificate({ commonName: name, dnsNames: [`${name}.${namespace}.svc`] })
  const { certFile, keyFile } = await writeCertificate(pki, `${name}-serving`, serving)
  return [
    `--kubeconfig=${kubeconfig}`,
    `--authentication-kubeconfig=${kubeconfig}`,
    `--authorization-kubeconfig=${kubeconfig}`,
    `--bind-address=${nodeIp}`,
    `--secure-port=${port}`,
    `--tls-cert-file=${certFile}`,
    `--tls-private-key-file=${keyFile}`,
    '--kubelet-preferred-address-types=InternalIP',
    '--kubelet-use-node-status-port',
    `--kubelet-certificate-authority=${kubernetesCaFile}`,
    // The least that it takes; it must be longer than a request.
    '--metric-resolution=10s',
    '--kubelet-request-timeout=5s',
  ]
}

function caOf({ kubernetesCaFile }: NativeCluster): Promise<string> {
  return readFile(kubernetesCaFile, 'utf8')
}
