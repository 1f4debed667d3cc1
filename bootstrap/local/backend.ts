import type { Readable } from 'node:stream'
import type { CertificateRequest, IssuedCertificate } from './certificates.ts'
import type { JwksConfig } from './registry/config.ts'

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
  readonly backend: 'native' | 'kind' | 'context'
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

/** The name and password that the node itself pulls with, as AKS's nodes do with the kubelet's identity. */
export interface PullCredential {
  readonly username: string
  readonly password: string
}

/** A cluster that was made here, in which the whole platform can be brought up and its story be told. */
export interface LocalCluster extends Cluster {
  readonly backend: 'native' | 'kind'
  readonly nodeIp: string
  readonly auditLog: string
  readonly caFile: string
  /** A kubectl of this cluster's version, for whoever types on the host; `exec` finds one by its name. */
  readonly kubectl: string
  readonly pullCredential: PullCredential
  /** Addresses of name servers that are no pods of kube-system; NetworkPolicies have to let them be asked. */
  readonly nameServers: readonly string[]
  /**
   * Starts a program that stays up with the cluster, where `exec` runs one, its output in a log file; one that runs
   * under that name is stopped first. It ends with the cluster at the latest.
   */
  startProcess(name: string, command: string, args: readonly string[]): Promise<{ readonly logFile: string }>
  /** A certificate by the CA of `caFile`. */
  issueCertificate(request: CertificateRequest): Promise<IssuedCertificate>
  /** Where the registry finds the keys of service account tokens; what it needs for that is put into its folder. */
  issuerKeys(dir: string, signal?: AbortSignal): Promise<JwksConfig>
  /** Ends every process of a pod at once, as a node that loses its power does: none hears of it before. */
  killPod(uid: string): Promise<void>
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

  constructor(cluster: string, backend: LocalCluster['backend']) {
    const how = backend === 'native' ? '' : ` --backend ${backend}`
    super(
      `A cluster ${cluster} is up already, of another command perhaps. Take another name for this one with --name OTHER, ` +
        `or take that one down: npm run cluster -- down --name ${cluster}${how}`,
    )
  }
}

/** One way to have a cluster. `up` and `down` may be called again at any time and finish what was left half done. */
export interface ClusterBackend {
  readonly name: ClusterFacts['backend']
  up(options: UpOptions): Promise<Cluster>
  /** Leaves no process, mount, interface, namespace, firewall rule or cgroup of that cluster. */
  down(options: UpOptions): Promise<void>
  /** The cluster if it is up and answers, else undefined. */
  find(name: string): Promise<Cluster | undefined>
}

/** Tells what of a cluster is still on this machine, in words; nothing once it is all gone. */
export type Leftovers = () => Promise<readonly string[]>

export interface LocalUpOptions extends UpOptions {
  /** Throws {@link ClusterIsUpError} where one of that name is up, by whomever. */
  readonly mustBeNew?: boolean
}

/** A way to have a cluster that is made here, and that leaves nothing. */
export interface LocalBackend<C extends LocalCluster = LocalCluster> extends ClusterBackend {
  readonly name: C['backend']
  up(options: LocalUpOptions): Promise<C>
  find(name: string): Promise<C | undefined>
  /** Of the clusters that are on this machine, up or half done. */
  names(): Promise<readonly string[]>
  /** What {@link leftovers} looks for, as a list for a person. */
  readonly leavesNo: string
  /** Takes note, while a cluster is there, of what it has on this machine. */
  leftovers(name: string): Promise<Leftovers>
}
