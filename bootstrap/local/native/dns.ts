import type { Manifest } from '../install.ts'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { platform } from '../backend.ts'

export const dnsUser = 'system:coredns'

export interface DnsOptions {
  readonly stateDir: string
  readonly nodeIp: string
  readonly kubeconfig: string
}

/** Writes CoreDNS's settings and returns its arguments. */
export async function coreDnsArguments({ stateDir, nodeIp, kubeconfig }: DnsOptions): Promise<readonly string[]> {
  const etc = join(stateDir, 'etc')
  const path = join(etc, 'Corefile')
  await writeFile(join(etc, 'root.zone'), emptyRoot)
  await writeFile(path, corefile({ nodeIp, kubeconfig, etc }))
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
 * The cluster has no way to the world: what is neither its own nor in its hosts file does not exist, and that is said
 * with authority over the root, since `hosts` by itself answers such a name with an error that clients try again.
 */
function corefile(options: { readonly nodeIp: string; readonly kubeconfig: string; readonly etc: string }): string {
  return `${platform.clusterDomain} in-addr.arpa {
  bind ${options.nodeIp}
  errors
  kubernetes {
    kubeconfig "${options.kubeconfig}"
    ttl 5
  }
}

. {
  bind ${options.nodeIp}
  errors
  hosts "${join(options.etc, 'hosts')}" {
    fallthrough
  }
  file "${join(options.etc, 'root.zone')}"
}
`
}

/** RFC 1035, section 5; a name that does not exist may be remembered for the last number of its SOA, RFC 2308. */
const emptyRoot = `@ 5 IN SOA localhost. nobody.localhost. 1 3600 600 86400 5
@ 5 IN NS localhost.
`
