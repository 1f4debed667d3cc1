import { deliveryLabel, leaderLabel, operatorAnnotations, ownerAnnotation } from '../api/annotations.ts'
import { group as ownGroup, kind as ownKind } from '../api/delivery.ts'
import { findSupportedKind, supportedKindOf, supportedKinds } from '../api/kinds.ts'
import type { KubeObject } from '../api/object.ts'
import type { Reason } from '../api/reasons.ts'
import { jsonSize } from './json-size.ts'
import { findPodSpec } from './pod-spec.ts'

/** What a release may hold. `windlass attach` and the reconciler say the same, each naming all that is wrong. */
export interface BundleScope {
  /** Where the objects will stand; not known to CI, where all that name one must name the same. */
  readonly namespace?: string
  /** The account that the Delivery deploys as: the operator's, so no push may change it. */
  readonly serviceAccountName?: string
}

export interface BundleViolation {
  readonly reason: Extract<Reason, 'BundleInvalid' | 'KindNotSupported'>
  /** `Kind/name`, or the place of the document where it names none. */
  readonly object: string
  readonly problem: string
}

export type CheckedBundle =
  | { readonly kind: 'accepted'; readonly objects: readonly KubeObject[] }
  | { readonly kind: 'refused'; readonly violations: readonly BundleViolation[] }

export const mostObjects = 200
/** What etcd takes in one request; the API server refuses more, after it was sent. */
export const mostObjectBytes = 1.5 * 1024 * 1024
/** Of all objects as JSON: what is kept of a release, compared and sent. Twice the text of a bundle at its largest. */
export const mostBytes = 8 * 1024 * 1024

const mostShown = 10
const longestShown = 300
const ownPrefix = `${ownGroup}/`
const objectName = /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/
/** What of metadata is taken; anything else would be left out without a word. */
const ownFields: ReadonlySet<string> = new Set(['name', 'namespace', 'labels', 'annotations', 'generateName'])
/** What only the API server sets; a file that was read from a cluster carries them. */
const serverFields: ReadonlySet<string> = new Set([
  'uid',
  'resourceVersion',
  'generation',
  'creationTimestamp',
  'deletionTimestamp',
  'selfLink',
  'managedFields',
  'ownerReferences',
])

const whyNot: ReadonlyMap<string, string> = new Map([
  ['Secret', 'secrets do not travel with a release: the operator creates them, or a secrets store does'],
  ['Job', "a Job can't be applied again: use a CronJob, or run it beside the release"],
  ['Pod', "a Pod can't be applied again: use a Deployment"],
  ['ReplicaSet', 'a ReplicaSet belongs to a Deployment: use that'],
  ['Role', "a push must not loosen rights: Roles are the operator's"],
  ['RoleBinding', "a push must not loosen rights: RoleBindings are the operator's"],
  [ownKind, "a release does not manage Deliveries: they are the operator's"],
])

export function checkBundle(documents: readonly unknown[], scope: BundleScope = {}): CheckedBundle {
  const violations: BundleViolation[] = []
  const objects: KubeObject[] = []
  for (const [index, document] of documents.entries()) {
    const found = documentViolations(document, index, scope)
    violations.push(...found)
    if (found.length === 0) objects.push(document as KubeObject)
  }
  violations.push(...wholeViolations(documents, objects))
  return violations.length > 0 ? { kind: 'refused', violations } : { kind: 'accepted', objects }
}

/** All that is wrong in one message, the first ten in full. */
export function describeViolations(violations: readonly BundleViolation[]): string {
  const shown = violations.slice(0, mostShown).map(({ object, problem }) => clip(`${object}: ${problem}`))
  const more = violations.length - shown.length
  return [...shown, ...(more > 0 ? [`and ${more} more`] : [])].join('; ')
}

/** A kind that can't be taken says more than a field of it does. */
export function violationReason(violations: readonly BundleViolation[]): BundleViolation['reason'] {
  return violations.some(({ reason }) => reason === 'KindNotSupported') ? 'KindNotSupported' : 'BundleInvalid'
}

function documentViolations(document: unknown, index: number, scope: BundleScope): BundleViolation[] {
  const place = `document ${index + 1}`
  if (!isRecord(document)) return [invalid(place, 'is not an object')]
  const { apiVersion, kind, metadata, status } = document
  if (typeof apiVersion !== 'string' || typeof kind !== 'string' || apiVersion === '' || kind === '') {
    return [invalid(place, 'has no apiVersion and kind')]
  }
  if (!isRecord(metadata)) return [invalid(`${place} (${kind})`, 'has no metadata')]

  const { name } = metadata
  const object = typeof name === 'string' && name !== '' ? `${kind}/${name}` : `${place} (${kind})`
  const kindProblem = unsupported(apiVersion, kind, document)
  if (kindProblem !== undefined) return [{ reason: 'KindNotSupported', object, problem: kindProblem }]

  const problems = [
    ...nameProblems(metadata),
    ...scopeProblems(metadata, findPodSpec(kind, document), kind, scope),
    ...markProblems(metadata),
    ...otherFieldProblems(metadata),
  ]
  if (jsonSize(document, mostObjectBytes) > mostObjectBytes) {
    problems.push(`has more than ${mostObjectBytes} bytes as JSON, which is what the cluster can store`)
  }
  if (isRecord(status) && Object.keys(status).length > 0) problems.push('status is set by the cluster: remove it')
  return problems.map((problem) => invalid(object, problem))
}

