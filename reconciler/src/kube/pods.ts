import { AppError } from '../core/errors.ts'
import type { KubeObject, PodSource, WatchSource } from './ports.ts'

export function createPodSource(watches: WatchSource): PodSource {
  return {
    watchPods(workload, tenant, onEvent, signal) {
      const request = {
        path: `/api/v1/namespaces/${encodeURIComponent(tenant.namespace)}/pods`,
        labelSelector: formatLabelSelector(selectorOf(workload)),
        tenant,
      }
      return watches.watch<KubeObject>(request, onEvent, signal)
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

function selectorOf({ spec }: KubeObject): LabelSelector {
  return (spec as { readonly selector?: LabelSelector } | undefined)?.selector ?? {}
}

function selectorError(message: string): AppError {
  return new AppError({ kind: 'terminal', reason: 'ApplyRefused', message })
}
