import { join } from 'node:path'
import { platform } from '../backend.ts'
import type { ControlPlaneFiles } from '../control-plane.ts'
import { writeKubeconfig } from '../kubeconfig.ts'

export interface ComponentOptions {
  readonly files: ControlPlaneFiles
  readonly kubeconfig: string
}

export function controllerManagerArguments({ files, kubeconfig }: ComponentOptions): readonly string[] {
  return [
    ...commonArguments(kubeconfig),
    `--service-account-private-key-file=${files.serviceAccountKeyFile}`,
    `--root-ca-file=${files.caFile}`,
    `--cluster-signing-cert-file=${files.caFile}`,
    `--cluster-signing-key-file=${files.caKeyFile}`,
    `--cluster-cidr=${platform.podCidr}`,
    // Each controller under a name of its own, so that the audit log tells who did what.
    '--use-service-account-credentials=true',
    // Each of those gets a token first: at the default of 20 requests a second, that is most of the start.
    '--kube-api-qps=200',
    '--kube-api-burst=400',
  ]
}

export function schedulerArguments({ kubeconfig }: Pick<ComponentOptions, 'kubeconfig'>): readonly string[] {
  return commonArguments(kubeconfig)
}

export interface ComponentUser {
  readonly name: string
  readonly user: string
  readonly organization?: string
}

/** Writes the kubeconfig that a part of the cluster identifies itself with; returns its path. */
export async function writeComponentKubeconfig(
  stateDir: string,
  files: ControlPlaneFiles,
  url: string,
  { name, user, organization }: ComponentUser,
): Promise<string> {
  const path = join(stateDir, 'pki', `${name}.kubeconfig`)
  const client = await files.authority.issue({ commonName: user, ...(organization && { organization }) })
  await writeKubeconfig(path, { name, url, caPem: files.authority.certPem, client })
  return path
}

function commonArguments(kubeconfig: string): readonly string[] {
  return [
    `--kubeconfig=${kubeconfig}`,
    `--authentication-kubeconfig=${kubeconfig}`,
    `--authorization-kubeconfig=${kubeconfig}`,
    '--bind-address=127.0.0.1',
    // There is no other to be elected against, and taking the lease over after a restart would cost its 15 s.
    '--leader-elect=false',
    '--profiling=false',
  ]
}
