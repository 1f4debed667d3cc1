import type { KubeObject } from '../api/object.ts'
import { formatTime } from '../api/time.ts'
import type { WorkloadView } from './pod-revision.ts'
import { startMs } from './test-builders.ts'

/** A StatefulSet `db` and its pods, as its controller and the kubelet show them. */

export const appliedMs = startMs + 3_600_000

export interface PodFields {
  readonly name?: string
  readonly revision?: string
  readonly isReady?: boolean
  readonly createdMs?: number
  /** Of its only container. */
  readonly container?: object
}

export function statefulSet(status: object = {}, spec: object = {}): KubeObject {
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name: 'db', namespace: 'team', uid: 'of db', generation: 2 },
    spec: { replicas: 3, ...spec },
    status: { observedGeneration: 2, currentRevision: 'db-1', updateRevision: 'db-2', ...status },
  }
}

export function podOf(fields: PodFields = {}): KubeObject {
  const { name = 'db-0', revision = 'db-2', isReady = false, createdMs = appliedMs, container = {} } = fields
  const ready = isReady ? 'True' : 'False'
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace: 'team',
      uid: `of ${name}`,
      creationTimestamp: formatTime(createdMs),
      labels: { 'controller-revision-hash': revision },
      ownerReferences: [{ kind: 'StatefulSet', name: 'db', uid: 'of db', controller: true }],
    },
    spec: { containers: [{ name: 'app', image: 'contoso.azurecr.io/team/db@sha256:0' }] },
    status: {
      phase: 'Running',
      conditions: [
        { type: 'Ready', status: ready },
        { type: 'ContainersReady', status: ready },
      ],
      containerStatuses: [{ name: 'app', ready: isReady, restartCount: 0, state: { running: {} }, ...container }],
    },
  }
}

/** A container that the kubelet started anew so often, and that ended last at that time. */
export function crashed(restartCount: number, endedMs: number, reason = 'Error'): object {
  return {
    restartCount,
    state: { waiting: { reason: 'CrashLoopBackOff' } },
    lastState: { terminated: { reason, exitCode: 3, finishedAt: formatTime(endedMs) } },
  }
}

export function viewOf(workload: KubeObject, ...pods: readonly KubeObject[]): WorkloadView {
  return { workload, pods, replicaSets: [], warnings: [] }
}
