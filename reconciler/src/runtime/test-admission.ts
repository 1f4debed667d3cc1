/** Admission policies and webhooks that tests put in the way of what is written. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fastify from 'fastify'
import type { Test } from 'tap'
import { openAuthority } from '../../../bootstrap/local/certificates.ts'
import type { KubeObject } from '../api/object.ts'
import type { TestCluster } from '../kube/test-cluster.ts'

export interface Refusal {
  /** Namespaces that carry this label, with any value, are those in which it counts. */
  readonly label: string
  readonly operations: ReadonlyArray<'CREATE' | 'UPDATE' | 'DELETE'>
  /** Of the core group. */
  readonly resource?: 'configmaps' | 'pods'
  /** CEL: what is let through. Only what accounts ask is looked at; the test itself may do everything. */
  readonly unless: string
  /** `Invalid`, which is a policy's default, is answered as 422. */
  readonly reason?: 'Forbidden' | 'Invalid'
}

/** Refuses ConfigMaps, or what is named, as something in the cluster may that somebody can mend. */
export async function installRefusal(
  cluster: TestCluster,
  { label, operations, resource = 'configmaps', unless, reason = 'Forbidden' }: Refusal,
): Promise<void> {
  const group = '/apis/admissionregistration.k8s.io/v1'
  const resourceRules = [{ apiGroups: [''], apiVersions: ['v1'], resources: [resource], operations }]
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

export interface Webhook {
  readonly label: string
  readonly resources: readonly string[]
  /** A JSON Patch: what is changed of an object on its way in. */
  readonly patch: (object: KubeObject) => readonly object[]
}

interface AdmissionReview {
  readonly request: { readonly uid: string; readonly dryRun: boolean; readonly object: KubeObject }
}

/**
 * Ends with the test. Answers the objects that it is shown, by kind and name.
 * https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/
 */
export async function startWebhook(t: Test, cluster: TestCluster, webhook: Webhook): Promise<readonly string[]> {
  const { label, resources, patch } = webhook
  const dir = await mkdtemp(join(tmpdir(), 'windlass-webhook-'))
  t.teardown(() => rm(dir, { recursive: true, force: true }))
  const authority = await openAuthority(dir, 'ca', 'webhook CA')
  const { certPem: cert, keyPem: key } = await authority.issue({ commonName: label, ipAddresses: ['127.0.0.1'] })
  const shown: string[] = []
  const app = fastify({ https: { cert, key }, forceCloseConnections: true })
  t.teardown(() => app.close())
  app.post<{ Body: AdmissionReview }>('/', ({ body: { request } }) => {
    const { uid, dryRun, object } = request
    shown.push(`${object.kind}/${object.metadata.name}${dryRun ? ' (dry run)' : ''}`)
    return {
      apiVersion: 'admission.k8s.io/v1',
      kind: 'AdmissionReview',
      response: {
        uid,
        allowed: true,
        patchType: 'JSONPatch',
        patch: Buffer.from(JSON.stringify(patch(object))).toString('base64'),
      },
    }
  })
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  await cluster.create('/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations', {
    metadata: { name: label },
    webhooks: [
      {
        name: `${label}.windlass.test`,
        admissionReviewVersions: ['v1'],
        sideEffects: 'None',
        failurePolicy: 'Fail',
        reinvocationPolicy: 'IfNeeded',
        clientConfig: { url, caBundle: Buffer.from(authority.certPem).toString('base64') },
        rules: [{ apiGroups: ['', 'apps'], apiVersions: ['v1'], resources, operations: ['CREATE', 'UPDATE'] }],
        namespaceSelector: { matchExpressions: [{ key: label, operator: 'Exists' }] },
      },
    ],
  })
  return shown
}
