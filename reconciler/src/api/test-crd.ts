import { HttpMethod } from '@kubernetes/client-node'
import { waitFor } from '../../../bootstrap/local/wait.ts'
import type { TestCluster } from '../kube/test-cluster.ts'
import { deliveryCrd } from './crd.ts'
import { group, plural } from './delivery.ts'

/** Brings the Delivery's definition to a test's API server; several tests may do so at once. */
export async function installCrd({ admin, signal }: TestCluster): Promise<void> {
  const path = `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${plural}.${group}`
  const what = 'apply the definition of Deliveries'
  await admin.request({
    method: HttpMethod.PATCH,
    path,
    query: { fieldManager: 'windlass-test', force: true },
    body: deliveryCrd(),
    contentType: 'application/apply-patch+yaml',
    what,
    signal,
  })
  await waitFor(
    async () => {
      const request = { method: HttpMethod.GET, path, what, signal }
      const { status } = await admin.request<{ status?: { conditions?: { type: string; status: string }[] } }>(request)
      return status?.conditions?.find(({ type, status }) => type === 'Established' && status === 'True')
    },
    () => 'the definition of Deliveries is not served yet',
    { timeoutMs: 20_000, signal },
  )
}
