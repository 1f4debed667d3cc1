import { blockSize, cidrProblem, contains, overlaps, parseAddress, parseCidr, type Cidr } from './cidr.ts'
import type { Settings } from './settings.ts'

/** What Azure keeps for itself within a subnet. */
const reservedAddresses = 5
/** AKS gives each node a /24 of the pods' block. */
const podPrefixOfNode = 24
/**
 * https://learn.microsoft.com/azure/aks/concepts-network-ip-address-planning,
 * https://learn.microsoft.com/azure/virtual-network/virtual-networks-faq
 */
const refusedByAzure = [
  '127.0.0.0/8',
  '168.63.129.16/32',
  '169.254.0.0/16',
  '172.30.0.0/16',
  '172.31.0.0/16',
  '192.0.2.0/24',
  '224.0.0.0/4',
  '255.255.255.255/32',
].map(parseCidr)
const privateBlocks = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16'].map(parseCidr)
const mostAuthorizedRanges = 200

/** One sentence for each rule of addresses that the settings break. */
export function networkProblems({ network, cluster, registry }: Settings): readonly string[] {
  const malformed = malformedBlocks({ network, cluster, registry })
  // Rules that compare blocks have nothing to compare while one of them can't be read.
  if (malformed.length > 0) return malformed
  return [
    ...layoutProblems(network, cluster),
    ...sizeProblems(network, cluster),
    ...dnsProblems(network),
    ...apiServerProblems(network, cluster),
    ...publicRangeProblems('registry.allowedIpRanges', registry.allowedIpRanges, 'the registry'),
    ...ingressProblems(network.ingressSources),
  ]
}

function malformedBlocks({ network, cluster, registry }: Pick<Settings, 'network' | 'cluster' | 'registry'>): string[] {
  const blocks: readonly (readonly [string, string])[] = [
    ['network.vnetCidr', network.vnetCidr],
    ['network.nodeSubnetCidr', network.nodeSubnetCidr],
    ['network.podCidr', network.podCidr],
    ['network.serviceCidr', network.serviceCidr],
    ...(network.apiServerSubnetCidr === null
      ? []
      : [['network.apiServerSubnetCidr', network.apiServerSubnetCidr] as const]),
    ...cluster.authorizedIpRanges.map((range) => ['cluster.authorizedIpRanges', range] as const),
    ...registry.allowedIpRanges.map((range) => ['registry.allowedIpRanges', range] as const),
  ]
  return blocks.flatMap(([key, text]) => {
    const problem = cidrProblem(text)
    return problem === undefined ? [] : [`${key}: ${problem}`]
  })
}

function layoutProblems(network: Settings['network'], cluster: Settings['cluster']): string[] {
  const vnet = parseCidr(network.vnetCidr)
  const nodes = parseCidr(network.nodeSubnetCidr)
  const apiServer = network.apiServerSubnetCidr === null ? undefined : parseCidr(network.apiServerSubnetCidr)
  const apart: readonly (readonly [string, Cidr])[] = [
    ['network.vnetCidr', vnet],
    ['network.podCidr', parseCidr(network.podCidr)],
    ['network.serviceCidr', parseCidr(network.serviceCidr)],
  ]
  const found: string[] = []
  for (const [index, [key, block]] of apart.entries()) {
    for (const [otherKey, other] of apart.slice(index + 1)) {
      if (overlaps(block, other)) {
        found.push(
          `${key} ${block.text} and ${otherKey} ${other.text} overlap; VNet, pods and Services need blocks of their own`,
        )
      }
    }
    for (const refused of refusedByAzure) {
      if (overlaps(block, refused))
        found.push(`${key} ${block.text} overlaps ${refused.text}, which Azure keeps for itself`)
    }
  }
  if (!contains(vnet, nodes))
    found.push(`network.nodeSubnetCidr ${nodes.text} must lie within network.vnetCidr ${vnet.text}`)
  if (apiServer && !contains(vnet, apiServer)) {
    found.push(`network.apiServerSubnetCidr ${apiServer.text} must lie within network.vnetCidr ${vnet.text}`)
  }
  if (apiServer && overlaps(nodes, apiServer)) {
    found.push(
      `network.apiServerSubnetCidr ${apiServer.text} and network.nodeSubnetCidr ${nodes.text} overlap; each subnet needs a block of its own`,
    )
  }
  if (apiServer && apiServer.prefix > 28)
    found.push(`network.apiServerSubnetCidr ${apiServer.text} must be a /28 or larger`)
  if (cluster.apiServer === 'vnetIntegration' && !apiServer) {
    found.push('network.apiServerSubnetCidr must be set where cluster.apiServer is vnetIntegration')
  }
  if (cluster.apiServer !== 'vnetIntegration' && apiServer) {
    found.push(
      `network.apiServerSubnetCidr is for cluster.apiServer vnetIntegration only, which is ${cluster.apiServer}`,
    )
  }
  return found
}

