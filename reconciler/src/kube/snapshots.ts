/**
 * Copies of releases in ControllerRevisions (apps/v1), gzipped, named after their content. They carry no label of the
 * app, else a StatefulSet or DaemonSet with that selector would take them for revisions of its own.
 */
import { createHash } from 'node:crypto'
import { deliveryLabel } from '../api/annotations.ts'
import { apiVersion, kind, type Delivery } from '../api/delivery.ts'
import { refusedError, type KubeClient, type KubeRequest } from './client.ts'
import type { KubeObject, Snapshot, SnapshotStore } from './ports.ts'
import { packCopy, unpackCopy, type ReleaseCopy } from './release-copy.ts'

interface ControllerRevision extends KubeObject {
  readonly data?: { readonly gzip?: string }
}

// Leaves room for the hash in a name of 253 characters.
const maxPrefixLength = 200

export function createSnapshotStore(client: KubeClient): SnapshotStore {
  async function read(
    delivery: Delivery,
    { name }: Pick<Snapshot, 'name'>,
    signal: AbortSignal,
  ): Promise<ControllerRevision | undefined> {
    const request = requestOf(delivery, 'GET', 'read', signal, name)
    const answer = await client.send<ControllerRevision>(request)
    if (answer.ok) return answer.body
    if (answer.refusal.code === 404) return undefined
    throw refusedError(answer.refusal, request)
  }

  async function create(
    delivery: Delivery,
    snapshot: Snapshot,
    { content }: ReleaseCopy,
    signal: AbortSignal,
  ): Promise<boolean> {
    const request = { ...requestOf(delivery, 'POST', 'keep', signal), body: revisionOf(delivery, snapshot, content) }
    const answer = await client.send(request)
    if (answer.ok) return true
    if (answer.refusal.code === 409) return false
    throw refusedError(answer.refusal, request)
  }

  async function remove(delivery: Delivery, revision: ControllerRevision, signal: AbortSignal): Promise<void> {
    const { name, uid } = revision.metadata
    const request = { ...requestOf(delivery, 'DELETE', 'delete', signal, name), body: { preconditions: { uid } } }
    const answer = await client.send(request)
    if (!answer.ok && answer.refusal.code !== 404) throw refusedError(answer.refusal, request)
  }

  return {
    async save(delivery, objects, signal) {
      const copy = await packCopy(objects)
      const snapshot = snapshotOf(delivery, copy.text)
      if (await create(delivery, snapshot, copy, signal)) return snapshot
      const found = await read(delivery, snapshot, signal)
      if (found !== undefined && isOwned(found, delivery) && (await textOf(found)) === copy.text) return snapshot
      // Of an earlier Delivery of that name, and so about to be collected, or no longer what it was.
      if (found !== undefined) await remove(delivery, found, signal)
      if (await create(delivery, snapshot, copy, signal)) return snapshot
      const request = requestOf(delivery, 'POST', 'keep', signal)
      throw refusedError({ code: 409, reason: 'AlreadyExists', message: 'it is there again', causes: [] }, request)
    },
    async load(delivery, snapshot, signal) {
      const found = await read(delivery, snapshot, signal)
      const text = found === undefined ? undefined : await textOf(found)
      if (text === undefined || hashOf(text) !== snapshot.hash) return undefined
      return JSON.parse(text) as readonly KubeObject[]
    },
    async prune(delivery, keep, signal) {
      const { items } = await client.request<{ readonly items: readonly ControllerRevision[] | null }>({
        ...requestOf(delivery, 'GET', 'list', signal),
        query: { labelSelector: `${deliveryLabel}=${delivery.metadata.name}` },
        accept: 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1',
      })
      const kept = new Set(keep.map(({ name }) => name))
      const old = (items ?? []).filter((item) => isOwned(item, delivery) && !kept.has(item.metadata.name))
      for (const revision of old) await remove(delivery, revision, signal)
    },
  }
}

function requestOf(
  { metadata }: Delivery,
  method: 'GET' | 'POST' | 'DELETE',
  verb: string,
  signal: AbortSignal,
  name?: string,
): KubeRequest {
  const collection = `/apis/apps/v1/namespaces/${encodeURIComponent(metadata.namespace)}/controllerrevisions`
  return {
    method,
    path: name === undefined ? collection : `${collection}/${encodeURIComponent(name)}`,
    what: `${verb} the copy of a release of Delivery ${metadata.namespace}/${metadata.name}`,
    signal,
  }
}

function revisionOf({ metadata }: Delivery, { name }: Snapshot, content: string): object {
  return {
    metadata: {
      name,
      labels: { [deliveryLabel]: metadata.name },
      ownerReferences: [{ apiVersion, kind, name: metadata.name, uid: metadata.uid, controller: true }],
    },
    data: { gzip: content },
    // The order of copies is the Delivery's to know; the field is required.
    revision: 1,
  }
}

function snapshotOf({ metadata }: Delivery, text: string): Snapshot {
  const hash = hashOf(text)
  return { name: `${metadata.name.slice(0, maxPrefixLength)}-${hash.slice(0, 16)}`, hash }
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

function isOwned({ metadata: { ownerReferences = [] } }: KubeObject, { metadata: { uid } }: Delivery): boolean {
  return ownerReferences.some((owner) => owner.uid === uid)
}

/** Undefined where it is nothing that we wrote. */
async function textOf({ data }: ControllerRevision): Promise<string | undefined> {
  return typeof data?.gzip === 'string' ? unpackCopy(data.gzip) : undefined
}
