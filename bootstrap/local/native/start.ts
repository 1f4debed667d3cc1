import { randomBytes } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { writeFacts } from '../cluster-file.ts'
import { apiServerArguments, etcdArguments, prepareControlPlane } from '../control-plane.ts'
import { frontDoorCaFile } from '../front-door.ts'
import { applyObjects } from '../install.ts'
import { writeKubeconfig } from '../kubeconfig.ts'
import type { SpawnedProcess } from '../process.ts'
import { waitUntilReady } from '../readiness.ts'
import type { ToolName } from '../tools.ts'
import { createCgroup } from './cgroups.ts'
import type { NativeCluster, NativeClusterFacts } from './cluster.ts'
import { holderName, openCluster } from './cluster.ts'
import type { ComponentUser } from './components.ts'
import { controllerManagerArguments, schedulerArguments, writeComponentKubeconfig } from './components.ts'
import { importPauseImage, writeContainerdFiles } from './containerd.ts'
import { coreDnsArguments, dnsObjects, dnsUser } from './dns.ts'
import { createNamespaces } from './namespaces.ts'
import { kubeletArguments, kubeProxyArguments } from './node.ts'
import type { ProcessHome } from './processes.ts'
import { recordProcess, startProcess } from './processes.ts'
import type { ClusterRecord } from './record.ts'
import { cgroupOf, networkOf } from './record.ts'
import { waitUntilUsable } from './usable.ts'

export const clusterTools = [
  'etcd',
  'kube-apiserver',
  'kubectl',
  'kube-controller-manager',
  'kube-scheduler',
  'kubelet',
  'kube-proxy',
  'coredns',
  'pause',
] as const satisfies readonly ToolName[]

export interface StartOptions {
  readonly record: ClusterRecord
  readonly tools: Readonly<Record<(typeof clusterTools)[number], string>>
  readonly signal?: AbortSignal
  readonly onStep?: (step: string) => void
}

/** Makes and starts all of a cluster whose record is written; the caller clears it where this fails. */
export async function startCluster({ record, tools, signal, onStep }: StartOptions): Promise<NativeCluster> {
  const { name, stateDir } = record
  const network = networkOf(record)
  const { nodeIp } = network
  const nodeName = `${name}-node`
  const withSignal = signal ? { signal } : {}

  onStep?.('making a control group and namespaces')
  await mkdir(stateDir, { recursive: true, mode: 0o700 })
  const cgroup = await createCgroup(cgroupOf(name))
  const holder = await createNamespaces({ stateDir, network, nodeName, cgroup, ...withSignal })
  await recordProcess(stateDir, holderName, holder, ['namespaces'])
  const home: ProcessHome = { stateDir, cgroup, holder }
  const started: Record<string, SpawnedProcess> = {}
  const start = async (tool: string, command: readonly string[]): Promise<void> => {
    signal?.throwIfAborted()
    started[tool] = await startProcess(home, tool, command)
  }

  onStep?.('starting etcd, the API server and containerd')
  const files = await prepareControlPlane(stateDir, [nodeIp])
  const dataDir = join(stateDir, 'etcd')
  await start('etcd', [tools.etcd, ...etcdArguments({ dataDir, clientPort: 2379, peerPort: 2380 })])
  const server = { bindAddress: '0.0.0.0', advertiseAddress: nodeIp, port: 6443 }
  await start('kube-apiserver', [
    tools['kube-apiserver'],
    ...apiServerArguments({ files, etcdUrl: 'http://127.0.0.1:2379', ...server }),
  ])
  const registryCaFile = await frontDoorCaFile(stateDir)
  await start('containerd', ['containerd', '--config', await writeContainerdFiles({ stateDir, registryCaFile })])
  await importPauseImage({ home, program: tools.pause, processes: started, ...withSignal })

  const apiServerUrl = `https://${nodeIp}:${server.port}`
  const caPem = files.authority.certPem
  await waitUntilReady({ url: apiServerUrl, caPem }, started, signal)

  onStep?.('starting the controllers, the scheduler, the node and DNS')
  const kubeconfig = join(stateDir, 'kubeconfig')
  await writeKubeconfig(kubeconfig, { name: `windlass-${name}`, url: apiServerUrl, caPem, client: files.admin })
  const identify = (user: ComponentUser) => writeComponentKubeconfig(stateDir, files, apiServerUrl, user)
  const controllerManager = { files, kubeconfig: await identify(users.controllerManager) }
  await start('kube-controller-manager', [
    tools['kube-controller-manager'],
    ...controllerManagerArguments(controllerManager),
  ])
  const pullCredential = { username: nodeName, password: randomBytes(24).toString('base64url') }
  const kubelet = await kubeletArguments({
    stateDir,
    nodeName,
    nodeIp,
    cgroupRoot: `/${cgroupOf(name)}`,
    files,
    kubeconfig: await identify({ name: 'kubelet', user: `system:node:${nodeName}`, organization: 'system:nodes' }),
    pullCredential,
  })
  await start('kubelet', [tools.kubelet, ...kubelet])
  await start('kube-scheduler', [
    tools['kube-scheduler'],
    ...schedulerArguments({ kubeconfig: await identify(users.scheduler) }),
  ])
  const proxy = await kubeProxyArguments({ stateDir, nodeName, kubeconfig: await identify(users.proxy) })
  await start('kube-proxy', [tools['kube-proxy'], ...proxy])
  await applyObjects(kubeconfig, dnsObjects(nodeIp), withSignal)
  const dns = await coreDnsArguments({ stateDir, nodeIp, kubeconfig: await identify(users.dns) })
  await start('coredns', [tools.coredns, ...dns])

  onStep?.('waiting for the node, DNS and Services')
  const facts: NativeClusterFacts = {
    name,
    backend: 'native',
    kubeconfig,
    stateDir,
    nodeIp,
    nodeName,
    hostIp: network.hostIp,
    apiServerUrl,
    auditLog: files.auditLog,
    caFile: registryCaFile,
    kubernetesCaFile: files.caFile,
    kubectl: tools.kubectl,
    pullCredential,
    cgroup,
  }
  const cluster = openCluster(facts, holder)
  await waitUntilUsable(cluster, started, signal)
  await writeFacts(facts)
  return cluster
}

const users = {
  controllerManager: { name: 'kube-controller-manager', user: 'system:kube-controller-manager' },
  scheduler: { name: 'kube-scheduler', user: 'system:kube-scheduler' },
  proxy: { name: 'kube-proxy', user: 'system:kube-proxy' },
  dns: { name: 'coredns', user: dnsUser },
} as const satisfies Record<string, ComponentUser>
