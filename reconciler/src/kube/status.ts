import { isDeepStrictEqual } from 'node:util'
import { fieldManager } from '../api/annotations.ts'
import { apiVersion, plural, type Delivery, type DeliveryStatus } from '../api/delivery.ts'
import type { KubeClient } from './client.ts'
import type { StatusWriter } from './ports.ts'

export function createStatusWriter(client: KubeClient): StatusWriter {
  return {
    async write(delivery, status, signal) {
      if (isSame(delivery.status, status)) return delivery
      const { namespace, name, resourceVersion } = delivery.metadata
      return client.request<Delivery>({
        method: 'PATCH',
        path: `/apis/${apiVersion}/namespaces/${encodeURIComponent(namespace)}/${plural}/${encodeURIComponent(name)}/status`,
        query: { fieldManager },
        // The version that is patched in is a precondition: the server answers 409 where it is another one by now.
        body: [
          { op: 'replace', path: '/metadata/resourceVersion', value: resourceVersion },
          { op: 'add', path: '/status', value: status },
        ],
        contentType: 'application/json-patch+json',
        what: `write status of Delivery ${namespace}/${name}`,
        signal,
      })
    },
  }
}

/** As JSON: a field that is undefined is none. */
function isSame(before: DeliveryStatus | undefined, after: DeliveryStatus): boolean {
  return isDeepStrictEqual(before, JSON.parse(JSON.stringify(after)))
}
