import type { Entry } from './recording.ts'
import type { NetworkPolicy } from './policy.ts'

export const watchedKinds = ['namespaces', 'pods', 'networkpolicies'] as const
export type WatchedKind = (typeof watchedKinds)[number]

interface WatchEvent {
  readonly type: string
  readonly object: WatchedObject
}

interface WatchedObject {
  readonly metadata: {
    readonly name: string
    readonly namespace?: string
    readonly creationTimestamp: string
    readonly labels?: Readonly<Record<string, string>>
  }
  readonly spec?: object
  readonly status?: { readonly podIP?: string }
}

interface PodSpec {
  readonly hostNetwork?: boolean
  readonly containers: ReadonlyArray<{
    readonly ports?: ReadonlyArray<{ readonly name?: string; readonly containerPort: number }>
  }>
}

/**
 * What of an event matters to who may talk to whom; given a line of what `kubectl get --watch --output-watch-events
 * --output=json` prints.
 */
export function entriesOf(kind: WatchedKind, line: string): readonly Entry[] {
  const { type, object } = JSON.parse(line) as WatchEvent
  const { name, namespace = '', labels = {} } = object.metadata
  const isDeleted = type === 'DELETED'
  if (kind === 'pods') return podEntries(object)
  // Its labels stay, for what was opened in it.
  if (kind === 'namespaces') return isDeleted ? [] : [{ kind: 'namespace', name, labels }]
  const policy = { metadata: { namespace, name }, spec: object.spec } as NetworkPolicy
  return [{ kind: 'policy', policy, isDeleted }]
}

function podEntries({ metadata, spec, status }: WatchedObject): readonly Entry[] {
  const { name, namespace = '', labels = {}, creationTimestamp } = metadata
  const { hostNetwork = false, containers } = spec as PodSpec
  if (hostNetwork) return []
  const named = containers
    .flatMap(({ ports = [] }) => ports)
    .flatMap((port) => (port.name === undefined ? [] : [[port.name, port.containerPort] as const]))
  const pod = { kind: 'pod', namespace, name, labels, ports: Object.fromEntries(named) } as const
  const ip = status?.podIP
  return [{ kind: 'pod', ...(ip !== undefined && { ip }), createdAtMs: Date.parse(creationTimestamp), pod }]
}

/** What libcni keeps of an attachment: https://github.com/containernetworking/cni/blob/main/libcni/api.go (cachedInfo) */
interface CachedResult {
  readonly cniArgs?: ReadonlyArray<readonly [name: string, value: string]>
  readonly result?: { readonly ips?: ReadonlyArray<{ readonly address: string }> }
}

/** The addresses that a pod was given, whether or not the kubelet comes to tell the API server of them. */
export function addressesOf(text: string): readonly Entry[] {
  const { cniArgs = [], result } = JSON.parse(text) as CachedResult
  const { K8S_POD_NAMESPACE: namespace, K8S_POD_NAME: name } = Object.fromEntries(cniArgs)
  if (namespace === undefined || name === undefined) return []
  return (result?.ips ?? []).flatMap(({ address }): readonly Entry[] => {
    const [ip = ''] = address.split('/', 1)
    return ip.startsWith('127.') || ip.includes(':') ? [] : [{ kind: 'address', ip, namespace, name }]
  })
}
