/** What a rollout asks of its pods: everything as the tenant, who owns them. */
import { maxLogBytes, tailOf } from '../core/log-tail.ts'
import { AppError } from '../core/errors.ts'
import { abortedError, refusedError, type KubeClient } from './client.ts'
import { collectionPath, displayName } from './paths.ts'
import type { KubeObject, LogRequest, PodSource, Tenant, WatchSource } from './ports.ts'

// The last lines are wanted, and `limitBytes` keeps the first of them: so more is asked for than is kept.
const tailLines = 40
const limitBytes = 16 * maxLogBytes
const logTimeoutMs = 5_000
const maxWarnings = 20

export interface PodSourceOptions {
  readonly client: KubeClient
  readonly watches: WatchSource
}

export function createPodSource({ client, watches }: PodSourceOptions): PodSource {
  async function readLog(request: LogRequest, lines: number, tenant: Tenant, signal: AbortSignal): Promise<Buffer> {
    const { pod, container, wantsPreviousLog } = request
    const what = `read the log of ${displayName({ kind: 'Pod', namespace: tenant.namespace, name: pod })}`
    const bounded = AbortSignal.any([signal, AbortSignal.timeout(logTimeoutMs)])
    const read = {
      method: 'GET',
      path: `${podsPath(tenant)}/${encodeURIComponent(pod)}/log`,
      query: { container, tailLines: lines, limitBytes, previous: wantsPreviousLog || undefined },
      accept: 'text/plain, application/json',
      what,
      lane: 'requests',
      tenant,
      signal: bounded,
    } as const
    try {
      const answer = await client.stream(read)
      if (!answer.ok) throw refusedError(answer.refusal, read)
      const chunks: Uint8Array[] = []
      for await (const chunk of answer.body) chunks.push(chunk)
      return Buffer.concat(chunks)
    } catch (error) {
      if (signal.aborted) throw abortedError(signal, what)
      if (!bounded.aborted) throw error
      const message = `${what}: its node did not answer within ${logTimeoutMs} ms`
      throw new AppError({ kind: 'retryable', reason: 'ApiUnavailable', message })
    }
  }

  return {
    watchPods(workload, tenant, onEvent, signal) {
      const labelSelector = formatLabelSelector(selectorOf(workload))
      const request = { path: podsPath(tenant), labelSelector, tenant, lane: 'pods' } as const
      return watches.watch<KubeObject>(request, onEvent, signal)
    },
    async replicaSets(deployment, tenant, signal) {
      const path = collectionPath({ apiVersion: 'apps/v1', group: 'apps', plural: 'replicasets' }, tenant.namespace)
      const { items } = await client.request<{ readonly items: readonly KubeObject[] | null }>({
        method: 'GET',
        path,
        query: { labelSelector: formatLabelSelector(selectorOf(deployment)) },
        accept: 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1',
        what: `list ${path}`,
        tenant,
        signal,
      })
      return items ?? []
    },
    async warnings({ metadata: { uid, name } }, tenant, signal) {
      if (uid === undefined) throw new Error('only of an object that was read the Events are known')
      const { items } = await client.request<{ readonly items: readonly KubeObject[] | null }>({
        method: 'GET',
        path: `/api/v1/namespaces/${encodeURIComponent(tenant.namespace)}/events`,
        query: { fieldSelector: `type=Warning,involvedObject.uid=${uid}`, limit: maxWarnings },
        what: `list the Events of ${tenant.namespace}/${name}`,
        tenant,
        signal,
      })
      return items ?? []
    },
    async lastLog(request, tenant, signal) {
      const log = await readLog(request, tailLines, tenant, signal)
      // Cut off at the bound: its lines are long, and the last of them is the one that tells.
      const isCut = log.length >= limitBytes
      return tailOf(isCut ? await readLog(request, 1, tenant, signal) : log)
    },
    async remove(pod, tenant, signal) {
      const { name, uid, resourceVersion } = pod.metadata
      if (uid === undefined || resourceVersion === undefined) throw new Error('only a pod that was read is deleted')
      const path = `${podsPath(tenant)}/${encodeURIComponent(name)}`
      const what = displayName({ kind: 'Pod', namespace: tenant.namespace, name })
      const request = {
        method: 'DELETE',
        path,
        body: { preconditions: { uid, resourceVersion } },
        what: `delete ${what}`,
        tenant,
        signal,
      } as const
      const answer = await client.send(request)
      if (answer.ok) return true
      if (answer.refusal.code === 404) return false
      if (answer.refusal.code === 409) {
        const now = await client.send<KubeObject>({ method: 'GET', path, what: `read ${what}`, tenant, signal })
        if (now.ok ? now.body.metadata.uid !== uid : now.refusal.code === 404) return false
      }
      throw refusedError(answer.refusal, request)
    },
  }
}

export interface LabelSelector {
  readonly matchLabels?: Readonly<Record<string, string>>
  readonly matchExpressions?: ReadonlyArray<{
    readonly key: string
    readonly operator: string
    readonly values?: readonly string[]
  }>
}

/**
 * As the API takes it in a query. Throws AppError for what it can't say, or what would select everything.
 * https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#api
 */
export function formatLabelSelector({ matchLabels = {}, matchExpressions = [] }: LabelSelector): string {
  const terms = [
    ...Object.entries(matchLabels).map(([key, value]) => `${key}=${value}`),
    ...matchExpressions.map(({ key, operator, values = [] }) => {
      switch (operator) {
        case 'In':
          return `${key} in (${values.join(',')})`
        case 'NotIn':
          return `${key} notin (${values.join(',')})`
        case 'Exists':
          return key
        case 'DoesNotExist':
          return `!${key}`
        default:
          throw selectorError(`the operator ${operator} is none of a label selector`)
      }
    }),
  ]
  if (terms.length === 0) throw selectorError('an empty label selector would select every pod')
  return terms.join(',')
}

function podsPath({ namespace }: Tenant): string {
  return collectionPath({ apiVersion: 'v1', group: '', plural: 'pods' }, namespace)
}

/** The pods that a workload selects, as the API takes it in a query. */
export function podSelector(workload: KubeObject): string {
  return formatLabelSelector(selectorOf(workload))
}

function selectorOf({ spec }: KubeObject): LabelSelector {
  return (spec as { readonly selector?: LabelSelector } | undefined)?.selector ?? {}
}

function selectorError(message: string): AppError {
  return new AppError({ kind: 'terminal', reason: 'ApplyRefused', message })
}
