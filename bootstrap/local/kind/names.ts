import { askJson } from '../../calls/call.ts'
import { platform } from '../backend.ts'
import type { NodeRunner } from './cluster.ts'

interface ConfigMap {
  readonly data: { readonly Corefile: string }
}

const corefileOf = ['kubectl', '--namespace', 'kube-system', 'get', 'configmap', 'coredns', '--output', 'json'] as const
const rollout = ['kubectl', '--namespace', 'kube-system', 'rollout'] as const

/**
 * Makes the names of registry, blob host and authority lead to the node, where they are served: for containerd and for
 * what runs in the node by its hosts file, for pods by CoreDNS.
 */
export async function nameFrontDoors(node: NodeRunner, nodeIp: string): Promise<void> {
  const line = [nodeIp, platform.registryHost, platform.blobHost, platform.entraHost].join(' ')
  await node.run(node.call(['tee', '--append', '/etc/hosts'], `${line}\n`))
  const found = await askJson<ConfigMap>(node.run, node.call(corefileOf))
  const changed = { ...found, data: { ...found.data, Corefile: withHosts(found.data.Corefile, line) } }
  await node.run(node.call(['kubectl', 'replace', '--filename', '-'], JSON.stringify(changed)))
  // It reads a changed file by itself, but only after a minute or two.
  await node.run(node.call([...rollout, 'restart', 'deployment/coredns']))
  await node.run(node.call([...rollout, 'status', 'deployment/coredns', '--timeout=2m']))
}

/** https://coredns.io/plugins/hosts/, in the one server that kubeadm's CoreDNS has. */
export function withHosts(corefile: string, line: string): string {
  const server = /^\.:53 \{$/m
  if (!server.test(corefile)) throw new Error(`CoreDNS has another configuration than kubeadm's:\n${corefile}`)
  return corefile.replace(server, `.:53 {\n    hosts {\n        ${line}\n        fallthrough\n    }`)
}
