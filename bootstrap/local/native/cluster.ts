import { delimiter, dirname } from 'node:path'
import type { ClusterFacts, ExecOptions, ExecResult, LocalCluster, PullCredential } from '../backend.ts'
import { openAuthority, type CertificateRequest, type IssuedCertificate } from '../certificates.ts'
import { frontDoorAuthority } from '../front-door.ts'
import type { ProcessIdentity } from '../process.ts'
import { run } from '../run.ts'
import { issuerKeys } from './issuer-keys.ts'
import { launcher } from './namespaces.ts'
import { killPod } from './pod-processes.ts'
import type { ClusterProcess, ProcessHome, StartProcessOptions } from './processes.ts'
import { findProcess, startProcess } from './processes.ts'

export interface NativeClusterFacts extends ClusterFacts {
  readonly backend: 'native'
  readonly nodeIp: string
  readonly nodeName: string
  /** The host's address as the cluster sees it. */
  readonly hostIp: string
  readonly apiServerUrl: string
  readonly auditLog: string
  readonly caFile: string
  /** CA of the API server. */
  readonly kubernetesCaFile: string
  /** The kubectl of this cluster's version; `exec` finds it by its name. */
  readonly kubectl: string
  /** What the node pulls with; the registry must know it. */
  readonly pullCredential: PullCredential
  readonly cgroup: string
}

/** A cluster of processes of this machine, in namespaces of its own. */
export interface NativeCluster extends NativeClusterFacts, LocalCluster {
  readonly backend: 'native'
  readonly nodeIp: string
  readonly auditLog: string
  readonly caFile: string
  startProcess(
    name: string,
    command: string,
    args: readonly string[],
    options?: StartProcessOptions,
  ): Promise<ClusterProcess>
  /** The process started under that name, if it still runs. */
  findProcess(name: string): Promise<ClusterProcess | undefined>
  /** A certificate by the API server's CA, as a client of the API server: user is the name, group the organization. */
  issueClientCertificate(request: CertificateRequest): Promise<IssuedCertificate>
}

/** Name under which the holder of the namespaces is recorded among the cluster's processes. */
export const holderName = 'namespaces'

export function openCluster(facts: NativeClusterFacts, holder: ProcessIdentity): NativeCluster {
  const home: ProcessHome = { stateDir: facts.stateDir, cgroup: facts.cgroup, holder }
  const issueClientCertificate = async (request: CertificateRequest): Promise<IssuedCertificate> =>
    (await openAuthority(dirname(facts.kubernetesCaFile), 'ca', '')).issue(request)
  return {
    ...facts,
    // CoreDNS is a process of the node here.
    nameServers: [facts.nodeIp],
    exec: (command, args, options) => exec(facts, home, [command, ...args], options),
    startProcess: (name, command, args, options) => startProcess(home, name, [command, ...args], options),
    findProcess: (name) => findProcess(home, name),
    issueCertificate: async (request) => (await frontDoorAuthority(facts.stateDir)).issue(request),
    issueClientCertificate,
    issuerKeys: (dir, signal) => issuerKeys({ ...facts, issueClientCertificate }, dir, signal),
    killPod: (uid) => killPod(facts.name, uid),
  }
}

function exec(
  facts: NativeClusterFacts,
  home: ProcessHome,
  command: readonly string[],
  { cwd, env, ...options }: ExecOptions = {},
): Promise<ExecResult> {
  const launch = launcher(home.cgroup, home.holder, command, cwd)
  const path = [dirname(facts.kubectl), process.env['PATH'] ?? ''].join(delimiter)
  return run(launch.command, launch.args, { ...options, env: { PATH: path, KUBECONFIG: facts.kubeconfig, ...env } })
}
