import { readManifestFolder } from '../../reconciler/src/cli/manifest-folder.ts'
import type { Manifest } from './install.ts'

/** Kinds that others need come first; within a kind the order of the files' names counts. */
const firstKinds = ['Namespace', 'CustomResourceDefinition', 'ServiceAccount', 'ClusterRole', 'Role']

/** All objects of a folder's manifests, in an order in which they can be applied. */
export async function readInOrder(folder: string): Promise<readonly Manifest[]> {
  const { documents, problems } = await readManifestFolder(folder)
  if (problems.length > 0) throw new Error(`${folder}: ${problems.join('; ')}`)
  return (documents as readonly Manifest[]).toSorted((one, other) => rank(one) - rank(other))
}

function rank({ kind }: Manifest): number {
  const index = firstKinds.indexOf(kind ?? '')
  return index === -1 ? firstKinds.length : index
}
