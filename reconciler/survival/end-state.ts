/** What stands in a namespace in the end, in a form in which two runs can be compared. */
import { createHash } from 'node:crypto'
import { gunzipSync } from 'node:zlib'
import type { InventoryEntry } from '../src/api/delivery.ts'
import type { KubeObject, ManagedFieldsEntry } from '../src/api/object.ts'
import { ownedFieldsHash } from '../src/core/owned-fields.ts'
import type { TestCluster } from '../src/kube/test-cluster.ts'

interface ResourceList {
  readonly resources: ReadonlyArray<{
    readonly name: string
    readonly namespaced: boolean
    readonly verbs: readonly string[]
  }>
}

/** Objects by their paths, each in a form in which it is the same in every run that came to the same end. */
export type EndState = Readonly<Record<string, unknown>>

/**
 * Paths of all collections of the tenant's namespace, which is called TENANT, and of those in the reconciler's own, OWN,
 * in which it may write; the two groups of Events are left out.
 */
export async function comparedCollections(cluster: TestCluster): Promise<readonly string[]> {
  const { groups } = await read<{ groups: ReadonlyArray<{ preferredVersion: { groupVersion: string } }> }>(
    cluster,
    '/apis',
  )
  const roots = ['/api/v1', ...groups.map(({ preferredVersion }) => `/apis/${preferredVersion.groupVersion}`)]
  const found = await Promise.all(
    roots.map(async (root) => {
      const { resources } = await read<ResourceList>(cluster, root)
      // A lost Event is not written again: they are for people, and nothing is decided by them.
      const listed = resources.filter(
        ({ name, namespaced, verbs }) => namespaced && verbs.includes('list') && name !== 'events',
      )
      return listed.map(({ name }) => `${root}/namespaces/TENANT/${name}`)
    }),
  )
  const own = ['/api/v1/namespaces/OWN/pods', '/apis/coordination.k8s.io/v1/namespaces/OWN/leases']
  return [...found.flat().sort(), ...own]
}

/** Those of the collections in which an object of that state is. */
export function heldCollections(state: EndState, collections: readonly string[]): readonly string[] {
  return collections.filter((path) => Object.keys(state).some((object) => object.startsWith(`${path}/`)))
}

/** Objects that stand in one of those namespaces, in one of those collections of a tenant's. */
export async function findObjects(
  cluster: TestCluster,
  collections: readonly string[],
  namespaces: ReadonlySet<string>,
): Promise<readonly string[]> {
  const found = await Promise.all(
    collections.map(async (path) => {
      const everywhere = path.replace('/namespaces/TENANT', '')
      const { items } = await read<{ items: readonly KubeObject[] }>(cluster, everywhere)
      return items.flatMap(({ metadata: { namespace = '', name } }) =>
        namespaces.has(namespace) ? [path.replace('TENANT', namespace) + `/${name}`] : [],
      )
    }),
  )
  return found.flat()
}

/**
 * Every object of those collections, less what differs from run to run; what differs by name is replaced by what that
 * stands for.
 */
export async function endState(
  cluster: TestCluster,
  collections: readonly string[],
  names: Readonly<Record<string, string>>,
): Promise<EndState> {
  const lists = await Promise.all(
    collections.map(async (path) => {
      const { items } = await read<{ items: readonly KubeObject[] }>(cluster, path)
      return items.map((item) => [`${path}/${item.metadata.name}`, item] as const)
    }),
  )
  const objects = lists.flat()
  const live = objects.map(([, object]) => object)
  const replace = replacer({ ...names, ...copyNames(live, replacer(names)) })
  return Object.fromEntries(
    objects.map(([path, object]) => [replace(path), replaceDeep(lasting(object, live), replace)]),
  )
}

function lasting(object: KubeObject, live: readonly KubeObject[]): object {
  const {
    resourceVersion: _,
    uid: __,
    generation: ___,
    creationTimestamp: ____,
    ...metadata
  } = object.metadata as {
    readonly [field: string]: unknown
  }
  const { status, spec, data, ...rest } = object as KubeObject & Readonly<Record<string, unknown>>
  return {
    ...rest,
    ...(spec !== undefined && { spec: without(spec, leaseFields) }),
    ...(data !== undefined && { data: unpacked(data) }),
    ...(status !== undefined && { status: lastingStatus(status as object, live) }),
    metadata: { ...metadata, managedFields: managedFieldsOf(object) },
  }
}

const leaseFields = ['leaseTransitions', 'acquireTime', 'renewTime']

