import type { NetworkPolicy, PolicyPeer, PolicyPort } from '../local/network/policy.ts'

/** As much of a CiliumNetworkPolicy as our charts render. */
export interface CiliumNetworkPolicy {
  readonly metadata: { readonly namespace: string; readonly name: string }
  readonly spec: {
    readonly endpointSelector: Endpoints
    readonly ingress?: readonly CiliumRule[]
    readonly egress?: readonly CiliumRule[]
  }
}

interface CiliumRule {
  readonly fromEndpoints?: readonly Endpoints[]
  readonly toEndpoints?: readonly Endpoints[]
  readonly toCIDR?: readonly string[]
  readonly toCIDRSet?: ReadonlyArray<{ readonly cidr: string; readonly except?: readonly string[] }>
  readonly toEntities?: readonly string[]
  readonly toFQDNs?: readonly HostName[]
  readonly toPorts?: ReadonlyArray<{
    readonly ports: ReadonlyArray<{ readonly port: string; readonly protocol: string }>
    readonly rules?: { readonly dns?: readonly HostName[] }
  }>
}

interface Endpoints {
  readonly matchLabels: Readonly<Record<string, string>>
  readonly matchExpressions?: ReadonlyArray<{ readonly key: string; readonly operator: string }>
}

type HostName = { readonly matchName: string } | { readonly matchPattern: string }

/** The world in which a policy holds, which Cilium finds out by itself. */
export interface CiliumWorld {
  /** Of the node on which the API server listens. */
  readonly apiServerIp: string
  /** What names were answered with. */
  readonly addresses: Readonly<Record<string, string>>
}

const namespaceLabel = 'k8s:io.kubernetes.pod.namespace'
const known: ReadonlySet<string> = new Set([
  'fromEndpoints',
  'toEndpoints',
  'toCIDR',
  'toCIDRSet',
  'toEntities',
  'toFQDNs',
  'toPorts',
] satisfies ReadonlyArray<keyof CiliumRule>)

/**
 * A NetworkPolicy that lets through what Cilium's documentation says of this one; a rule that is not known here is
 * refused, so that none is passed over. https://docs.cilium.io/en/stable/security/policy/language/
 */
export function asNetworkPolicy({ metadata, spec }: CiliumNetworkPolicy, world: CiliumWorld): NetworkPolicy {
  const { endpointSelector, ingress, egress } = spec
  return {
    metadata,
    spec: {
      podSelector: endpointSelector,
      // What a direction has no section for is not restricted.
      policyTypes: [...(ingress === undefined ? [] : ['Ingress']), ...(egress === undefined ? [] : ['Egress'])],
      ingress: rulesOf(ingress, world).map(({ peers, ports }) => ({ from: peers, ports })),
      egress: rulesOf(egress, world).map(({ peers, ports }) => ({ to: peers, ports })),
    },
  }
}

interface Rule {
  readonly peers: readonly PolicyPeer[]
  readonly ports: readonly PolicyPort[]
}

function rulesOf(rules: readonly CiliumRule[] = [], world: CiliumWorld): readonly Rule[] {
  return rules.flatMap((rule) => {
    const strange = Object.keys(rule).filter((key) => !known.has(key))
    if (strange.length > 0) throw new Error(`what ${strange.join(', ')} lets through is not known here`)
    const peers = peersOf(rule, world)
    // Of a rule without a peer nothing comes through, where a NetworkPolicy would let everybody in.
    return peers.length === 0 ? [] : [{ peers, ports: portsOf(rule) }]
  })
}

function peersOf(rule: CiliumRule, { apiServerIp, addresses }: CiliumWorld): readonly PolicyPeer[] {
  const { fromEndpoints = [], toEndpoints = [], toCIDR = [], toCIDRSet = [], toEntities = [], toFQDNs = [] } = rule
  // An address block is for what is outside of the cluster, and its nodes are not.
  const block = (cidr: string, except: readonly string[] = []): PolicyPeer => ({
    ipBlock: { cidr, except: [...except, `${apiServerIp}/32`] },
  })
  return [
    ...[...fromEndpoints, ...toEndpoints].map(podsOf),
    ...toCIDR.map((cidr) => block(cidr)),
    ...toCIDRSet.map(({ cidr, except }) => block(cidr, except)),
    ...toEntities.map((entity) => {
      if (entity !== 'kube-apiserver') throw new Error(`what the entity ${entity} is is not known here`)
      return { ipBlock: { cidr: `${apiServerIp}/32` } }
    }),
    ...toFQDNs.flatMap((name) =>
      Object.entries(addresses)
        .filter(([host]) => isNamed(host, name))
        .map(([, ip]) => block(`${ip}/32`)),
    ),
  ]
}

function podsOf({ matchLabels, matchExpressions = [] }: Endpoints): PolicyPeer {
  const { [namespaceLabel]: namespace, ...labels } = matchLabels
  const strange = matchExpressions.filter(({ key, operator }) => key !== namespaceLabel || operator !== 'Exists')
  if (strange.length > 0) throw new Error(`what ${JSON.stringify(strange)} selects is not known here`)
  const isAnywhere = matchExpressions.length > 0
  return {
    ...(isAnywhere && { namespaceSelector: {} }),
    ...(namespace !== undefined && {
      namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespace } },
    }),
    podSelector: { matchLabels: labels },
  }
}

/** `*` is any part of one label of a name. */
function isNamed(host: string, name: HostName): boolean {
  if ('matchName' in name) return host === name.matchName
  return new RegExp(`^${name.matchPattern.replaceAll('.', '[.]').replaceAll('*', '[-_a-z0-9]*')}$`).test(host)
}

function portsOf({ toPorts = [] }: CiliumRule): readonly PolicyPort[] {
  return toPorts.flatMap(({ ports }) =>
    ports.flatMap(({ port, protocol }) =>
      (protocol === 'ANY' ? ['TCP', 'UDP'] : [protocol]).map((one) => ({ protocol: one, port: Number(port) })),
    ),
  )
}
