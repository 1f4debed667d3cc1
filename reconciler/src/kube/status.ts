import { isDeepStrictEqual } from 'node:util'
import { fieldManager } from '../api/annotations.ts'
import { apiVersion, kind, plural, type Delivery, type DeliveryStatus } from '../api/delivery.ts'
import type { KubeClient } from './client.ts'
import type { StatusWriter } from './ports.ts'

export function createStatusWriter(client: KubeClient): StatusWriter {
  return {
    async write(delivery, status, signal) {
      if (isSame(delivery.status, status)) return delivery
      const { namespace, name, resourceVersion } = delivery.metadata
      return client.request<Delivery>({
        method: 'PATCH',
        path: `${pathOf(delivery)}/status`,
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
    async read(delivery, signal) {
      const { namespace, name } = delivery.metadata
      // By the right to list that the watch needs anyway.
      const { items } = await client.request<{ readonly items: readonly Delivery[] }>({
        method: 'GET',
        path: collectionOf(delivery),
        query: { fieldSelector: `metadata.name=${name}` },
        what: `read Delivery ${namespace}/${name}`,
        signal,
      })
      const [found] = items
      return found && { ...found, apiVersion, kind }
    },
  }
}

function pathOf(delivery: Delivery): string {
  return `${collectionOf(delivery)}/${encodeURIComponent(delivery.metadata.name)}`
}

function collectionOf({ metadata: { namespace } }: Delivery): string {
  return `/apis/${apiVersion}/namespaces/${encodeURIComponent(namespace)}/${plural}`
}

/** As JSON: a field that is undefined is none. */
function isSame(before: DeliveryStatus | undefined, after: DeliveryStatus): boolean {
  return isDeepStrictEqual(before, JSON.parse(JSON.stringify(after)))
}
