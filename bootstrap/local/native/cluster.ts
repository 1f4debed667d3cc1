import { mkdir, readFile } from 'node:fs/promises'
import { delimiter, dirname, join } from 'node:path'
import type { Cluster, ClusterFacts, ExecOptions, ExecResult } from '../backend.ts'
import type { CertificateAuthority, CertificateRequest, IssuedCertificate } from '../certificates.ts'
import { openAuthority } from '../certificates.ts'
import type { ProcessIdentity } from '../process.ts'
import { run } from '../run.ts'
import { launcher } from './namespaces.ts'
import type { PullCredential } from './node.ts'
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
export interface NativeCluster extends NativeClusterFacts {
  readonly exec: Cluster['exec']
  /**
   * Starts a program that stays up with the cluster, in its namespaces, its output in a log file; one that runs
   * under that name is stopped first. It ends with the cluster at the latest.
   */
  startProcess(
    name: string,
    command: string,
    args: readonly string[],
    options?: StartProcessOptions,
  ): Promise<ClusterProcess>
  /** The process started under that name, if it still runs. */
  findProcess(name: string): Promise<ClusterProcess | undefined>
  /** A certificate by the CA of `caFile`. */
  issueCertificate(request: CertificateRequest): Promise<IssuedCertificate>
  /** A certificate by the API server's CA, as a client of the API server: user is the name, group the organization. */
  issueClientCertificate(request: CertificateRequest): Promise<IssuedCertificate>
}

/** Name under which the holder of the namespaces is recorded among the cluster's processes. */
export const holderName = 'namespaces'

export const clusterFile = (stateDir: string): string => join(stateDir, 'cluster.json')

export async function readFacts(stateDir: string): Promise<NativeClusterFacts | undefined> {
  try {
    return JSON.parse(await readFile(clusterFile(stateDir), 'utf8')) as NativeClusterFacts
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
}

export function openCluster(facts: NativeClusterFacts, holder: ProcessIdentity): NativeCluster {
  const home: ProcessHome = { stateDir: facts.stateDir, cgroup: facts.cgroup, holder }
  return {
    ...facts,
    exec: (command, args, options) => exec(facts, home, [command, ...args], options),
    startProcess: (name, command, args, options) => startProcess(home, name, [command, ...args], options),
    findProcess: (name) => findProcess(home, name),
    issueCertificate: async (request) => (await frontDoorAuthority(facts.stateDir)).issue(request),
    issueClientCertificate: async (request) =>
      (await openAuthority(dirname(facts.kubernetesCaFile), 'ca', '')).issue(request),
  }
}

/** Certificate file of the CA of registry, blob host and Entra ID stand-in: what pods and the node are told to trust. */
export async function frontDoorCaFile(stateDir: string): Promise<string> {
  await frontDoorAuthority(stateDir)
  return join(frontDoorDir(stateDir), `${frontDoorCa}.crt`)
}

async function frontDoorAuthority(stateDir: string): Promise<CertificateAuthority> {
  const dir = frontDoorDir(stateDir)
  await mkdir(dir, { recursive: true, mode: 0o700 })
  return openAuthority(dir, frontDoorCa, 'windlass local registry CA')
}

const frontDoorCa = 'ca'

function frontDoorDir(stateDir: string): string {
  return join(stateDir, 'registry')
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
