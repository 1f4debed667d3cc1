import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { platform } from './backend.ts'
import type { CertificateAuthority, IssuedCertificate } from './certificates.ts'
import { openAuthority, writeCertificate, writeKeyPair } from './certificates.ts'

/** Certificates and settings of one control plane, each a file below its `pki` and `audit` folders. */
export interface ControlPlaneFiles {
  readonly authority: CertificateAuthority
  readonly caFile: string
  readonly caKeyFile: string
  readonly frontProxyCaFile: string
  readonly frontProxyCertFile: string
  readonly frontProxyKeyFile: string
  readonly serverCertFile: string
  readonly serverKeyFile: string
  readonly kubeletClientCertFile: string
  readonly kubeletClientKeyFile: string
  readonly serviceAccountPublicFile: string
  readonly serviceAccountKeyFile: string
  readonly auditPolicyFile: string
  readonly auditLog: string
  /** Client certificate of an administrator (group system:masters). */
  readonly admin: IssuedCertificate
}

export interface EtcdOptions {
  readonly dataDir: string
  readonly clientPort: number
  readonly peerPort: number
}

export interface ApiServerOptions {
  readonly files: ControlPlaneFiles
  readonly etcdUrl: string
  readonly bindAddress: string
  /** What pods reach the API server by through the `kubernetes` Service; not loopback where there are pods. */
  readonly advertiseAddress: string
  readonly port: number
}

/** Issuer of service account tokens: what an identity provider that trusts the cluster is told to expect. */
export const serviceAccountIssuer = `https://kubernetes.default.svc.${platform.clusterDomain}`

/** Makes what is missing below `dir`; authorities and the token key pair are kept from one start to the next. */
export async function prepareControlPlane(dir: string, addresses: readonly string[]): Promise<ControlPlaneFiles> {
  const pki = join(dir, 'pki')
  const audit = join(dir, 'audit')
  await mkdir(pki, { recursive: true, mode: 0o700 })
  await mkdir(audit, { recursive: true })
  const authority = await openAuthority(pki, 'ca', 'windlass local cluster CA')
  const frontProxyAuthority = await openAuthority(pki, 'front-proxy-ca', 'windlass local front proxy CA')
  const server = await authority.issue({
    commonName: 'kube-apiserver',
    dnsNames: ['localhost', ...kubernetesServiceNames()],
    ipAddresses: ['127.0.0.1', platform.kubernetesServiceIp, ...addresses],
  })
  const serverFiles = await writeCertificate(pki, 'apiserver', server)
  const kubeletClientFiles = await writeCertificate(
    pki,
    'apiserver-kubelet-client',
    await authority.issue({ commonName: 'kube-apiserver-kubelet-client', organization: 'system:masters' }),
  )
  const frontProxyFiles = await writeCertificate(
    pki,
    frontProxyName,
    await frontProxyAuthority.issue({ commonName: frontProxyName }),
  )
  const tokenKeys = await writeKeyPair(pki, 'service-account')
  const auditPolicyFile = join(audit, 'policy.yaml')
  await writeFile(auditPolicyFile, stringify(auditPolicy))
  return {
    authority,
    caFile: join(pki, 'ca.crt'),
    caKeyFile: join(pki, 'ca.key'),
    frontProxyCaFile: join(pki, 'front-proxy-ca.crt'),
    frontProxyCertFile: frontProxyFiles.certFile,
    frontProxyKeyFile: frontProxyFiles.keyFile,
    serverCertFile: serverFiles.certFile,
    serverKeyFile: serverFiles.keyFile,
    kubeletClientCertFile: kubeletClientFiles.certFile,
    kubeletClientKeyFile: kubeletClientFiles.keyFile,
    serviceAccountPublicFile: tokenKeys.publicFile,
    serviceAccountKeyFile: tokenKeys.keyFile,
    auditPolicyFile,
    auditLog: join(audit, 'audit.log'),
    admin: await authority.issue({ commonName: 'windlass-admin', organization: 'system:masters' }),
  }
}

/** Arguments of an etcd of one member, on loopback, whose data need not survive a power cut. */
export function etcdArguments({ dataDir, clientPort, peerPort }: EtcdOptions): readonly string[] {
  const client = `http://127.0.0.1:${clientPort}`
  const peer = `http://127.0.0.1:${peerPort}`
  return [
    `--data-dir=${dataDir}`,
    '--name=local',
    `--listen-client-urls=${client}`,
    `--advertise-client-urls=${client}`,
    `--listen-peer-urls=${peer}`,
    `--initial-advertise-peer-urls=${peer}`,
    `--initial-cluster=local=${peer}`,
    '--unsafe-no-fsync',
    '--log-level=warn',
  ]
}

