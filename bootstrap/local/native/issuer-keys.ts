import { writeCertificate } from '../certificates.ts'
import { applyObjects } from '../install.ts'
import type { JwksConfig } from '../registry/config.ts'
import type { NativeCluster } from './cluster.ts'

const apiUser = 'windlass-registry'

/** The keys of service account tokens are public to whoever may ask the API server, which asks who we are. */
export async function issuerKeys(
  cluster: Pick<NativeCluster, 'kubeconfig' | 'apiServerUrl' | 'kubernetesCaFile' | 'issueClientCertificate'>,
  dir: string,
  signal?: AbortSignal,
): Promise<JwksConfig> {
  await applyObjects(cluster.kubeconfig, [mayReadIssuerKeys], signal && { signal })
  const client = await cluster.issueClientCertificate({ commonName: apiUser })
  return {
    url: `${cluster.apiServerUrl}/openid/v1/jwks`,
    caFile: cluster.kubernetesCaFile,
    ...(await writeCertificate(dir, 'api-client', client)),
  }
}

/** https://kubernetes.io/docs/tasks/configure-pod-container/configure-service-account/#service-account-issuer-discovery */
const mayReadIssuerKeys = {
  apiVersion: 'rbac.authorization.k8s.io/v1',
  kind: 'ClusterRoleBinding',
  metadata: { name: 'windlass-registry-issuer-discovery' },
  roleRef: {
    apiGroup: 'rbac.authorization.k8s.io',
    kind: 'ClusterRole',
    name: 'system:service-account-issuer-discovery',
  },
  subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: apiUser }],
}
