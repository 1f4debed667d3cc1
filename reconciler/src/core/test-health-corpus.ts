import type { KubeObject } from '../api/object.ts'
import type { Health, HealthOptions } from './health.ts'

/** Objects in every state that a rule of health.ts tells apart, each with how it is to be read. */

export interface HealthCase {
  readonly object: KubeObject
  readonly options?: HealthOptions
  readonly expected: Health['state']
  /** Part of the message. */
  readonly says?: string
  /** What kstatus reads, where it differs, and why we do. Without it both read the same: kstatus.api.ts asks it. */
  readonly kstatus?: string
}

export const healthCases: Readonly<Record<string, HealthCase>> = {
  'a Deployment whose pods are all new and available is current': {
    object: deployment(),
    expected: 'current',
  },
  'a Deployment scaled to zero with no pods left is current': {
    object: deployment({
      spec: { replicas: 0 },
      status: { replicas: 0, updatedReplicas: 0, readyReplicas: 0, availableReplicas: 0 },
    }),
    expected: 'current',
  },
  'a Deployment without replicas in its spec wants one pod': {
    object: deployment({ spec: { replicas: undefined }, status: { replicas: 0, updatedReplicas: 0 } }),
    expected: 'inProgress',
    says: '0 of 1 new pods',
  },
  'a Deployment whose controller has not seen the change is in progress': {
    object: deployment({ generation: 3 }),
    expected: 'inProgress',
    says: 'generation 3',
  },
  'a Deployment that no controller has seen is in progress': {
    object: deployment({ status: { observedGeneration: undefined } }),
    expected: 'inProgress',
    kstatus: 'goes on to the counts where observedGeneration is missing; counts of nothing say nothing',
  },
  'a Deployment with old pods only is in progress': {
    object: deployment({ status: { updatedReplicas: 0 } }),
    expected: 'inProgress',
    says: '0 of 2 new pods',
  },
  'a Deployment with an old pod left is in progress': {
    object: deployment({ status: { replicas: 3 } }),
    expected: 'inProgress',
    says: '1 old pods',
  },
  'a Deployment whose new pods are not yet available is in progress': {
    object: deployment({ status: { availableReplicas: 1 } }),
    expected: 'inProgress',
    says: '1 of 2 pods available',
  },
  'a Deployment past its progress deadline has failed': {
    object: deployment({ status: { updatedReplicas: 1, conditions: [deadlineExceeded('2026-01-02T03:04:05Z')] } }),
    expected: 'failed',
    says: 'progress deadline',
  },
  'a Deployment past its deadline since this rollout began has failed': {
    object: deployment({ status: { updatedReplicas: 1, conditions: [deadlineExceeded('2026-01-02T03:04:05Z')] } }),
    options: { sinceMs: Date.parse('2026-01-02T03:04:05.900Z') },
    expected: 'failed',
  },
  'a Deployment whose deadline passed in the rollout before is judged by its pods': {
    object: deployment({ status: { updatedReplicas: 1, conditions: [deadlineExceeded('2026-01-02T03:04:05Z')] } }),
    options: { sinceMs: Date.parse('2026-01-02T03:04:06Z') },
    expected: 'inProgress',
    kstatus:
      'reads failed: when a known ReplicaSet is scaled up again, as in going back, the controller leaves the old ' +
      'ProgressDeadlineExceeded in place until a pod makes progress',
  },
  'a paused Deployment is in progress': {
    object: deployment({ spec: { paused: true } }),
    expected: 'inProgress',
    says: 'spec.paused',
    kstatus: 'sees it only where the Progressing condition says so',
  },
  'a Deployment being deleted is terminating': {
    object: deployment({ deletionTimestamp: '2026-01-02T03:04:05Z' }),
    expected: 'terminating',
  },

  'a StatefulSet whose pods are all new and available is current': { object: statefulSet(), expected: 'current' },
  'a StatefulSet that no controller has seen is in progress': {
    object: statefulSet({ status: { observedGeneration: undefined } }),
    expected: 'inProgress',
    kstatus: 'as for Deployments',
  },
  'a StatefulSet with a pod not ready is in progress': {
    object: statefulSet({ status: { readyReplicas: 1 } }),
    expected: 'inProgress',
    says: '1 of 2 pods ready',
  },
  'a StatefulSet with a pod ready for less than minReadySeconds is in progress': {
    object: statefulSet({ status: { availableReplicas: 1 } }),
    expected: 'inProgress',
    kstatus: 'looks at ready pods only, from before minReadySeconds existed for StatefulSets',
  },
  'a StatefulSet with pods to remove is in progress': {
    object: statefulSet({ status: { replicas: 3 } }),
    expected: 'inProgress',
  },
  'a StatefulSet in mid-update is in progress': {
    object: statefulSet({ status: { updatedReplicas: 1, updateRevision: 'b' } }),
    expected: 'inProgress',
    says: '1 of 2 new pods',
  },
  'a StatefulSet whose update is not yet its current revision is in progress': {
    object: statefulSet({ status: { updateRevision: 'b' } }),
    expected: 'inProgress',
    kstatus: 'looks at no revision where a partition is set, which the API server does: zero is its default',
  },
  'a partitioned StatefulSet is current when the pods above the partition are new': {
    object: statefulSet({
      spec: { updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 1 } } },
      status: { updatedReplicas: 1, updateRevision: 'b' },
    }),
    expected: 'current',
  },
  'a StatefulSet replaced by hand (OnDelete) is current when its pods run': {
    object: statefulSet({
      spec: { updateStrategy: { type: 'OnDelete' } },
      status: { updatedReplicas: 0, updateRevision: 'b' },
    }),
    expected: 'current',
  },
  'a StatefulSet replaced by hand whose pods do not run is in progress': {
    object: statefulSet({ spec: { updateStrategy: { type: 'OnDelete' } }, status: { readyReplicas: 0 } }),
    expected: 'inProgress',
    kstatus: 'calls every OnDelete StatefulSet current, running or not',
  },

  'a DaemonSet with a new available pod on every node is current': { object: daemonSet(), expected: 'current' },
  'a DaemonSet that fits no node is current': {
    object: daemonSet({ status: { desiredNumberScheduled: 0, updatedNumberScheduled: 0, numberAvailable: 0 } }),
    expected: 'current',
  },
  'a DaemonSet in mid-update is in progress': {
    object: daemonSet({ status: { updatedNumberScheduled: 1 } }),
    expected: 'inProgress',
    says: '1 of 3 new pods',
  },
  'a DaemonSet with a pod not available is in progress': {
    object: daemonSet({ status: { numberAvailable: 2 } }),
    expected: 'inProgress',
  },
  'a DaemonSet replaced by hand (OnDelete) does not wait for new pods': {
    object: daemonSet({ spec: { updateStrategy: { type: 'OnDelete' } }, status: { updatedNumberScheduled: 0 } }),
    expected: 'current',
    kstatus: 'waits for new pods for ever, for nobody makes them',
  },

  'a bound claim is current': { object: claim('Bound'), expected: 'current' },
  'a pending claim is in progress': { object: claim('Pending'), expected: 'inProgress' },
  'a claim that lost its volume has failed': {
    object: claim('Lost'),
    expected: 'failed',
    kstatus: 'reads in progress; a lost volume does not come back by itself',
  },

  'a ClusterIP Service is current': { object: plain('v1', 'Service', { spec: {} }), expected: 'current' },
  'a LoadBalancer Service without an address is in progress': {
    object: plain('v1', 'Service', { spec: { type: 'LoadBalancer', clusterIP: '10.0.0.1' }, status: {} }),
    expected: 'inProgress',
    kstatus: 'is content with a clusterIP, which every Service has at once; without an address nothing is served',
  },
  'a LoadBalancer Service with an address is current': {
    object: plain('v1', 'Service', {
      spec: { type: 'LoadBalancer', clusterIP: '10.0.0.1' },
      status: { loadBalancer: { ingress: [{ ip: '192.0.2.1' }] } },
    }),
    expected: 'current',
  },

  'an Ingress is current: many controllers never report on it': {
    object: plain('networking.k8s.io/v1', 'Ingress', { status: { loadBalancer: {} } }),
    expected: 'current',
  },
  'an autoscaler without metrics is current: that is not the fault of a release': {
    object: plain('autoscaling/v2', 'HorizontalPodAutoscaler', {
      status: { conditions: [{ type: 'ScalingActive', status: 'False' }] },
    }),
    expected: 'current',
  },
  'a disruption budget whose controller has not seen the change is in progress': {
    object: plain('policy/v1', 'PodDisruptionBudget', { generation: 2, status: { observedGeneration: 1 } }),
    expected: 'inProgress',
  },
  'a disruption budget that nobody has seen is current: it does not hold back a pod': {
    object: plain('policy/v1', 'PodDisruptionBudget', { generation: 1 }),
    expected: 'current',
  },
  'a ConfigMap is current': { object: plain('v1', 'ConfigMap', {}), expected: 'current' },
  'an object that says Reconciling is in progress': {
    object: plain('example.org/v1', 'Thing', { status: { conditions: [condition('Reconciling', 'True')] } }),
    expected: 'inProgress',
    says: 'because',
  },
  'an object that says Stalled has failed': {
    object: plain('example.org/v1', 'Thing', { status: { conditions: [condition('Stalled', 'True')] } }),
    expected: 'failed',
    says: 'because',
  },
  'an object that says it is not Ready is in progress': {
    object: plain('example.org/v1', 'Thing', { status: { conditions: [condition('Ready', 'Unknown')] } }),
    expected: 'inProgress',
  },
  'an object that says it is Ready is current': {
    object: plain('example.org/v1', 'Thing', {
      status: { conditions: [condition('Ready', 'True'), condition('Stalled', 'False')] },
    }),
    expected: 'current',
  },
  'conditions that are no list are ignored': {
    object: plain('example.org/v1', 'Thing', { status: { conditions: 'none' } }),
    expected: 'current',
    kstatus: 'can not read such an object',
  },
}

