/**
 * What kubectl's client-side apply really wrote. Its entry in managedFields holds the defaults too that the API server
 * filled in when the object was made, some of which depend on what stood there then, such as imagePullPolicy on the
 * tag: taken for written and dropped, they would come out otherwise.
 * https://kubernetes.io/docs/tasks/manage-kubernetes-objects/declarative-config/#how-apply-calculates-differences-and-merges-changes
 */
import type { KubeObject } from '../api/object.ts'
import { canonicalJson } from './canonical-json.ts'
import type { FieldSet } from './field-set.ts'

export const lastAppliedAnnotation = 'kubectl.kubernetes.io/last-applied-configuration'

/** Undefined where kubectl has left none, or it can't be read. */
export function lastApplied({ metadata }: KubeObject): unknown {
  const text = metadata.annotations?.[lastAppliedAnnotation]
  if (text === undefined) return undefined
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** The members of a set that a value holds. */
export function fieldsIn(set: FieldSet, value: unknown): FieldSet {
  return Object.fromEntries(
    Object.entries(set).flatMap(([step, below]) => {
      if (step === '.') return [[step, below]]
      const found = valueAt(value, step)
      if (found === undefined) return []
      const held = fieldsIn(below, found)
      const isEmptied = Object.keys(held).length === 0 && Object.keys(below).length > 0
      return isEmptied ? [] : [[step, held]]
    }),
  )
}

function valueAt(value: unknown, step: string): unknown {
  const path = step.slice(2)
  if (step.startsWith('f:')) return isRecord(value) && Object.hasOwn(value, path) ? value[path] : undefined
  if (!Array.isArray(value)) return undefined
  const items: readonly unknown[] = value
  if (step.startsWith('i:')) return items[Number(path)]
  const wanted: unknown = JSON.parse(path)
  if (step.startsWith('v:')) return items.find((item) => canonicalJson(item) === canonicalJson(wanted))
  // A key that was not written was a default, as a port's protocol is.
  const keys = Object.entries(isRecord(wanted) ? wanted : {})
  return items.find((item) => isRecord(item) && keys.every(([key, of]) => item[key] === undefined || item[key] === of))
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
