import { join } from 'node:path'
import { checkout } from '../local/checkout.ts'
import type { Manifest } from '../local/install.ts'
import { readInOrder } from '../local/manifest-files.ts'

/** What the predictor's operator manifests leave to where they are applied. */
export interface TenantPlacement {
  /** `REGISTRY/REPOSITORY` that the Delivery releases from. */
  readonly repository: string
  /** When the registry is looked at, where the manifest's own schedule is not meant. */
  readonly schedule?: string
  /** Root of the repository whose manifests are applied; this checkout if not given. */
  readonly source?: string
}

/** What an operator applies once for the predictor: its namespace, its account and rights, and the Delivery. */
export async function tenantObjects({
  source = checkout,
  ...placement
}: TenantPlacement): Promise<readonly Manifest[]> {
  const objects = await readInOrder(join(source, 'manifests', 'predictor', 'operator'))
  return objects.map((object) => place(object, placement))
}

interface DeliveryManifest extends Manifest {
  readonly spec: { readonly image: object; readonly poll?: object }
}

function place(object: Manifest, { repository, schedule }: TenantPlacement): Manifest {
  if (object.kind !== 'Delivery') return object
  const { spec } = object as DeliveryManifest
  return {
    ...object,
    spec: {
      ...spec,
      image: { ...spec.image, repository },
      ...(schedule !== undefined && { poll: { ...spec.poll, schedule } }),
    },
  }
}
