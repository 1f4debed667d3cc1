/**
 * An object as an API server holds it: its fields one by one, and who owns each, by the rules of server-side apply as
 * far as histories need them: values are scalars, and items of lists have names.
 * https://kubernetes.io/docs/reference/using-api/server-side-apply/
 */
import type { KubeObject, ManagedFieldsEntry } from '../src/api/object.ts'
import { formatTime } from '../src/api/time.ts'
import { fields as fieldsOf } from '../src/core/untyped.ts'

/** Values by their path: the steps of managedFields, one a line. */
export type Leaves = ReadonlyMap<string, unknown>

export interface FieldOwner {
  readonly manager: string
  readonly operation: 'Apply' | 'Update'
  readonly atMs: number
  readonly paths: ReadonlySet<string>
}

export interface HeldObject {
  readonly apiVersion: string
  readonly kind: string
  readonly namespace: string
  readonly name: string
  readonly uid: string
  readonly version: string
  /** Of kinds that count it. */
  readonly generation?: number
  readonly leaves: Leaves
  readonly owners: readonly FieldOwner[]
  readonly status?: object
}

type Fielded = Pick<HeldObject, 'leaves' | 'owners'>

/** All that an author of a manifest says of an object. */
export function leavesOf(object: KubeObject): Leaves {
  const { labels, annotations } = object.metadata
  const { apiVersion: _, kind: __, metadata: ___, status: ____, ...rest } = object
  return new Map(leavesBelow({ metadata: { labels, annotations }, ...rest }, ''))
}

/** Whose fields an apply would change: a conflict, unless it is forced. */
export function conflictsOf({ leaves, owners }: Fielded, manager: string, wanted: Leaves): readonly FieldOwner[] {
  const others = owners.filter((owner) => owner.manager !== manager || owner.operation !== 'Apply')
  return others.filter(({ paths }) =>
    [...wanted].some(([path, value]) => paths.has(path) && leaves.get(path) !== value),
  )
}

/** By force; answers the same where nothing changes by it. */
export function applyTo<T extends Fielded>(before: T, manager: string, wanted: Leaves, nowMs: number): T {
  const ours = before.owners.find((owner) => owner.manager === manager && owner.operation === 'Apply')
  const others = before.owners.filter((owner) => owner !== ours)
  const dropped = [...(ours?.paths ?? [])].filter((path) => !wanted.has(path))
  const changed = [...wanted].filter(([path, value]) => before.leaves.get(path) !== value)
  const isSameSet = ours !== undefined && dropped.length === 0 && ours.paths.size === wanted.size
  if (isSameSet && changed.length === 0) return before

  const leaves = new Map(before.leaves)
  for (const path of dropped) if (!others.some(({ paths }) => paths.has(path))) leaves.delete(path)
  for (const [path, value] of changed) leaves.set(path, value)
  const taken = new Set(changed.map(([path]) => path))
  const owner = { manager, operation: 'Apply' as const, atMs: nowMs, paths: new Set(wanted.keys()) }
  return { ...before, leaves, owners: [...others.flatMap((other) => disown(other, taken)), owner] }
}

/** As `kubectl edit` and controllers do: what is changed is theirs from then on. Undefined removes. */
export function updateOf<T extends Fielded>(before: T, manager: string, changes: Leaves, nowMs: number): T {
  const changed = [...changes].filter(([path, value]) => before.leaves.get(path) !== value)
  if (changed.length === 0) return before
  const leaves = new Map(before.leaves)
  for (const [path, value] of changed) {
    if (value === undefined) leaves.delete(path)
    else leaves.set(path, value)
  }
  const taken = new Set(changed.map(([path]) => path))
  const owners = before.owners.flatMap((owner) => disown(owner, taken))
  const mine = owners.find((owner) => owner.manager === manager && owner.operation === 'Update')
  const set = changed.flatMap(([path, value]) => (value === undefined ? [] : [path]))
  const paths = new Set([...(mine?.paths ?? []), ...set])
  const left = owners.filter((owner) => owner !== mine)
  const entry = { manager, operation: 'Update' as const, atMs: nowMs, paths }
  return { ...before, leaves, owners: paths.size === 0 ? left : [...left, entry] }
}

const sent = new WeakMap<HeldObject, KubeObject>()

/** As the API server sends it; the same object each time, for it is read many times more often than it changes. */
export function toKubeObject(held: HeldObject): KubeObject {
  const object = sent.get(held) ?? encoded(held)
  sent.set(held, object)
  return object
}

function encoded(held: HeldObject): KubeObject {
  const { apiVersion, kind, namespace, name, uid, version, generation, leaves, owners, status } = held
  const { metadata, ...rest } = nested(leaves) as { metadata?: object }
  const byStatus = { manager: 'kube-controller-manager', operation: 'Update', apiVersion, subresource: 'status' }
  return {
    apiVersion,
    kind,
    metadata: {
      ...metadata,
      name,
      namespace,
      uid,
      resourceVersion: version,
      ...(generation !== undefined && { generation }),
      managedFields: [
        ...owners.map((owner) => managedFieldsOf(owner, apiVersion)),
        ...(status === undefined ? [] : [byStatus]),
      ],
    },
    ...rest,
    ...(status !== undefined && { status }),
  }
}

function disown(owner: FieldOwner, taken: ReadonlySet<string>): readonly FieldOwner[] {
  const left = [...owner.paths].filter((path) => !taken.has(path))
  if (left.length === owner.paths.size) return [owner]
  return left.length === 0 ? [] : [{ ...owner, paths: new Set(left) }]
}

function leavesBelow(value: unknown, path: string): ReadonlyArray<readonly [string, unknown]> {
  if (value === undefined) return []
  if (Array.isArray(value)) {
    return value.flatMap((item: unknown) => {
      const key = JSON.stringify({ name: fieldsOf(item)['name'] })
      return leavesBelow(item, below(path, `k:${key}`))
    })
  }
  if (typeof value !== 'object' || value === null) return [[path, value]]
  return Object.entries(value).flatMap(([name, field]) => leavesBelow(field, below(path, `f:${name}`)))
}

function below(path: string, step: string): string {
  return path === '' ? step : `${path}\n${step}`
}

function nested(leaves: Leaves): object {
  const root = new Map<string, unknown>()
  for (const [path, value] of leaves) {
    const steps = path.split('\n')
    const last = steps.pop() ?? ''
    const parent = steps.reduce((at, step) => {
      const next = (at.get(step) as Map<string, unknown> | undefined) ?? new Map<string, unknown>()
      at.set(step, next)
      return next
    }, root)
    parent.set(last, value)
  }
  return unfold(root) as object
}

function unfold(value: unknown): unknown {
  if (!(value instanceof Map)) return value
  const entries = [...(value as Map<string, unknown>)]
  if (entries[0]?.[0].startsWith('k:') === true) return entries.map(([, item]) => unfold(item))
  return Object.fromEntries(entries.map(([step, field]) => [step.slice(2), unfold(field)]))
}

function managedFieldsOf({ manager, operation, atMs, paths }: FieldOwner, apiVersion: string): ManagedFieldsEntry {
  const set: Record<string, unknown> = {}
  for (const path of paths) {
    let at = set
    for (const step of path.split('\n')) at = (at[step] ??= {}) as Record<string, unknown>
  }
  // Whole seconds, as the server writes them.
  const time = formatTime(Math.floor(atMs / 1_000) * 1_000)
  return { manager, operation, apiVersion, time, fieldsV1: set }
}
