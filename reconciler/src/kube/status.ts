import { isDeepStrictEqual } from 'node:util'
import { fieldManager } from '../api/annotations.ts'
import { apiVersion, kind, plural, type Delivery, type DeliveryStatus } from '../api/delivery.ts'
import type { KubeClient } from './client.ts'
import type { StatusWriter } from './ports.ts'

export function createStatusWriter(client: KubeClient): StatusWriter {
  return {
    async write(delivery, status, signal) {
      const value = asStored(status)
      if (isDeepStrictEqual(delivery.status, value)) return delivery
      const { namespace, name, resourceVersion } = delivery.metadata
      return client.request<Delivery>({
        method: 'PATCH',
        path: `${pathOf(delivery)}/status`,
        query: { fieldManager },
        // The version that is patched in is a precondition: the server answers 409 where it is another one by now.
        body: [
          { op: 'replace', path: '/metadata/resourceVersion', value: resourceVersion },
          { op: 'add', path: '/status', value },
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

/**
 * As it comes back: a field that is undefined is none, and half of a character, which is left where a text of others was
 * cut, is what the API server makes of it; the same status would else be sent again and again.
 */
function asStored(status: DeliveryStatus): DeliveryStatus {
  const wellFormed = (_: string, value: unknown): unknown => (typeof value === 'string' ? value.toWellFormed() : value)
  return JSON.parse(JSON.stringify(status, wellFormed)) as DeliveryStatus
}
