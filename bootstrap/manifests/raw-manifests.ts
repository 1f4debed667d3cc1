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

/** `Kind/name`, which tells objects of one tenant apart. */
export function nameOf({ kind, metadata }: Manifest): string {
  return `${kind}/${metadata?.name}`
}
