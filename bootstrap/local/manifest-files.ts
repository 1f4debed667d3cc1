import { glob, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseAllDocuments } from 'yaml'
import type { Manifest } from './install.ts'

/** Kinds that others need come first; within a kind the order of the files' names counts. */
const firstKinds = ['Namespace', 'CustomResourceDefinition', 'ServiceAccount', 'ClusterRole', 'Role']

/** All objects of a folder's YAML files, in an order in which they can be applied. */
export async function readManifestFolder(folder: string): Promise<readonly Manifest[]> {
  const files: string[] = []
  for await (const file of glob('*.yaml', { cwd: folder })) files.push(file)
  const objects: Manifest[] = []
  for (const file of files.sort()) {
    for (const document of parseAllDocuments(await readFile(join(folder, file), 'utf8'))) {
      if (document.errors[0]) throw new Error(`${join(folder, file)}: ${document.errors[0].message}`)
      objects.push(document.toJS() as Manifest)
    }
  }
  return objects.sort((one, other) => rank(one) - rank(other))
}

function rank({ kind }: Manifest): number {
  const index = firstKinds.indexOf(kind ?? '')
  return index === -1 ? firstKinds.length : index
}
