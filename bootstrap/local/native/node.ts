import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { platform, type PullCredential } from '../backend.ts'
import { writeCertificate } from '../certificates.ts'
import type { ControlPlaneFiles } from '../control-plane.ts'
import { writeCredentialProvider } from '../credential-provider.ts'
import { containerdSocket } from './containerd.ts'

export interface NodeOptions {
  readonly stateDir: string
  readonly nodeName: string
  readonly nodeIp: string
  /** Root of the pods' control groups, beside the group of the cluster's own processes. */
  readonly cgroupRoot: string
  readonly files: ControlPlaneFiles
  readonly kubeconfig: string
  readonly pullCredential: PullCredential
}

/** Writes what the kubelet reads and returns its arguments. */
export async function kubeletArguments(options: NodeOptions): Promise<readonly string[]> {
  const dir = join(options.stateDir, 'node')
  await mkdir(dir, { recursive: true, mode: 0o700 })
  const serving = await writeCertificate(
    dir,
    'kubelet',
    await options.files.authority.issue({
      commonName: `system:node:${options.nodeName}`,
      organization: 'system:nodes',
      dnsNames: [options.nodeName],
      ipAddresses: [options.nodeIp],
    }),
  )
  const configFile = join(dir, 'kubelet.yaml')
  await writeFile(configFile, stringify(kubeletConfiguration(options, serving)))
  const provider = await writeCredentialProvider(dir, options.pullCredential)
  return [
    `--config=${configFile}`,
    `--kubeconfig=${options.kubeconfig}`,
    `--hostname-override=${options.nodeName}`,
    `--node-ip=${options.nodeIp}`,
    `--image-credential-provider-config=${provider.configFile}`,
    `--image-credential-provider-bin-dir=${provider.binDir}`,
  ]
}

export interface KubeProxyOptions {
  readonly stateDir: string
  readonly nodeName: string
  readonly kubeconfig: string
}

/** Writes what kube-proxy reads and returns its arguments. */
export async function kubeProxyArguments(options: KubeProxyOptions): Promise<readonly string[]> {
  const configFile = join(options.stateDir, 'node', 'kube-proxy.yaml')
  await mkdir(join(options.stateDir, 'node'), { recursive: true, mode: 0o700 })
  await writeFile(
    configFile,
    stringify({
      apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
      kind: 'KubeProxyConfiguration',
      clientConnection: { kubeconfig: options.kubeconfig },
      hostnameOverride: options.nodeName,
      mode: 'nftables',
      clusterCIDR: platform.podCidr,
      // Zero leaves the kernel's own: a network namespace other than the first may not set them.
      conntrack: { maxPerCore: 0, tcpEstablishedTimeout: '0s', tcpCloseWaitTimeout: '0s' },
      healthzBindAddress: '127.0.0.1:10256',
      metricsBindAddress: '127.0.0.1:10249',
    }),
  )
  return [`--config=${configFile}`]
}

/** https://kubernetes.io/docs/reference/config-api/kubelet-config.v1beta1/ */
function kubeletConfiguration(options: NodeOptions, serving: { certFile: string; keyFile: string }): unknown {
  return {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    address: options.nodeIp,
    healthzBindAddress: '127.0.0.1',
    tlsCertFile: serving.certFile,
    tlsPrivateKeyFile: serving.keyFile,
    authentication: {
      anonymous: { enabled: false },
      webhook: { enabled: true },
      x509: { clientCAFile: options.files.caFile },
    },
    authorization: { mode: 'Webhook' },
    clusterDomain: platform.clusterDomain,
    clusterDNS: [platform.dnsServiceIp],
    resolvConf: join(options.stateDir, 'etc', 'resolv.conf'),
    containerRuntimeEndpoint: `unix://${containerdSocket}`,
    cgroupDriver: 'cgroupfs',
    cgroupRoot: options.cgroupRoot,
    failCgroupV1: false,
    failSwapOn: false,
    // Scores and limits that may not be changed are then passed over, as in a user namespace.
    featureGates: { KubeletInUserNamespace: true },
    oomScoreAdj: 0,
    enforceNodeAllocatable: [],
    serializeImagePulls: false,
    registryPullQPS: 0,
    // Where the default doubles from 10 s to 5 min: who watches a container crash three times need not wait half a minute.
    crashLoopBackOff: { maxContainerRestartPeriod: '2s' },
    // How full the machine's disk is, is not the cluster's business: nothing is evicted or collected for it.
    imageGCHighThresholdPercent: 100,
    evictionHard: {
      'memory.available': '100Mi',
      'nodefs.available': '0%',
      'nodefs.inodesFree': '0%',
      'imagefs.available': '0%',
    },
    // How long a changed ConfigMap takes, at most, to show in a running pod.
    syncFrequency: '10s',
  }
}
