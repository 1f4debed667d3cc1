import { join } from 'node:path'
import { checkout } from '../local/checkout.ts'
import type { Manifest } from '../local/install.ts'
import { readInOrder } from '../local/manifest-files.ts'

export type ManifestFolder = 'crd' | 'predictor/operator' | 'predictor/release' | 'reconciler'

/** All objects of these folders of `manifests`, those first that others need. */
export async function rawManifests(...folders: readonly ManifestFolder[]): Promise<readonly Manifest[]> {
  const read = await Promise.all(folders.map((folder) => readInOrder(join(checkout, 'manifests', folder))))
  return read.flat()
}

/** Monitors and rules of `dashboards`, for the Prometheus operator or for Azure's managed Prometheus. */
export async function watchManifests(flavor: 'azure' | 'kubernetes'): Promise<readonly Manifest[]> {
  const objects = await readInOrder(join(checkout, 'dashboards', flavor))
  // Azure's rules are no object of Kubernetes.
  return objects.filter(({ kind }) => kind !== undefined)
}

/** `Kind/name`, which tells objects of one tenant apart. */
export function nameOf({ kind, metadata }: Manifest): string {
  return `${kind}/${metadata?.name}`
}
