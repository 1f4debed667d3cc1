/**
 * Taking over an object that kubectl or Helm made: whose it must be, and what becomes of the fields that they hold.
 * What a tool wrote as a whole object becomes ours, so that our next apply removes what the release does not hold;
 * what a hand changed in passing stays as it is and is nobody's, so that no other manager keeps a field alive that a
 * later release drops.
 * https://kubernetes.io/docs/reference/using-api/server-side-apply/#upgrading-from-client-side-apply-to-server-side-apply
 */
import { fieldManager } from '../api/annotations.ts'
import type { KubeObject, ManagedFieldsEntry } from '../api/object.ts'
import { unionOf, withoutPath, type FieldSet } from './field-set.ts'
import { fieldsIn, lastApplied, lastAppliedAnnotation } from './last-applied.ts'
import { isOurApply } from './owned-fields.ts'
import { setsReplicas } from './replicas.ts'
import { isScalable, replicasPath } from './scalable.ts'

export type Adoptability =
  | { readonly kind: 'adoptable' }
  /** `why` completes "it is not taken over: …". */
  | { readonly kind: 'refused'; readonly why: string }

/** Managers of tools that write whole objects, by the operation under which each does. */
const writers = {
  Apply: ['helm', 'kubectl', 'kubectl-last-applied'],
  Update: [
    'helm',
    'kubectl',
    'kubectl-autoscale',
    'kubectl-client-side-apply',
    'kubectl-create',
    'kubectl-expose',
    'kubectl-last-applied',
    'kubectl-replace',
    'kubectl-run',
  ],
} as const satisfies Record<string, readonly string[]>

/** What the API server sets once, when an object is made, counts as its maker's: dropped it would be lost, or refused. */
const setAtCreation: ReadonlyMap<string, readonly string[]> = new Map([
  ['PersistentVolumeClaim', ['f:spec']],
  ['Ingress', ['f:spec', 'f:ingressClassName']],
])

const mostNamed = 5

/** Of an object that carries no Delivery's mark. */
export function adoptability({ metadata }: KubeObject): Adoptability {
  const controller = metadata.ownerReferences?.find((owner) => owner.controller === true)
  if (controller !== undefined) return refused(`${controller.kind} ${controller.name} controls it`)
  if (metadata.managedFields?.some(isWriter) === true) return { kind: 'adoptable' }
  const managers = new Set(metadata.managedFields?.map(({ manager = '' }) => `"${manager}"`))
  const named = [...managers].slice(0, mostNamed).join(', ')
  return refused(named === '' ? 'nothing tells who made it' : `neither kubectl nor Helm made it, but ${named}`)
}

/** Whether what this apply manager holds may be taken by adoption. */
export function isAdoptedManager(manager: string): boolean {
  return writers.Apply.some((writer) => writer === manager)
}

/** Whether adoption has anything to do: we have never applied this object, and those tools have left their mark. */
export function isAdoptable({ metadata }: KubeObject): boolean {
  const entries = metadata.managedFields ?? []
  return !entries.some(isOurApply) && entries.some(isWriter)
}

/** The managed fields with which an object is ours, before it is applied for the first time. */
export function adoptedFields(live: KubeObject, desired: KubeObject): readonly ManagedFieldsEntry[] {
  const entries = live.metadata.managedFields ?? []
  // Paths mean what they mean in one version alone.
  const written = entries.filter((entry) => isWriter(entry) && entry.apiVersion === desired.apiVersion)
  const ours = {
    manager: fieldManager,
    operation: 'Apply',
    apiVersion: desired.apiVersion,
    fieldsType: 'FieldsV1',
    fieldsV1: keepReplicas(written.map((entry) => writtenBy(entry, live)).reduce(unionOf, {}), desired),
  }
  return [...entries.filter((entry) => !isWriter(entry) && !isHand(entry)), ours]
}

/** What a tool wrote itself, as far as that can be known: an update counts for it what the API server filled in, too. */
function writtenBy({ manager, operation, fieldsV1 = {} }: ManagedFieldsEntry, live: KubeObject): FieldSet {
  const fields = fieldsV1 as FieldSet
  if (operation === 'Apply') return fields
  const applied = manager === 'kubectl-client-side-apply' ? lastApplied(live) : undefined
  if (applied !== undefined) return unionOf(fieldsIn(fields, applied), itsAnnotation)
  const atCreation = setAtCreation.get(live.kind)
  return withoutPullPolicies(atCreation === undefined ? fields : withoutPath(fields, atCreation))
}

/** It is no field that it speaks of, and means nothing any more. */
const itsAnnotation = { 'f:metadata': { 'f:annotations': { [`f:${lastAppliedAnnotation}`]: {} } } }

/** Defaulted on the tag that stood there when the object was made. */
function withoutPullPolicies(set: FieldSet): FieldSet {
  const { 'f:imagePullPolicy': _, ...fields } = set
  return Object.fromEntries(Object.entries(fields).map(([step, below]) => [step, withoutPullPolicies(below)]))
}

function keepReplicas(fields: FieldSet, desired: KubeObject): FieldSet {
  return isScalable(desired) && !setsReplicas(desired) ? withoutPath(fields, replicasPath) : fields
}

function isWriter({ manager = '', operation, subresource }: ManagedFieldsEntry): boolean {
  if (subresource) return false
  const known: readonly string[] = operation === 'Apply' ? writers.Apply : writers.Update
  return known.includes(manager)
}

/** kubectl set, edit, patch, label and the like, and what stood there before managed fields did. */
function isHand({ manager = '', operation, subresource }: ManagedFieldsEntry): boolean {
  if (subresource || operation !== 'Update') return false
  return manager.startsWith('kubectl-') || manager === 'before-first-apply'
}

function refused(why: string): Adoptability {
  return { kind: 'refused', why }
}