function lastingStatus(status: object, live: readonly KubeObject[]): object {
  const {
    inventory,
    rollout,
    observedGeneration: _,
    ...rest
  } = status as {
    readonly inventory?: readonly InventoryEntry[]
    readonly rollout?: object
    readonly observedGeneration?: number
  }
  return {
    ...(withoutLostCopies(rest, live) as object),
    ...(rollout !== undefined && { rollout: withoutLostCopies(without(rollout, ['leaseEpoch']), live) }),
    ...(inventory !== undefined && { inventory: inventory.map((entry) => verified(entry, live)) }),
  }
}

/** Status may name a copy that is not needed any more, and gone. */
function withoutLostCopies(value: unknown, live: readonly KubeObject[]): unknown {
  if (Array.isArray(value)) return value.map((item) => withoutLostCopies(item, live))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value as Readonly<Record<string, unknown>>).map(([name, field]) => {
      const copy = name === 'snapshot' ? (field as { readonly name: string }).name : undefined
      const isLost = copy !== undefined && !live.some(({ metadata }) => metadata.name === copy)
      return [name, isLost ? 'gone' : withoutLostCopies(field, live)] as const
    }),
  )
}

/**
 * Hashes and uids differ with every run; that they are those of the object does not. Nor does it whether drift was taken
 * back, but how often: a correction is counted before it is sent, so that one that a kill cut off counts beside the one
 * that is made in its place, as it must where it landed and another hand was quick to undo it.
 */
function verified(entry: InventoryEntry, live: readonly KubeObject[]): object {
  const object = live.find(({ kind, metadata: { uid } }) => uid === entry.uid && kindOf(kind, entry))
  return {
    ...entry,
    ...(entry.corrections !== undefined && { corrections: entry.corrections.length > 0 }),
    uid: object === undefined ? 'of no object' : 'of the object',
    hash: object !== undefined && ownedFieldsHash(object) === entry.hash ? 'of the object' : 'of something else',
  }
}

/** The items of a typed list do not say what they are. */
function kindOf(kind: string | undefined, entry: InventoryEntry): boolean {
  return kind === undefined || kind === entry.kind
}

function managedFieldsOf({ metadata: { managedFields = [] } }: KubeObject): readonly string[] {
  return managedFields
    .map((entry: ManagedFieldsEntry) => JSON.stringify(without(entry, ['time'])))
    .toSorted((one, other) => one.localeCompare(other))
}

/** Copies of releases are named after what they hold, which differs by the names in it. */
function copyNames(live: readonly KubeObject[], replace: (text: string) => string): Readonly<Record<string, string>> {
  const copies = live.flatMap(({ metadata: { name }, data }) => {
    const text = textOfCopy(data)
    if (text === undefined) return []
    const meaning = `COPY ${sha256(replace(text)).slice(0, 8)}`
    return [
      [name, meaning],
      [sha256(text), `HASH OF ${meaning}`],
    ] as const
  })
  return Object.fromEntries(copies)
}

/** What a copy of a release holds, instead of how it was packed. */
function unpacked(data: unknown): unknown {
  const text = textOfCopy(data)
  return text === undefined ? data : (JSON.parse(text) as unknown)
}

function textOfCopy(data: unknown): string | undefined {
  const { gzip } = (data ?? {}) as { readonly gzip?: unknown }
  return typeof gzip === 'string' ? gunzipSync(Buffer.from(gzip, 'base64')).toString('utf8') : undefined
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

function without(value: unknown, fields: readonly string[]): object {
  return Object.fromEntries(Object.entries(value as object).filter(([name]) => !fields.includes(name)))
}

function replacer(names: Readonly<Record<string, string>>): (text: string) => string {
  // The longest first: one name may be the beginning of another.
  const ordered = Object.entries(names).sort(([one], [other]) => other.length - one.length)
  return (text) =>
    ordered
      .reduce((replaced, [name, meaning]) => replaced.replaceAll(name, meaning), text)
      .replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g, 'TIME')
      .replaceAll(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, 'UID')
}

function replaceDeep(value: unknown, replace: (text: string) => string): unknown {
  if (typeof value === 'string') return replace(value)
  if (Array.isArray(value)) return value.map((item) => replaceDeep(item, replace))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [replace(name), replaceDeep(item, replace)] as const),
  )
}

function read<T>({ admin, signal }: TestCluster, path: string): Promise<T> {
  return admin.request<T>({ method: 'GET', path, what: `read ${path}`, signal })
}
