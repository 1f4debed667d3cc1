import type { Manifest } from './install.ts'

/** A program that the local platform runs as a pod on the node's own ports; on Azure something else has its place. */
export interface LocalService {
  /** Of its Deployment and account, and as `app.kubernetes.io/name` of its pod, which NetworkPolicies select. */
  readonly name: string
  readonly namespace: string
  readonly clusterRole: string
  /** What it may read of the whole cluster. */
  readonly rules: readonly object[]
}

export function localLabels(name: string): Readonly<Record<string, string>> {
  return { 'app.kubernetes.io/name': name, 'app.kubernetes.io/part-of': 'windlass-local' }
}

/** Its namespace, its account and what that may do, in the order in which they are applied. */
export function localServiceAccount({ name, namespace, clusterRole, rules }: LocalService): readonly Manifest[] {
  const labels = localLabels(name)
  return [
    {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: {
        name: namespace,
        labels: {
          // A hostPort is above what `baseline` allows; all else would pass `restricted`.
          'pod-security.kubernetes.io/enforce': 'privileged',
          'pod-security.kubernetes.io/warn': 'privileged',
        },
      },
    },
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace, labels } },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRole',
      metadata: { name: clusterRole, labels },
      rules,
    },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRoleBinding',
      metadata: { name: clusterRole, labels },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: clusterRole },
      subjects: [{ kind: 'ServiceAccount', name, namespace }],
    },
  ]
}

/** One pod at a time, for only one can have the node's ports. */
export function localDeployment(
  { name, namespace }: Pick<LocalService, 'name' | 'namespace'>,
  template: object,
): Manifest {
  const labels = localLabels(name)
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace, labels },
    spec: { replicas: 1, strategy: { type: 'Recreate' }, selector: { matchLabels: labels }, template },
  }
}

/** Of a pod, as Pod Security `restricted` wants it. */
export const confinedPod = {
  runAsNonRoot: true,
  runAsUser: 65532,
  runAsGroup: 65532,
  fsGroup: 65532,
  seccompProfile: { type: 'RuntimeDefault' },
} as const

/** Of a container, as Pod Security `restricted` wants it. */
export const confined = {
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  capabilities: { drop: ['ALL'] },
} as const
