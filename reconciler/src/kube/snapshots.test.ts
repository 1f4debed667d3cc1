import { randomBytes } from 'node:crypto'
import t from 'tap'
import type { KubeObject } from '../api/object.ts'
import { delivery } from '../core/test-builders.ts'
import type { KubeClient, KubeRequest } from './client.ts'
import { createSnapshotStore } from './snapshots.ts'

const { signal } = new AbortController()

t.test('a copy that is larger than the cluster can store is refused for good, and not sent', async (t) => {
  const { store, requests } = setUp()
  // Repeated from farther away than gzip sees, as by an alias.
  const repeated = randomBytes(64 * 1024).toString('base64')
  const release = (times: number) => Array.from({ length: times }, (_, index) => configMap(`c-${index}`, repeated))

  await t.rejects(store.save(delivery(), release(30), signal), {
    kind: 'terminal',
    reason: 'BundleInvalid',
    message: /^the copy that is kept of a release would have \d+ bytes, \d+ at most are taken/,
  })
  t.same(requests, [])

  await store.save(delivery(), release(10), signal)
  t.match(requests, [{ method: 'POST' }])
})

t.test('where all copies were deleted by another hand there is nothing to tidy up', async (t) => {
  const { store, requests } = setUp()
  await store.prune(delivery(), [], signal)
  t.match(requests, [{ method: 'GET' }])
})

function setUp() {
  const requests: KubeRequest[] = []
  const client = {
    send: async (request: KubeRequest) => {
      requests.push(request)
      return { ok: true, code: 201, body: {} }
    },
    request: async (request: KubeRequest) => {
      requests.push(request)
      // As the API server lists the metadata of nothing.
      return { items: null }
    },
  } as unknown as KubeClient
  return { store: createSnapshotStore(client), requests }
}

function configMap(name: string, text: string): KubeObject {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'team' }, data: { text } }
}
