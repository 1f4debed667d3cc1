import type { KubeObject } from '../api/object.ts'
import type { RefusalCause } from './refusal.ts'

export interface HeldField {
  readonly manager: string
  readonly field: string
  /** An update manager's field is drift and may be taken back; an apply manager's is never forced. */
  readonly isDrift: boolean
}

/**
 * Reads who holds what from the causes of a conflict. The server writes `using VERSION` after an update manager's name
 * and not after an apply manager's; that, and an update entry of that manager on the object, make it drift. Whatever
 * can't be read so is taken for an apply manager's.
 */
export function heldFields(causes: readonly RefusalCause[], live: KubeObject): readonly HeldField[] {
  return causes
    .filter(({ reason }) => reason === 'FieldManagerConflict')
    .map(({ message, field }) => {
      const holder = parseHolder(message)
      if (holder === undefined) return { manager: message, field, isDrift: false }
      return { manager: holder.manager, field, isDrift: holder.isUpdate && hasUpdateEntry(live, holder) }
    })
}

/** `"argocd" holds .spec.replicas, .spec.paused; "helm" holds .metadata.labels.app` */
export function describeHeld(fields: readonly HeldField[]): string {
  const byManager = Map.groupBy(fields, ({ manager }) => manager)
  return [...byManager].map(([manager, held]) => `"${manager}" holds ${fieldList(held)}`).join('; ')
}

interface Holder {
  readonly manager: string
  readonly subresource: string
  readonly isUpdate: boolean
}

const maxFieldsNamed = 5
const holderPattern =
  /^conflict with (?<manager>"(?:[^"\\]|\\.)*")(?: with subresource (?<subresource>"(?:[^"\\]|\\.)*"))?(?<using> using \S+)?/

function parseHolder(message: string): Holder | undefined {
  const { manager, subresource = '""', using } = holderPattern.exec(message)?.groups ?? {}
  if (manager === undefined) return undefined
  return { manager: unquote(manager), subresource: unquote(subresource), isUpdate: using !== undefined }
}

function unquote(text: string): string {
  try {
    return JSON.parse(text) as string
  } catch {
    // Go quotes what is not printable in ways that JSON does not know.
    return text.slice(1, -1)
  }
}

function hasUpdateEntry({ metadata }: KubeObject, holder: Holder): boolean {
  return (metadata.managedFields ?? []).some(
    ({ manager, operation, subresource = '' }) =>
      operation === 'Update' && manager === holder.manager && subresource === holder.subresource,
  )
}

function fieldList(fields: readonly HeldField[]): string {
  const names = fields.map(({ field }) => field)
  const more = names.length - maxFieldsNamed
  return more > 0 ? `${names.slice(0, maxFieldsNamed).join(', ')} and ${more} more` : names.join(', ')
}
