import { deletionFinalizer, fieldManager } from '../api/annotations.ts'
import { apiVersion, plural, type Delivery } from '../api/delivery.ts'
import type { KubeClient } from './client.ts'
import type { FinalizerWriter } from './ports.ts'

/** https://kubernetes.io/docs/concepts/overview/working-with-objects/finalizers/ */
export function createFinalizerWriter(client: KubeClient): FinalizerWriter {
  return {
    async write({ metadata }, isWanted, signal) {
      const { namespace, name, resourceVersion, finalizers = [] } = metadata
      const others = finalizers.filter((finalizer) => finalizer !== deletionFinalizer)
      return client.request<Delivery>({
        method: 'PATCH',
        path: `/apis/${apiVersion}/namespaces/${encodeURIComponent(namespace)}/${plural}/${encodeURIComponent(name)}`,
        query: { fieldManager },
        // The list is replaced as a whole, so that the version in which it was read is a precondition.
        body: [
          { op: 'replace', path: '/metadata/resourceVersion', value: resourceVersion },
          { op: 'add', path: '/metadata/finalizers', value: isWanted ? [...others, deletionFinalizer] : others },
        ],
        contentType: 'application/json-patch+json',
        what: `${isWanted ? 'set' : 'remove'} the finalizer of Delivery ${namespace}/${name}`,
        signal,
      })
    },
  }
}
