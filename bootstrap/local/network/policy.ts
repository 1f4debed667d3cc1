/**
 * NetworkPolicies as Kubernetes defines them, evaluated: no CNI plugin that enforces them runs on the local platform.
 * https://kubernetes.io/docs/concepts/services-networking/network-policies/
 */

export interface LabelSelector {
  readonly matchLabels?: Labels
  readonly matchExpressions?: ReadonlyArray<{
    readonly key: string
    readonly operator: string
    readonly values?: readonly string[]
  }>
}

type Labels = Readonly<Record<string, string>>

export interface PolicyPeer {
  readonly podSelector?: LabelSelector
  readonly namespaceSelector?: LabelSelector
  readonly ipBlock?: { readonly cidr: string; readonly except?: readonly string[] }
}

export interface PolicyPort {
  readonly protocol?: string
  readonly port?: number | string
  readonly endPort?: number
}

export interface NetworkPolicy {
  readonly metadata: { readonly namespace: string; readonly name: string }
  readonly spec: {
    readonly podSelector?: LabelSelector
    readonly policyTypes?: readonly string[]
    readonly ingress?: ReadonlyArray<{ readonly from?: readonly PolicyPeer[]; readonly ports?: readonly PolicyPort[] }>
    readonly egress?: ReadonlyArray<{ readonly to?: readonly PolicyPeer[]; readonly ports?: readonly PolicyPort[] }>
  }
}

export interface PodEnd {
  readonly kind: 'pod'
  readonly namespace: string
  readonly name: string
  readonly labels: Labels
  /** Numbers of its containers' named ports. */
  readonly ports: Readonly<Record<string, number>>
}

/** One end of a connection. What is no pod is known by its address, the node itself by being it. */
export type End =
  PodEnd | { readonly kind: 'node'; readonly ip: string } | { readonly kind: 'outside'; readonly ip: string }

export interface Attempt {
  readonly from: End
  readonly to: End
  readonly protocol: 'TCP' | 'UDP'
  /** Where it arrives, after a Service's address was translated. */
  readonly port: number
}

export type Verdict =
  /** By Kubernetes's own rule: what the node sends to its pods, as probes, no policy stops. */
  | { readonly kind: 'from-node' }
  | { readonly kind: 'allowed'; readonly by: readonly string[] }
  | { readonly kind: 'denied'; readonly direction: 'egress' | 'ingress'; readonly by: readonly string[] }

/**
 * An `ipBlock` is held to match no pod, as with Cilium: it is for what is outside.
 * https://docs.cilium.io/en/stable/network/kubernetes/policy/
 */
export function judge(
  attempt: Attempt,
  policies: readonly NetworkPolicy[],
  namespaces: Readonly<Record<string, Labels>>,
): Verdict {
  const { from, to } = attempt
  if (from.kind === 'node') return { kind: 'from-node' }
  if (isSamePod(from, to)) return { kind: 'allowed', by: [] }
  const by: string[] = []
  for (const direction of ['egress', 'ingress'] as const) {
    const [selected, peer] = direction === 'egress' ? [from, to] : [to, from]
    if (selected.kind !== 'pod') continue
    const applying = policies.filter((policy) => isOf(policy, direction) && selects(policy, selected))
    if (applying.length === 0) continue
    const passing = applying.filter((policy) => lets(policy, direction, peer, attempt, namespaces))
    if (passing.length === 0) return { kind: 'denied', direction, by: applying.map(nameOf) }
    by.push(...passing.map(nameOf))
  }
  return { kind: 'allowed', by }
}

function isSamePod(one: End, other: End): boolean {
  return one.kind === 'pod' && other.kind === 'pod' && one.namespace === other.namespace && one.name === other.name
}

function isOf({ spec }: NetworkPolicy, direction: 'egress' | 'ingress'): boolean {
  // Where nothing is said, egress is restricted only if there are rules for it; ingress always is.
  const types = spec.policyTypes ?? (spec.egress === undefined ? ['Ingress'] : ['Ingress', 'Egress'])
  return types.includes(direction === 'egress' ? 'Egress' : 'Ingress')
}

function selects({ metadata, spec }: NetworkPolicy, pod: PodEnd): boolean {
  return metadata.namespace === pod.namespace && matches(spec.podSelector ?? {}, pod.labels)
}

function lets(
  { metadata, spec }: NetworkPolicy,
  direction: 'egress' | 'ingress',
  peer: End,
  attempt: Attempt,
  namespaces: Readonly<Record<string, Labels>>,
): boolean {
  const rules =
    direction === 'egress'
      ? (spec.egress ?? []).map(({ to, ports }) => ({ peers: to, ports }))
      : (spec.ingress ?? []).map(({ from, ports }) => ({ peers: from, ports }))
  return rules.some(
    ({ peers = [], ports = [] }) =>
      (ports.length === 0 || ports.some((port) => isPort(port, attempt))) &&
      (peers.length === 0 || peers.some((one) => isPeer(one, peer, metadata.namespace, namespaces))),
  )
}

function isPort({ protocol = 'TCP', port, endPort }: PolicyPort, attempt: Attempt): boolean {
  if (protocol !== attempt.protocol) return false
  if (port === undefined) return true
  if (typeof port === 'string') return attempt.to.kind === 'pod' && attempt.to.ports[port] === attempt.port
  return attempt.port >= port && attempt.port <= (endPort ?? port)
}

function isPeer(
  { podSelector, namespaceSelector, ipBlock }: PolicyPeer,
  end: End,
  policyNamespace: string,
  namespaces: Readonly<Record<string, Labels>>,
): boolean {
  if (ipBlock !== undefined) {
    const isIn = (cidr: string): boolean => end.kind !== 'pod' && isInCidr(end.ip, cidr)
    return isIn(ipBlock.cidr) && !(ipBlock.except ?? []).some(isIn)
  }
  if (end.kind !== 'pod' || (podSelector === undefined && namespaceSelector === undefined)) return false
  const isNamespace =
    namespaceSelector === undefined
      ? end.namespace === policyNamespace
      : matches(namespaceSelector, namespaces[end.namespace] ?? {})
  return isNamespace && matches(podSelector ?? {}, end.labels)
}

/** https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors */
function matches({ matchLabels = {}, matchExpressions = [] }: LabelSelector, labels: Labels): boolean {
  return (
    Object.entries(matchLabels).every(([key, value]) => labels[key] === value) &&
    matchExpressions.every(({ key, operator, values = [] }) => {
      const value = labels[key]
      switch (operator) {
        case 'In':
          return value !== undefined && values.includes(value)
        case 'NotIn':
          return value === undefined || !values.includes(value)
        case 'Exists':
          return value !== undefined
        case 'DoesNotExist':
          return value === undefined
        default:
          throw new Error(`there is no operator ${operator} of label selectors`)
      }
    })
  )
}

/** IPv4 alone, which is all that the local platform has. */
export function isInCidr(ip: string, cidr: string): boolean {
  const [base = '', length = '32'] = cidr.split('/')
  const shift = 2 ** (32 - Number(length))
  return Math.floor(toNumber(ip) / shift) === Math.floor(toNumber(base) / shift)
}

function toNumber(ip: string): number {
  const parts = ip.split('.').map(Number)
  if (parts.length !== 4 || parts.some((part) => !Number.isInteger(part) || part < 0 || part > 255)) {
    throw new Error(`${ip} is no IPv4 address`)
  }
  return parts.reduce((sum, part) => sum * 256 + part, 0)
}

function nameOf({ metadata }: NetworkPolicy): string {
  return `${metadata.namespace}/${metadata.name}`
}
