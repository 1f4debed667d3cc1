import { join } from 'node:path'
import { platform } from './backend.ts'
import { checkout } from './checkout.ts'
import { repositories } from './identities.ts'
import { applyObjects, type Manifest } from './install.ts'
import { readInOrder } from './manifest-files.ts'
import type { NativeCluster } from './native/cluster.ts'

export interface PredictorTenantOptions {
  readonly cluster: Pick<NativeCluster, 'kubeconfig'>
  /** Root of the repository whose manifests are applied. */
  readonly source?: string
  readonly signal?: AbortSignal
  readonly onStep?: (step: string) => void
}

/** What an operator applies once for the predictor: its namespace, its account and rights, and the Delivery. */
export async function deployPredictorTenant(options: PredictorTenantOptions): Promise<void> {
  const { cluster, source = checkout, signal, onStep } = options
  onStep?.("applying the predictor's namespace, account and Delivery")
  const objects = await readInOrder(join(source, 'manifests', 'predictor', 'operator'))
  await applyObjects(cluster.kubeconfig, objects.map(localize), signal && { signal })
}

interface DeliveryManifest extends Manifest {
  readonly spec: { readonly image: object; readonly poll?: object }
}

/** The registry is another, and a story is told faster with a short poll. */
function localize(object: Manifest): Manifest {
  if (object.kind !== 'Delivery') return object
  const { spec } = object as DeliveryManifest
  return {
    ...object,
    spec: {
      ...spec,
      image: { ...spec.image, repository: `${platform.registryHost}/${repositories.predictor}` },
      poll: { ...spec.poll, schedule: '*/2 * * * * *' },
    },
  }
}