interface Overrides {
  readonly generation?: number
  readonly deletionTimestamp?: string
  readonly spec?: Record<string, unknown>
  readonly status?: Record<string, unknown>
}

function deployment(overrides: Overrides = {}): KubeObject {
  return workload('apps/v1', 'Deployment', overrides, {
    spec: { replicas: 2, progressDeadlineSeconds: 600 },
    status: {
      observedGeneration: 2,
      replicas: 2,
      updatedReplicas: 2,
      readyReplicas: 2,
      availableReplicas: 2,
      conditions: [
        { type: 'Progressing', status: 'True', reason: 'NewReplicaSetAvailable' },
        { type: 'Available', status: 'True', reason: 'MinimumReplicasAvailable' },
      ],
    },
  })
}

function statefulSet(overrides: Overrides = {}): KubeObject {
  return workload('apps/v1', 'StatefulSet', overrides, {
    spec: { replicas: 2, updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 0 } } },
    status: {
      observedGeneration: 2,
      replicas: 2,
      readyReplicas: 2,
      availableReplicas: 2,
      updatedReplicas: 2,
      currentRevision: 'a',
      updateRevision: 'a',
    },
  })
}

function daemonSet(overrides: Overrides = {}): KubeObject {
  return workload('apps/v1', 'DaemonSet', overrides, {
    spec: { updateStrategy: { type: 'RollingUpdate' } },
    status: {
      observedGeneration: 2,
      desiredNumberScheduled: 3,
      currentNumberScheduled: 3,
      updatedNumberScheduled: 3,
      numberReady: 3,
      numberAvailable: 3,
    },
  })
}

function claim(phase: string): KubeObject {
  return plain('v1', 'PersistentVolumeClaim', { status: { phase } })
}

function workload(
  apiVersion: string,
  kind: string,
  overrides: Overrides,
  base: Required<Pick<Overrides, 'spec' | 'status'>>,
) {
  return plain(apiVersion, kind, {
    generation: 2,
    ...overrides,
    spec: { ...base.spec, ...overrides.spec },
    status: { ...base.status, ...overrides.status },
  })
}

function plain(
  apiVersion: string,
  kind: string,
  { generation, deletionTimestamp, spec, status }: Overrides,
): KubeObject {
  return {
    apiVersion,
    kind,
    metadata: {
      name: 'app',
      namespace: 'team',
      ...(generation === undefined ? {} : { generation }),
      ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }),
    },
    ...(spec === undefined ? {} : { spec }),
    ...(status === undefined ? {} : { status }),
  }
}

function deadlineExceeded(lastUpdateTime: string): Record<string, string> {
  return { type: 'Progressing', status: 'False', reason: 'ProgressDeadlineExceeded', lastUpdateTime }
}

function condition(type: string, status: string): Record<string, string> {
  return { type, status, reason: 'Why', message: 'because' }
}