function wholeViolations(documents: readonly unknown[], objects: readonly KubeObject[]): BundleViolation[] {
  // An empty release would be a prune of everything.
  if (documents.length === 0) return [invalid('the bundle', 'holds no object')]
  const violations: BundleViolation[] = []
  if (documents.length > mostObjects) {
    violations.push(invalid('the bundle', `holds ${documents.length} objects, ${mostObjects} at most are taken`))
  }
  if (objects.reduce((bytes, object) => bytes + jsonSize(object, mostObjectBytes), 0) > mostBytes) {
    violations.push(invalid('the bundle', `has more than ${mostBytes} bytes as JSON`))
  }
  const counts = new Map<string, number>()
  for (const { kind, metadata } of objects) {
    const object = `${kind}/${metadata.name}`
    counts.set(object, (counts.get(object) ?? 0) + 1)
  }
  for (const [object, count] of counts) {
    if (count > 1) violations.push(invalid(object, `stands ${count} times`))
  }
  const namespaces = new Set(objects.flatMap(({ metadata: { namespace } }) => namespace ?? []))
  if (namespaces.size > 1) {
    violations.push(invalid('the bundle', `names the namespaces ${[...namespaces].sort().join(', ')}: one at most`))
  }
  return violations
}

function unsupported(apiVersion: string, kind: string, document: Record<string, unknown>): string | undefined {
  if (findSupportedKind(apiVersion, kind) !== undefined) return undefined
  if (kind.endsWith('List') && Array.isArray(document['items'])) {
    return 'a list is not an object: give each of its items a document of its own'
  }
  const group = apiVersion.slice(0, Math.max(apiVersion.indexOf('/'), 0))
  const known = supportedKindOf(group, kind)
  if (known !== undefined) return `${apiVersion} is not taken: use ${known.apiVersion}`
  return whyNot.get(kind) ?? `${apiVersion} ${kind} is not taken: a release holds ${kindList()}`
}

function nameProblems(metadata: Record<string, unknown>): string[] {
  const { name, generateName } = metadata
  if (generateName !== undefined) return ['metadata.generateName makes a new object each time: give it a name']
  if (name === undefined || name === '') return ['metadata.name is missing']
  if (typeof name !== 'string' || !objectName.test(name)) return [`metadata.name ${JSON.stringify(name)} is not a name`]
  return []
}

function scopeProblems(
  { name, namespace }: Record<string, unknown>,
  podSpec: Record<string, unknown> | undefined,
  kind: string,
  scope: BundleScope,
): string[] {
  const problems: string[] = []
  if (namespace !== undefined && (typeof namespace !== 'string' || namespace === '')) {
    problems.push('metadata.namespace is not a text')
  } else if (scope.namespace !== undefined && namespace !== undefined && namespace !== scope.namespace) {
    problems.push(`is for namespace ${namespace}, the Delivery is in ${scope.namespace}: leave the namespace out`)
  }
  if (kind === 'ServiceAccount' && scope.serviceAccountName !== undefined && name === scope.serviceAccountName) {
    problems.push("is the account that the Delivery deploys as: it is the operator's")
  }
  if (podSpec !== undefined && scope.serviceAccountName !== undefined && runsAs(podSpec, scope.serviceAccountName)) {
    problems.push(
      `its pods would run as ${scope.serviceAccountName}, the account that the Delivery deploys as: give them another`,
    )
  }
  return problems
}

/** Whether pods would hold the token of an account; where they name none it is the Namespace's default. */
function runsAs({ serviceAccountName, serviceAccount }: Record<string, unknown>, account: string): boolean {
  const named = [serviceAccountName, serviceAccount].filter((name) => typeof name === 'string' && name !== '')
  return named.length > 0 ? named.includes(account) : account === 'default'
}

/** Labels and annotations: texts, and none of ours but one that only ever keeps an object. */
function markProblems(metadata: Record<string, unknown>): string[] {
  return ['labels', 'annotations'].flatMap((field) => {
    const marks = metadata[field]
    if (marks === undefined || marks === null) return []
    if (!isRecord(marks)) return [`metadata.${field} is not a mapping`]
    return Object.entries(marks).flatMap(([name, value]) => {
      if (typeof value !== 'string') return [`metadata.${field}: the value of ${name} is not a text: quote it`]
      if (!name.startsWith(ownPrefix)) return []
      if (field === 'annotations' && name === operatorAnnotations.prune) {
        return value === 'disabled' ? [] : [`annotation ${name} may only be "disabled"`]
      }
      return [`${name} ${ownMark(name)}`]
    })
  })
}

function otherFieldProblems(metadata: Record<string, unknown>): string[] {
  return Object.entries(metadata).flatMap(([field, value]) => {
    if (ownFields.has(field) || value === undefined || value === null) return []
    if (serverFields.has(field)) return [`metadata.${field} is set by the API server: remove it`]
    if (field === 'finalizers') return ["metadata.finalizers is a controller's to set, not a release's: remove it"]
    return [`metadata.${clip(field)} is not taken: remove it`]
  })
}

function ownMark(name: string): string {
  if ([deliveryLabel, ownerAnnotation, leaderLabel].includes(name)) return 'is set by the reconciler alone'
  const isOperators = Object.values(operatorAnnotations).some((annotation) => annotation === name)
  return isOperators ? "is the operator's to set, not a release's" : `is not for a release: ${ownPrefix}… is reserved`
}

/** Names come from the bundle, and status has a limit. */
function clip(text: string): string {
  return text.length <= longestShown ? text : `${text.slice(0, longestShown)}…`
}

function kindList(): string {
  return supportedKinds.map(({ kind }) => kind).join(', ')
}

function invalid(object: string, problem: string): BundleViolation {
  return { reason: 'BundleInvalid', object, problem }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
