import { findSupportedKind } from '../api/kinds.ts'
import type { ObjectReference } from '../api/object.ts'
import { AppError } from '../core/errors.ts'

/** Throws AppError where it is none of the kinds that a release may hold. */
export function objectPath(reference: ObjectReference): string {
  const { apiVersion, kind, namespace, name } = reference
  const supported = findSupportedKind(apiVersion, kind)
  if (supported === undefined) {
    const message = `${kind} (${apiVersion}) is not of a kind that a release may hold`
    throw new AppError({ kind: 'terminal', reason: 'KindNotSupported', message })
  }
  return `${collectionPath(supported, namespace)}/${encodeURIComponent(name)}`
}

/** All objects of a kind: in one namespace, or in the whole cluster. */
export function collectionPath(
  { apiVersion, group, plural }: { readonly apiVersion: string; readonly group: string; readonly plural: string },
  namespace?: string,
): string {
  const root = group === '' ? `/api/${apiVersion}` : `/apis/${apiVersion}`
  return namespace === undefined ? `${root}/${plural}` : `${root}/namespaces/${encodeURIComponent(namespace)}/${plural}`
}

/** How messages name an object: `Deployment predictor/web`. */
export function displayName({ kind, namespace, name }: Omit<ObjectReference, 'apiVersion'>): string {
  return `${kind} ${namespace}/${name}`
}
