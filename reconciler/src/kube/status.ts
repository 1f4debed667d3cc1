import { isDeepStrictEqual } from 'node:util'
import { fieldManager } from '../api/annotations.ts'
import { apiVersion, plural, type Delivery, type DeliveryStatus } from '../api/delivery.ts'
import { refusedError, type KubeClient } from './client.ts'
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
      const what = `read Delivery ${namespace}/${name}`
      const request = { method: 'GET', path: pathOf(delivery), what, signal } as const
      const answer = await client.send<Delivery>(request)
      if (answer.ok) return answer.body
      if (answer.refusal.code === 404) return undefined
      throw refusedError(answer.refusal, request)
    },
  }
}

function pathOf({ metadata: { namespace, name } }: Delivery): string {
  return `/apis/${apiVersion}/namespaces/${encodeURIComponent(namespace)}/${plural}/${encodeURIComponent(name)}`
}

/** As JSON: a field that is undefined is none. */
function isSame(before: DeliveryStatus | undefined, after: DeliveryStatus): boolean {
  return isDeepStrictEqual(before, JSON.parse(JSON.stringify(after)))
}
