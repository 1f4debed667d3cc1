import type { Manifest } from '../install.ts'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { platform } from '../backend.ts'
import { nodeHostNames } from './namespaces.ts'

export const dnsUser = 'system:coredns'

export interface DnsOptions {
  readonly stateDir: string
  readonly nodeIp: string
  readonly kubeconfig: string
}

/** Writes CoreDNS's settings and returns its arguments. */
export async function coreDnsArguments({ stateDir, nodeIp, kubeconfig }: DnsOptions): Promise<readonly string[]> {
  const path = join(stateDir, 'etc', 'Corefile')
  await writeFile(path, corefile(nodeIp, kubeconfig))
  return ['-conf', path]
}

/** The Service that pods ask, before a CoreDNS that is a process of the node and not a pod. */
export function dnsObjects(nodeIp: string): readonly Manifest[] {
  const metadata = { name: 'kube-dns', namespace: 'kube-system' }
  const protocols = ['UDP', 'TCP'] as const
  const ports = protocols.map((protocol) => ({ name: `dns-${protocol.toLowerCase()}`, port: 53, protocol }))
  return [
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRole',
      metadata: { name: dnsUser },
      rules: [
        { apiGroups: [''], resources: ['services', 'namespaces'], verbs: ['list', 'watch'] },
        { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: ['list', 'watch'] },
      ],
    },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRoleBinding',
      metadata: { name: dnsUser },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: dnsUser },
      subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: dnsUser }],
    },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { ...metadata, labels: { 'k8s-app': 'kube-dns' } },
      spec: { clusterIP: platform.dnsServiceIp, ports },
    },
    {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: {
        ...metadata,
        labels: {
          'kubernetes.io/service-name': 'kube-dns',
          'endpointslice.kubernetes.io/managed-by': 'windlass.dev',
        },
      },
      addressType: 'IPv4',
      endpoints: [{ addresses: [nodeIp], conditions: { ready: true } }],
      ports,
    },
  ]
}

/**
 * https://coredns.io/plugins/kubernetes/ and https://coredns.io/plugins/hosts/
 * The cluster has no way to the world: what is neither its own nor the node's does not exist.
 */
function corefile(nodeIp: string, kubeconfig: string): string {
  return `${platform.clusterDomain} in-addr.arpa {
  bind ${nodeIp}
  errors
  kubernetes {
    kubeconfig ${kubeconfig}
    ttl 5
  }
}

. {
  bind ${nodeIp}
  errors
  hosts {
    ${nodeIp} ${nodeHostNames.join(' ')}
  }
}
`
}
