import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { platform, type PullCredential } from '../backend.ts'
import { checkout } from '../checkout.ts'
import { writeRegistryHosts } from '../containerd-hosts.ts'
import { auditOptions, auditPolicy } from '../control-plane.ts'
import { writeCredentialProvider } from '../credential-provider.ts'
import { cacheDir } from '../paths.ts'
import { pins } from './pins.ts'

export interface NodeFilesOptions {
  readonly stateDir: string
  /** The CA that signed the registry's certificates. */
  readonly caFile: string
  readonly pullCredential: PullCredential
}

export interface NodeFiles {
  /** What kind reads. */
  readonly configFile: string
  readonly auditLog: string
}

/**
 * Writes what the node's parts read, and how kind is to make it. Folders of this machine have the same path in the node,
 * so that our programs run there as they are: from this checkout, with its Node.js.
 */
export async function writeNodeFiles(options: NodeFilesOptions): Promise<NodeFiles> {
  const { stateDir, caFile, pullCredential } = options
  const [certs, audit] = [join(stateDir, 'certs.d'), join(stateDir, 'audit')]
  const files = { auditPolicyFile: join(audit, 'policy.yaml'), auditLog: join(audit, 'audit.log') }
  await writeRegistryHosts(certs, caFile)
  await mkdir(audit, { recursive: true })
  await writeFile(files.auditPolicyFile, stringify(auditPolicy))
  // The API server writes on in a file that is there; one that it made would be root's, and for root alone to read.
  await writeFile(files.auditLog, '', { mode: 0o644 })
  const provider = await writeCredentialProvider(join(stateDir, 'node'), pullCredential)
  // kind would leave it to Docker to make a folder that is missing, as root.
  await mkdir(cacheDir('go'), { recursive: true })
  const configFile = join(stateDir, 'kind.yaml')
  const config = clusterConfig({
    mounts: [
      { hostPath: checkout, containerPath: checkout, readOnly: true },
      { hostPath: cacheDir('go'), containerPath: cacheDir('go'), readOnly: true },
      { hostPath: stateDir, containerPath: stateDir },
      // Where the node's containerd looks by default: https://kind.sigs.k8s.io/docs/user/local-registry/
      { hostPath: certs, containerPath: '/etc/containerd/certs.d', readOnly: true },
    ],
    patches: [
      {
        kind: 'ClusterConfiguration',
        apiServer: {
          extraArgs: args(auditOptions(files)),
          extraVolumes: [{ name: 'audit', hostPath: audit, mountPath: audit, readOnly: false, pathType: 'Directory' }],
        },
      },
      {
        kind: 'InitConfiguration',
        nodeRegistration: {
          kubeletExtraArgs: args({
            'image-credential-provider-config': provider.configFile,
            'image-credential-provider-bin-dir': provider.binDir,
          }),
        },
      },
      // As on the other backend, for the same reasons.
      {
        kind: 'KubeletConfiguration',
        crashLoopBackOff: { maxContainerRestartPeriod: '2s' },
        serializeImagePulls: false,
        registryPullQPS: 0,
        syncFrequency: '10s',
      },
    ],
  })
  await writeFile(configFile, stringify(config))
  return { configFile, auditLog: files.auditLog }
}

/** https://kind.sigs.k8s.io/docs/user/configuration/ */
function clusterConfig(node: { readonly mounts: readonly object[]; readonly patches: readonly object[] }): object {
  return {
    kind: 'Cluster',
    apiVersion: 'kind.x-k8s.io/v1alpha4',
    networking: { ipFamily: 'ipv4', podSubnet: platform.podCidr, serviceSubnet: platform.serviceCidr },
    nodes: [
      {
        role: 'control-plane',
        image: pins.node,
        extraMounts: node.mounts,
        kubeadmConfigPatches: node.patches.map((patch) => stringify(patch)),
      },
    ],
  }
}

/** As kubeadm.k8s.io/v1beta4 has them; kind adds them to its own. */
function args(values: Readonly<Record<string, string>>): readonly object[] {
  return Object.entries(values).map(([name, value]) => ({ name, value }))
}
