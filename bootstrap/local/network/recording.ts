import type { Connection } from './conntrack.ts'
import type { End, NetworkPolicy, PodEnd, Verdict } from './policy.ts'
import { isInCidr, judge } from './policy.ts'

/** What the recorder writes, a line each, in the order in which it came to know of it. */
export type Entry =
  | ({ readonly kind: 'connection'; readonly atMs: number } & Connection)
  /** The API may have no address of one that is soon gone. */
  | { readonly kind: 'pod'; readonly ip?: string; readonly createdAtMs: number; readonly pod: PodEnd }
  /** Given to a pod by the network plugin. */
  | { readonly kind: 'address'; readonly ip: string; readonly namespace: string; readonly name: string }
  | { readonly kind: 'namespace'; readonly name: string; readonly labels: Readonly<Record<string, string>> }
  | { readonly kind: 'policy'; readonly policy: NetworkPolicy; readonly isDeleted: boolean }
  /** The list of policies begins anew. */
  | { readonly kind: 'policies-anew' }
  /** From here on something is missing. */
  | { readonly kind: 'lost'; readonly why: string }

export interface Place {
  /** Addresses of the node itself, its end of the pods' cables included. */
  readonly node: readonly string[]
  readonly podCidr: string
}

export interface Judged {
  readonly from: End
  readonly to: End
  readonly protocol: 'TCP' | 'UDP'
  readonly port: number
  readonly verdict: Verdict
}

export interface Judgement {
  /** Every connection with a pod at one end, or at both. */
  readonly connections: readonly Judged[]
  /** Those of an address that no pod of the API had, and why something is missing. */
  readonly unjudged: readonly string[]
  /** The last state. */
  readonly pods: readonly PodEnd[]
  readonly policies: readonly NetworkPolicy[]
  readonly namespaces: Readonly<Record<string, Readonly<Record<string, string>>>>
}

/** Judges each connection by the policies that stood when it was opened, and by the pods that had the addresses then. */
export function judgeRecording(entries: readonly Entry[], place: Place): Judgement {
  const byAddress = podsByAddress(entries)
  const policies = new Map<string, NetworkPolicy>()
  const namespaces: Record<string, Readonly<Record<string, string>>> = {}
  const connections: Judged[] = []
  const unjudged: string[] = []
  for (const entry of entries) {
    switch (entry.kind) {
      case 'pod':
      case 'address':
        break
      case 'namespace':
        namespaces[entry.name] = entry.labels
        break
      case 'policies-anew':
        policies.clear()
        break
      case 'policy': {
        const { namespace, name } = entry.policy.metadata
        if (entry.isDeleted) policies.delete(`${namespace}/${name}`)
        else policies.set(`${namespace}/${name}`, entry.policy)
        break
      }
      case 'lost':
        unjudged.push(entry.why)
        break
      case 'connection': {
        const { atMs, protocol, port } = entry
        const endOf = (ip: string): End | undefined => findEnd(ip, atMs, byAddress, place)
        const [from, to] = [endOf(entry.from), endOf(entry.to)]
        if (from === undefined || to === undefined) {
          unjudged.push(
            `${new Date(atMs).toISOString()} ${entry.from} to ${entry.to}, ${protocol} ${port}: no such pod`,
          )
        } else if (from.kind === 'pod' || to.kind === 'pod') {
          const verdict = judge({ from, to, protocol, port }, [...policies.values()], namespaces)
          connections.push({ from, to, protocol, port, verdict })
        }
      }
    }
  }
  const pods = [...byAddress.values()].flatMap((owners) => owners.map(({ pod }) => pod))
  return { connections, unjudged, pods, policies: [...policies.values()], namespaces }
}

interface Owner {
  readonly createdAtMs: number
  readonly pod: PodEnd
}

/** All pods that had an address, by the word of the API or of the network plugin, the youngest first, as last seen. */
function podsByAddress(entries: readonly Entry[]): ReadonlyMap<string, readonly Owner[]> {
  const found = new Map<string, Map<string, Owner>>()
  const ownersOf = (ip: string): Map<string, Owner> => {
    const owners = found.get(ip) ?? new Map<string, Owner>()
    found.set(ip, owners)
    return owners
  }
  const pods = new Map<string, Owner>()
  for (const entry of entries) {
    if (entry.kind !== 'pod') continue
    const key = `${entry.pod.namespace}/${entry.pod.name}`
    pods.set(key, entry)
    if (entry.ip !== undefined) ownersOf(entry.ip).set(key, entry)
  }
  for (const entry of entries) {
    if (entry.kind !== 'address') continue
    const key = `${entry.namespace}/${entry.name}`
    const [owners, pod] = [ownersOf(entry.ip), pods.get(key)]
    if (pod !== undefined && !owners.has(key)) owners.set(key, pod)
  }
  return new Map(
    [...found].map(([ip, owners]) => [ip, [...owners.values()].toSorted((a, b) => b.createdAtMs - a.createdAtMs)]),
  )
}

function findEnd(
  ip: string,
  atMs: number,
  byAddress: ReadonlyMap<string, readonly Owner[]>,
  { node, podCidr }: Place,
): End | undefined {
  if (node.includes(ip) || isInCidr(ip, '127.0.0.0/8')) return { kind: 'node', ip }
  if (!isInCidr(ip, podCidr)) return { kind: 'outside', ip }
  return byAddress.get(ip)?.find(({ createdAtMs }) => createdAtMs <= atMs)?.pod
}

/** `namespace/app`, `node` or the address: by what a reader knows it, whatever the pod's own name. */
export function nameOfEnd(end: End): string {
  if (end.kind !== 'pod') return end.kind === 'node' ? 'node' : end.ip
  return `${end.namespace}/${end.labels['app.kubernetes.io/name'] ?? end.labels['app'] ?? end.name}`
}