function sizeProblems(network: Settings['network'], { systemPool, userPool }: Settings['cluster']): string[] {
  const found: string[] = []
  // A third more nodes are there during an upgrade, of each pool a whole one at least.
  const counts = [systemPool.maxCount, userPool?.maxCount ?? 0]
  const nodes = counts.reduce((sum, count) => sum + count + Math.ceil(count * 0.33), 0)
  const subnet = parseCidr(network.nodeSubnetCidr)
  const pods = parseCidr(network.podCidr)
  const service = parseCidr(network.serviceCidr)
  if (blockSize(subnet.prefix) - reservedAddresses < nodes) {
    found.push(
      `network.nodeSubnetCidr ${subnet.text} has no room for ${nodes} nodes, the most while the pools are upgraded`,
    )
  }
  if (2 ** (podPrefixOfNode - pods.prefix) < nodes) {
    found.push(
      `network.podCidr ${pods.text} has no /24 for each of ${nodes} nodes, the most while the pools are upgraded`,
    )
  }
  if (service.prefix <= 12) found.push(`network.serviceCidr ${service.text} must be smaller than a /12`)
  return found
}

function dnsProblems({ dnsServiceIp, serviceCidr }: Settings['network']): string[] {
  const service = parseCidr(serviceCidr)
  const address = parseAddress(dnsServiceIp)
  if (address === undefined) return [`network.dnsServiceIp '${dnsServiceIp}' is not an IPv4 address`]
  if (address < service.first || address > service.last) {
    return [`network.dnsServiceIp ${dnsServiceIp} must lie within network.serviceCidr ${serviceCidr}`]
  }
  if (address <= service.first + 1) {
    return [
      `network.dnsServiceIp ${dnsServiceIp} must not be the first address of network.serviceCidr, which is the API server's`,
    ]
  }
  return []
}

function apiServerProblems(
  { outbound }: Settings['network'],
  { apiServer, authorizedIpRanges }: Settings['cluster'],
): string[] {
  if (apiServer === 'private') {
    return authorizedIpRanges.length > 0
      ? ['cluster.authorizedIpRanges must be empty where cluster.apiServer is private: Azure takes one or the other']
      : []
  }
  const found: string[] = []
  if (authorizedIpRanges.length === 0) {
    found.push(
      `cluster.authorizedIpRanges must not be empty where cluster.apiServer is ${apiServer}; 0.0.0.0/32 lets in the cluster alone`,
    )
  }
  const ranges = authorizedIpRanges.length + (outbound === 'natGateway' ? 1 : 0)
  if (ranges > mostAuthorizedRanges) {
    found.push(
      `cluster.authorizedIpRanges and the cluster's own address are ${ranges} ranges; Azure takes ${mostAuthorizedRanges}`,
    )
  }
  return [...found, ...publicRangeProblems('cluster.authorizedIpRanges', authorizedIpRanges, 'the API server')]
}

function publicRangeProblems(key: string, ranges: readonly string[], seenBy: string): string[] {
  return ranges.map(parseCidr).flatMap((range) => {
    if (range.prefix < 8) return [`${key}: ${range.text} is as good as everybody`]
    const isPrivate = privateBlocks.some((block) => overlaps(block, range))
    return isPrivate ? [`${key}: ${range.text} is private; ${seenBy} sees public addresses only`] : []
  })
}

function ingressProblems(sources: readonly string[]): string[] {
  return sources.flatMap((source) => {
    // However they are written.
    if (['*', 'any', 'internet'].includes(source.toLowerCase()) || /\/[0-7]$/.test(source)) {
      return [
        `network.ingressSources: '${source}' is as good as everybody; name blocks, or the service tag of what stands in front`,
      ]
    }
    // A region's name, behind the dot, may end with a digit.
    if (/^[A-Za-z]+(\.[A-Za-z]+\d*)*$/.test(source)) return []
    const problem = cidrProblem(source)
    return problem === undefined ? [] : [`network.ingressSources: ${problem}, nor a service tag`]
  })
}
