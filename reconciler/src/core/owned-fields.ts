/**
 * What we own of an object and what it holds there, as one hash: another hand that changes a field of ours changes its
 * value, and one that takes or removes it takes it out of our entry in managedFields; both change the hash. Status,
 * defaults and the fields of others do not.
 * https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management
 */
import { createHash } from 'node:crypto'
import { fieldManager } from '../api/annotations.ts'
import type { KubeObject, ManagedFieldsEntry } from '../api/object.ts'
import { canonicalJson } from './canonical-json.ts'
import { withoutPath, type FieldSet } from './field-set.ts'
import { isScalable, replicasPath } from './scalable.ts'

/**
 * Hex SHA-256; undefined where nothing of the object is ours. The number of replicas is not in it: an autoscaler may
 * take that over, so that the inventory keeps it apart (replicas.ts).
 */
export function ownedFieldsHash(object: KubeObject): string | undefined {
  const entry = ownEntry(object)
  const owned = (entry?.fieldsV1 ?? {}) as FieldSet
  if (entry === undefined || Object.keys(owned).length === 0) return undefined
  const ours = isScalable(object) ? withoutPath(owned, replicasPath) : owned
  const others = otherEntries(object).map(({ fieldsV1 }) => (fieldsV1 ?? {}) as FieldSet)
  return sha256([entry.apiVersion ?? '', ownedValue(object, ours, others)])
}

/**
 * Changes whenever the owned fields may have: over our entry, labels, annotations, deletionTimestamp and the version of
 * what is not status, all of which a metadata-only watch shows. While it stays, the object need not be read.
 */
export function ownershipHint(object: KubeObject): string {
  const { labels, annotations, deletionTimestamp, uid } = object.metadata
  const entry = ownEntry(object)
  return sha256([
    uid ?? null,
    entry === undefined ? null : [entry.apiVersion ?? '', entry.time ?? null, entry.fieldsV1 ?? {}],
    specVersion(object),
    labels ?? {},
    annotations ?? {},
    deletionTimestamp ?? null,
  ])
}

/**
 * Another value in a field of ours, with no other field, shows in no entry but by its time, in whole seconds: so does
 * what a leader before this one sent and what came late. Kinds that count generations tell it from a change of status,
 * and an object whose status nobody writes needs not be told from one.
 */
function specVersion({ metadata: { generation, resourceVersion, managedFields = [] } }: KubeObject): unknown {
  if (generation !== undefined) return generation
  return managedFields.some(({ subresource }) => subresource) ? null : (resourceVersion ?? null)
}

function ownEntry({ metadata }: KubeObject): ManagedFieldsEntry | undefined {
  return metadata.managedFields?.find(isOurApply)
}

function otherEntries({ metadata }: KubeObject): ManagedFieldsEntry[] {
  return (metadata.managedFields ?? []).filter((entry) => !isOurApply(entry))
}

/** What our server-side apply set; `/status` and the like are not ours. */
export function isOurApply({ manager, operation, subresource }: ManagedFieldsEntry): boolean {
  return manager === fieldManager && operation === 'Apply' && !subresource
}

/** The value below the steps that are ours; each step is kept, so that the same values under other steps differ. */
function ownedValue(value: unknown, ours: FieldSet, others: readonly FieldSet[]): unknown {
  const steps = Object.keys(ours).sort()
  if (steps.length === 0) return withoutOthers(value, others)
  return steps.map((step) => {
    if (step === '.') return [step, value !== undefined]
    const below = others.flatMap((fields) => fields[step] ?? [])
    return [step, ownedValue(valueAt(value, step), ours[step] ?? {}, below)]
  })
}

/**
 * A field that is ours as a whole, such as `emptyDir: {}`, may yet have fields of others below it; where it is atomic
 * nobody else can own anything below. The server drops some empty fields and keeps others, so that none is the same as
 * nothing.
 */
function withoutOthers(value: unknown, others: readonly FieldSet[]): unknown {
  const foreign = others.filter((fields) => Object.keys(fields).length > 0)
  if (Array.isArray(value)) {
    const taken = foreign.flatMap((fields) => Object.keys(fields)).filter((step) => step !== '.')
    const left = value.filter((item) => !taken.some((step) => valueAt([item], step) !== undefined))
    return left.length > 0 ? left : null
  }
  if (!isRecord(value)) return value ?? null
  const left = Object.entries(value).flatMap(([name, field]) => {
    const below = foreign.flatMap((fields) => fields[`f:${name}`] ?? [])
    if (below.length === 0) return [[name, field]]
    return below.some((fields) => Object.keys(fields).length === 0) ? [] : [[name, withoutOthers(field, below)]]
  })
  return left.length > 0 ? Object.fromEntries(left) : null
}

/** Undefined where nothing is there. */
function valueAt(value: unknown, step: string): unknown {
  const path = step.slice(2)
  switch (step.slice(0, 2)) {
    case 'f:':
      return isRecord(value) && Object.hasOwn(value, path) ? value[path] : undefined
    case 'k:': {
      const keys = Object.entries(JSON.parse(path) as Record<string, unknown>)
      return listOf(value).find((item) => isRecord(item) && keys.every(([key, wanted]) => item[key] === wanted))
    }
    case 'v:': {
      const wanted = canonicalJson(JSON.parse(path))
      return listOf(value).find((item) => canonicalJson(item) === wanted)
    }
    case 'i:':
      return listOf(value)[Number(path)]
    default:
      return undefined
  }
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function sha256(value: unknown): string {
  return createHash('sha256').update(canonicalJson(value)).digest('hex')
}
