import type { Readable } from 'node:stream'

/** Names and numbers that every part of the local platform agrees on; the same inside each cluster. */
export const platform = {
  /** The stand-in for a registry's login server: what image references, pods and containerd call it. */
  registryHost: 'registry.windlass.test',
  /** Where the registry sends clients for blobs, as ACR's data endpoint does. */
  blobHost: 'blobs.windlass.test',
  /** The stand-in for Microsoft Entra ID's authority. */
  entraHost: 'login.windlass.test',
  registryPort: 443,
  ingressPort: 80,
  podCidr: '10.244.0.0/16',
  serviceCidr: '10.96.0.0/16',
  kubernetesServiceIp: '10.96.0.1',
  dnsServiceIp: '10.96.0.10',
  clusterDomain: 'cluster.local',
  tenantId: '11111111-2222-4333-8444-555555555555',
} as const

export interface ExecResult {
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
}

export interface ExecOptions {
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
  readonly input?: string | Readable
  readonly signal?: AbortSignal
  /** Where lines of output go as they come; nothing is shown by default. */
  readonly onLine?: (line: string) => void
}

/** What a running cluster tells those who use it. Serialised as `cluster.json` in its state directory. */
export interface ClusterFacts {
  readonly name: string
  readonly backend: 'native' | 'context'
  /** Kubeconfig of an administrator, usable from the host. */
  readonly kubeconfig: string
  readonly stateDir: string
  /** Address of the one node, and of every host port; reached from the host. */
  readonly nodeIp?: string
  /** JSON lines of audit.k8s.io/v1 Events; the witness in tests. */
  readonly auditLog?: string
  /** PEM file of the CA that signed the registry's, blob host's and Entra ID stand-in's certificates. */
  readonly caFile?: string
}

export interface Cluster extends ClusterFacts {
  /**
   * Runs a program to its end where the cluster's names resolve and its addresses are routed: inside its network
   * and mount namespaces. Rejects with the last output lines when it exits with another code than 0.
   */
  exec(command: string, args: readonly string[], options?: ExecOptions): Promise<ExecResult>
}

export interface UpOptions {
  readonly name: string
  readonly signal?: AbortSignal
  /** Told of each step as it starts, in words for a person. */
  readonly onStep?: (step: string) => void
}

/** Where a cluster of one's own is wanted, and one of that name is up: whose it is, nobody can tell. */
export class ClusterIsUpError extends Error {
  override readonly name = 'ClusterIsUpError'

  constructor(cluster: string) {
    super(
      `A cluster ${cluster} is up already, of another command perhaps. Take another name for this one with --name OTHER, ` +
        `or take that one down: npm run cluster -- down --name ${cluster}`,
    )
  }
}

/** One way to have a cluster. `up` and `down` may be called again at any time and finish what was left half done. */
export interface ClusterBackend {
  readonly name: 'native' | 'context'
  up(options: UpOptions): Promise<Cluster>
  /** Leaves no process, mount, interface, namespace, firewall rule or cgroup of that cluster. */
  down(options: UpOptions): Promise<void>
  /** The cluster if it is up and answers, else undefined. */
  find(name: string): Promise<Cluster | undefined>
}