/** Arguments of the API server, the same for a cluster and for one that stands alone in tests. */
export function apiServerArguments(options: ApiServerOptions): readonly string[] {
  const { files } = options
  return [
    `--etcd-servers=${options.etcdUrl}`,
    `--bind-address=${options.bindAddress}`,
    `--advertise-address=${options.advertiseAddress}`,
    `--secure-port=${options.port}`,
    `--tls-cert-file=${files.serverCertFile}`,
    `--tls-private-key-file=${files.serverKeyFile}`,
    `--client-ca-file=${files.caFile}`,
    '--authorization-mode=Node,RBAC',
    '--enable-admission-plugins=NodeRestriction',
    '--allow-privileged=true',
    `--service-cluster-ip-range=${platform.serviceCidr}`,
    `--service-account-issuer=${serviceAccountIssuer}`,
    `--service-account-key-file=${files.serviceAccountPublicFile}`,
    `--service-account-signing-key-file=${files.serviceAccountKeyFile}`,
    `--kubelet-certificate-authority=${files.caFile}`,
    `--kubelet-client-certificate=${files.kubeletClientCertFile}`,
    `--kubelet-client-key=${files.kubeletClientKeyFile}`,
    // logs and exec go to the node by address: its name resolves nowhere.
    '--kubelet-preferred-address-types=InternalIP',
    ...aggregationArguments(files),
    ...Object.entries(auditOptions(files)).map(([name, value]) => `--${name}=${value}`),
    '--profiling=false',
    '--event-ttl=24h',
  ]
}

const frontProxyName = 'front-proxy-client'

/** https://kubernetes.io/docs/tasks/extend-kubernetes/configure-aggregation-layer/ */
function aggregationArguments(files: ControlPlaneFiles): readonly string[] {
  return [
    `--requestheader-client-ca-file=${files.frontProxyCaFile}`,
    `--requestheader-allowed-names=${frontProxyName}`,
    '--requestheader-username-headers=X-Remote-User',
    '--requestheader-group-headers=X-Remote-Group',
    '--requestheader-extra-headers-prefix=X-Remote-Extra-',
    `--proxy-client-cert-file=${files.frontProxyCertFile}`,
    `--proxy-client-key-file=${files.frontProxyKeyFile}`,
  ]
}

/**
 * The audit log is a witness: no request may be served that it has not seen first (blocking-strict), and it must not
 * be rotated away under its reader. The API server's options by their names.
 */
export function auditOptions(
  files: Pick<ControlPlaneFiles, 'auditPolicyFile' | 'auditLog'>,
): Readonly<Record<string, string>> {
  return {
    'audit-policy-file': files.auditPolicyFile,
    'audit-log-path': files.auditLog,
    'audit-log-format': 'json',
    'audit-log-mode': 'blocking-strict',
    'audit-log-maxsize': '1000',
    'audit-log-maxbackup': '1',
  }
}

/** The cluster's own parts, by name or by group. */
const ownParts = [
  {
    users: [
      'system:apiserver',
      'system:kube-controller-manager',
      'system:kube-scheduler',
      'system:kube-proxy',
      'system:coredns',
    ],
  },
  { userGroups: ['system:nodes', 'system:serviceaccounts:kube-system'] },
] as const

/** https://kubernetes.io/docs/tasks/debug/debug-cluster/audit/ */
export const auditPolicy = {
  apiVersion: 'audit.k8s.io/v1',
  kind: 'Policy',
  rules: [
    { level: 'None', nonResourceURLs: ['/healthz*', '/livez*', '/readyz*'] },
    // What the cluster's own parts read, and how they show that they live, would drown the rest.
    ...ownParts.flatMap((who) => [
      { level: 'None', ...who, verbs: ['get', 'list', 'watch'] },
      { level: 'None', ...who, resources: [{ group: 'coordination.k8s.io', resources: ['leases'] }] },
    ]),
    { level: 'Metadata' },
  ],
}

function kubernetesServiceNames(): readonly string[] {
  const inNamespace = 'kubernetes.default'
  return ['kubernetes', inNamespace, `${inNamespace}.svc`, `${inNamespace}.svc.${platform.clusterDomain}`]
}
