/** Admission policies that tests put in the way of what is written. */
import type { TestCluster } from '../kube/test-cluster.ts'

export interface Refusal {
  /** Namespaces that carry this label, with any value, are those in which it counts. */
  readonly label: string
  readonly operations: ReadonlyArray<'CREATE' | 'UPDATE' | 'DELETE'>
  /** CEL: what is let through. Only what accounts ask is looked at; the test itself may do everything. */
  readonly unless: string
  /** `Invalid`, which is a policy's default, is answered as 422. */
  readonly reason?: 'Forbidden' | 'Invalid'
}

/** Refuses ConfigMaps, as something in the cluster may that somebody can mend. */
export async function installRefusal(
  cluster: TestCluster,
  { label, operations, unless, reason = 'Forbidden' }: Refusal,
): Promise<void> {
  const group = '/apis/admissionregistration.k8s.io/v1'
  const resourceRules = [{ apiGroups: [''], apiVersions: ['v1'], resources: ['configmaps'], operations }]
  await cluster.create(`${group}/validatingadmissionpolicies`, {
    metadata: { name: label },
    spec: {
      matchConstraints: { resourceRules },
      matchConditions: [
        { name: 'accounts', expression: "request.userInfo.username.startsWith('system:serviceaccount:')" },
      ],
      validations: [{ expression: unless, message: 'not now', reason }],
    },
  })
  await cluster.create(`${group}/validatingadmissionpolicybindings`, {
    metadata: { name: label },
    spec: {
      policyName: label,
      validationActions: ['Deny'],
      matchResources: { namespaceSelector: { matchExpressions: [{ key: label, operator: 'Exists' }] } },
    },
  })
}

/** Puts it in force in a namespace, or takes it out again: the policy that carries the label's name. */
export async function labelNamespace(
  { admin, signal }: TestCluster,
  namespace: string,
  label: string,
  isWanted: boolean,
): Promise<void> {
  await admin.request({
    method: 'PATCH',
    path: `/api/v1/namespaces/${namespace}`,
    body: { metadata: { labels: { [label]: isWanted ? 'true' : null } } },
    contentType: 'application/merge-patch+json',
    what: `label ${namespace}`,
    signal,
  })
}

export interface Mutation {
  readonly label: string
  readonly resources: readonly string[]
  /** As it stands in the policy. */
  readonly mutation: object
}

/** https://kubernetes.io/docs/reference/access-authn-authz/mutating-admission-policy/ */
export async function installMutation(cluster: TestCluster, { label, resources, mutation }: Mutation): Promise<void> {
  const group = '/apis/admissionregistration.k8s.io/v1'
  const operations = ['CREATE', 'UPDATE']
  await cluster.create(`${group}/mutatingadmissionpolicies`, {
    metadata: { name: label },
    spec: {
      matchConstraints: {
        resourceRules: [{ apiGroups: ['', 'apps'], apiVersions: ['v1'], resources, operations }],
      },
      reinvocationPolicy: 'Never',
      failurePolicy: 'Fail',
      mutations: [mutation],
    },
  })
  await cluster.create(`${group}/mutatingadmissionpolicybindings`, {
    metadata: { name: label },
    spec: {
      policyName: label,
      matchResources: { namespaceSelector: { matchExpressions: [{ key: label, operator: 'Exists' }] } },
    },
  })
}
