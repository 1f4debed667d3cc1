import { tenantObjects } from '../cluster/tenant.ts'
import { platform, type Cluster } from './backend.ts'
import { repositories } from './identities.ts'
import { applyObjects } from './install.ts'

export interface PredictorTenantOptions {
  readonly cluster: Pick<Cluster, 'kubeconfig'>
  /** Root of the repository whose manifests are applied. */
  readonly source?: string
  readonly signal?: AbortSignal
  readonly onStep?: (step: string) => void
}

/** What an operator applies once for the predictor: its namespace, its account and rights, and the Delivery. */
export async function deployPredictorTenant(options: PredictorTenantOptions): Promise<void> {
  const { cluster, source, signal, onStep } = options
  onStep?.("applying the predictor's namespace, account and Delivery")
  // The registry is another, and a story is told faster with a short poll.
  const objects = await tenantObjects({
    repository: `${platform.registryHost}/${repositories.predictor}`,
    schedule: '*/2 * * * * *',
    ...(source !== undefined && { source }),
  })
  await applyObjects(cluster.kubeconfig, objects, signal && { signal })
}
