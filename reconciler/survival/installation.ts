/** The reconciler as its manifests install it, in a namespace of a test's own, without pods that run. */
import { join } from 'node:path'
import { applyObjects, type Manifest } from '../../bootstrap/local/install.ts'
import { readInOrder } from '../../bootstrap/local/manifest-files.ts'
import type { KubeObject } from '../src/api/object.ts'
import { deliveryCrd, type TestCluster } from '../src/kube/test-cluster.ts'

export interface Installation {
  readonly namespace: string
  readonly account: { readonly namespace: string; readonly serviceAccountName: string }
  /** Makes a pod that never runs, and a token that is bound to it: the audit log tells pods apart by that. */
  addPod(name: string): Promise<{ readonly token: string }>
}

const manifests = join(import.meta.dirname, '../../manifests/reconciler')
const accountName = 'windlass'

/** What all installations of a cluster share. */
export async function installClusterWide(cluster: TestCluster): Promise<void> {
  await cluster.install(deliveryCrd)
  const objects = await readInOrder(manifests)
  await applyObjects(
    cluster.server.kubeconfig,
    objects.filter(({ kind }) => kind === 'ClusterRole'),
  )
}

/** Rights as the manifests give them, but for the namespace, so that several stand beside each other. */
export async function installReconciler(cluster: TestCluster, purpose: string): Promise<Installation> {
  const namespace = await cluster.namespace(purpose)
  for (const object of await readInOrder(manifests)) {
    const collection = collections[object.kind ?? '']?.replace('*', namespace)
    if (collection !== undefined) await cluster.create(collection, inNamespace(object, namespace))
  }
  return {
    namespace,
    account: { namespace, serviceAccountName: accountName },
    async addPod(name) {
      const { metadata } = await cluster.create(`/api/v1/namespaces/${namespace}/pods`, {
        metadata: { name },
        spec: {
          serviceAccountName: accountName,
          automountServiceAccountToken: false,
          containers: [{ name: 'windlass', image: 'none' }],
        },
      })
      const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${accountName}/token`
      const boundObjectRef = { apiVersion: 'v1', kind: 'Pod', name, uid: metadata.uid }
      const { status } = (await cluster.create(path, { spec: { boundObjectRef } })) as KubeObject & {
        readonly status: { readonly token: string }
      }
      return { token: status.token }
    },
  }
}

const rbac = '/apis/rbac.authorization.k8s.io/v1'
/** Where those objects are made that give rights. */
const collections: Readonly<Record<string, string>> = {
  ServiceAccount: '/api/v1/namespaces/*/serviceaccounts',
  Role: `${rbac}/namespaces/*/roles`,
  RoleBinding: `${rbac}/namespaces/*/rolebindings`,
  ClusterRoleBinding: `${rbac}/clusterrolebindings`,
}

/** Where the object stands, and whom it binds; a binding for the cluster gets a name of its own. */
function inNamespace(object: Manifest, namespace: string): Manifest {
  const { kind, metadata, subjects } = object as Manifest & { subjects?: readonly { readonly kind: string }[] }
  const place = kind === 'ClusterRoleBinding' ? { name: namespace } : { namespace }
  return {
    ...object,
    metadata: { ...(metadata as object), ...place },
    ...(subjects !== undefined && { subjects: subjects.map((subject) => ({ ...subject, namespace })) }),
  }
}
