import { disallowed } from '../errors.ts'
import type { Attributes } from '../metadata/records.ts'
import type { RepositoryIndex } from '../metadata/repository-index.ts'

/** What an operation touches, beside the repository itself. */
export interface Touched {
  readonly tag?: string | undefined
  readonly digest?: string | undefined
}

/**
 * Throws where a lock forbids an operation, be it on the repository, the tag or the manifest
 * (https://learn.microsoft.com/azure/container-registry/container-registry-image-lock).
 */
export function assertAllowed(
  index: RepositoryIndex | undefined,
  operation: 'read' | 'write' | 'delete',
  { tag, digest }: Touched = {},
): void {
  const attributes = [
    index?.record.attributes,
    tag === undefined ? undefined : index?.tags.get(tag)?.attributes,
    digest === undefined ? undefined : index?.manifests.get(digest)?.attributes,
  ]
  if (attributes.some((of) => of !== undefined && !isAllowed[operation](of))) throw disallowed()
}

const isAllowed: Readonly<Record<'read' | 'write' | 'delete', (attributes: Attributes) => boolean>> = {
  read: ({ readEnabled }) => readEnabled,
  write: ({ writeEnabled }) => writeEnabled,
  // What may not be written may not be deleted either: https://github.com/Azure/acr/issues/561
  delete: ({ deleteEnabled, writeEnabled }) => deleteEnabled && writeEnabled,
}
