import { leaderLabel } from '../api/annotations.ts'
import type { KubeClient } from './client.ts'

export interface LeaderLabelOptions {
  readonly namespace: string
  readonly podName: string
  readonly isLeader: boolean
  readonly signal: AbortSignal
}

/** Marks our own pod as the leader's, or takes the mark away; the Service of hooks and page selects by it. */
export async function setLeaderLabel(client: KubeClient, options: LeaderLabelOptions): Promise<void> {
  const { namespace, podName, isLeader, signal } = options
  await client.request({
    method: 'PATCH',
    path: `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods/${encodeURIComponent(podName)}`,
    body: { metadata: { labels: { [leaderLabel]: isLeader ? 'true' : null } } },
    contentType: 'application/merge-patch+json',
    what: `label Pod ${namespace}/${podName}`,
    signal,
  })
}
