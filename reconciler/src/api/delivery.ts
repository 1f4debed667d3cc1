import { Type, type Static } from 'typebox'

/**
 * The Delivery resource, `deliveries.windlass.dev/v1alpha1`. This schema is the one source: the TypeScript types, the
 * defaults and the CRD in manifests/crd are made from it (`npm run generate`).
 */
export const group = 'windlass.dev'
export const version = 'v1alpha1'
export const apiVersion = `${group}/${version}` as const
export const kind = 'Delivery'
export const plural = 'deliveries'

/** A release holds 200 objects at most, and beside them stand those of the release before until they are pruned. */
export const maxInventory = 400
export const maxHistory = 20
export const maxDrifted = 20
export const maxQuarantine = 20
/** Tries of a release that fails by the environment's fault, the first included. */
export const maxAttempts = 5
/** More than wait in a long pause, so that a tag that is moved meanwhile is known again. */
export const maxTags = 100

const closed = { additionalProperties: false } as const

/** What CRD validation adds to JSON Schema (apiextensions.k8s.io/v1, CEL rules). */
function rules(...list: ReadonlyArray<{ rule: string; message: string }>) {
  return { 'x-kubernetes-validations': list }
}

const ImageSpec = Type.Object(
  {
    repository: Type.String({
      description: 'Registry host and repository, without tag or digest: contoso.azurecr.io/predictor.',
      minLength: 3,
      maxLength: 512,
      ...rules({
        rule: "self.matches('^[a-z0-9.-]+(:[0-9]{1,5})?/[a-z0-9]+([._-]+[a-z0-9]+)*(/[a-z0-9]+([._-]+[a-z0-9]+)*)*$')",
        message: 'must be HOST/REPOSITORY in lower case, without tag or digest',
      }),
    }),
    tags: Type.String({
      description: 'What counts as a release: a regular expression (RE2) that the whole tag must match.',
      default: '^[0-9a-f]{40}$',
      minLength: 1,
      maxLength: 256,
    }),
  },
  closed,
)

const ManifestsSpec = Type.Object(
  {
    attached: Type.Optional(
      Type.Object({}, { ...closed, description: 'The OCI artifact whose subject is the image.' }),
    ),
    configMap: Type.Optional(
      Type.Object(
        { name: Type.String({ minLength: 1, maxLength: 253, pattern: '^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$' }) },
        { ...closed, description: 'A ConfigMap beside the Delivery; every value is a YAML document or several.' },
      ),
    ),
  },
  {
    ...closed,
    ...rules({
      rule: 'has(self.attached) != has(self.configMap)',
      message: 'exactly one of attached and configMap must be set',
    }),
  },
)

const PollSpec = Type.Object(
  {
    schedule: Type.String({
      description: 'Cron, five fields or six with seconds first.',
      default: '*/30 * * * * *',
      minLength: 9,
      maxLength: 128,
    }),
    timeZone: Type.String({ description: 'IANA time zone.', default: 'UTC', maxLength: 64 }),
  },
  closed,
)

const RolloutSpec = Type.Object(
  {
    timeout: Type.String({
      description: 'How long a rollout may take: a duration of h, m and s.',
      default: '5m',
      pattern: '^([0-9]+h)?([0-9]+m)?([0-9]+s)?$',
      minLength: 2,
      maxLength: 16,
      ...rules({
        rule: "duration(self) > duration('0s') && duration(self) <= duration('24h')",
        message: 'must be above zero and 24h at most',
      }),
    }),
    onFailure: Type.Union([Type.Literal('RollBack'), Type.Literal('Hold')], {
      description: 'What follows a rollout that failed: the last good release again, or nothing until somebody acts.',
      default: 'RollBack',
    }),
    logs: Type.Boolean({
      description: 'Keep the last log lines of the container that made a rollout fail in status, 2 KiB at most.',
      default: true,
    }),
  },
  closed,
)

export const DeliverySpecSchema = Type.Object(
  {
    image: ImageSpec,
    manifests: ManifestsSpec,
    serviceAccountName: Type.String({
      description: 'The account in this namespace as which everything is read in full and written.',
      minLength: 1,
      maxLength: 253,
      pattern: '^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$',
    }),
    poll: Type.Object(PollSpec.properties, { ...closed, default: {} }),
    rollout: Type.Object(RolloutSpec.properties, { ...closed, default: {} }),
    drift: Type.Union([Type.Literal('Correct'), Type.Literal('Report')], {
      description: 'What happens to a field of ours that another hand changed.',
      default: 'Correct',
    }),
    prune: Type.Boolean({ description: 'Delete objects that a newer release no longer holds.', default: true }),
    deletionPolicy: Type.Union([Type.Literal('Orphan'), Type.Literal('Delete')], {
      description: 'What becomes of what was delivered when the Delivery is deleted.',
      default: 'Orphan',
    }),
    adopt: Type.Boolean({ description: 'Take over objects that kubectl or Helm made.', default: false }),
  },
  closed,
)

const Time = Type.String({ format: 'date-time' })
const LastLog = Type.String({
  description: 'Last log lines of the container that made it fail, unless spec.rollout.logs forbids them.',
  maxLength: 2048,
})

/** A copy of what a release wrote, kept in a ControllerRevision. */
export const SnapshotSchema = Type.Object(
  {
    name: Type.String({ maxLength: 253 }),
    hash: Type.String({ maxLength: 64, description: 'Hex SHA-256 of its content, compared on use.' }),
  },
  closed,
)

/** One release: an image and its manifests. */
export const RevisionSchema = Type.Object(
  {
    repository: Type.String({ description: 'Registry host and repository.', maxLength: 512 }),
    tag: Type.String({ maxLength: 128 }),
    digest: Type.String({ description: 'Of the image or its index, as the tag names it.', maxLength: 135 }),
    bundleDigest: Type.Optional(
      Type.String({ description: 'Of the attached manifest, or of the ConfigMap content.', maxLength: 135 }),
    ),
    image: Type.Optional(
      Type.String({
        maxLength: 700,
        description: 'As the objects name it, where what ran was taken over as it was; else REPOSITORY:TAG@DIGEST.',
      }),
    ),
    sequence: Type.Optional(Type.Integer({ format: 'int64', minimum: 0 })),
    pushedAt: Time,
    seenAt: Type.Optional(Time),
    appliedAt: Type.Optional(Time),
    readyAt: Type.Optional(Time),
    snapshot: Type.Optional(SnapshotSchema),
  },
  closed,
)

const Fault = Type.Union([Type.Literal('Release'), Type.Literal('Environment')], {
  description:
    'Whose fault it was that it failed. Release: it is quarantined. Environment: it is tried again, five times at most.',
})
const Attempt = Type.Integer({ minimum: 1, description: 'Which try of this release it is.' })
const NextTry = Type.String({
  format: 'date-time',
  description: 'When it is tried again by itself; absent where never.',
})

/** A fault of the environment that a rollout met. */
export const HindranceSchema = Type.Object(
  {
    reason: Type.String({ maxLength: 64 }),
    message: Type.String({ maxLength: 1024 }),
    endedAt: Type.Optional(
      Type.String({ format: 'date-time', description: 'When it was seen no more; absent while it lasts.' }),
    ),
  },
  closed,
)

/** The position above which a candidate must lie: the greatest (sequence, pushedAt) ever attempted. */
export const HighWaterSchema = Type.Object(
  {
    repository: Type.Optional(Type.String({ maxLength: 512, description: 'Whose order it is a position in.' })),
    tag: Type.String({ maxLength: 128 }),
    digest: Type.String({ maxLength: 135 }),
    sequence: Type.Optional(Type.Integer({ format: 'int64', minimum: 0 })),
    pushedAt: Time,
    updatedAt: Type.Optional(Time),
  },
  closed,
)

export const RolloutStatusSchema = Type.Object(
  {
    revision: RevisionSchema,
    phase: Type.Union(
      [Type.Literal('Applying'), Type.Literal('Waiting'), Type.Literal('Pruning'), Type.Literal('Failed')],
      {
        description:
          'Applying: objects are being written. Waiting: for them to be healthy. Pruning: what the release no longer ' +
          'holds is deleted. Failed: nothing is written until a newer release, a retry or a pin.',
      },
    ),
    purpose: Type.Optional(
      Type.Literal('GoBack', {
        description: 'The last good release is put back after the one in status.failed. Absent: a release.',
      }),
    ),
    startedAt: Time,
    deadline: Type.Optional(
      Type.String({
        format: 'date-time',
        description: 'When this phase ends; absent while paused, for it starts afresh then.',
      }),
    ),
    attempt: Attempt,
    superseded: Type.Optional(
      Type.Integer({ minimum: 0, description: 'Undecided rollouts in a row that were superseded before this one.' }),
    ),
    takesOver: Type.Optional(
      Type.Boolean({
        description: 'It ran already, and status knew nothing of it: a newer release waits until it is known to run.',
      }),
    ),
    pin: Type.Optional(
      Type.String({
        maxLength: 150,
        description: 'The pin under which it began: that pin alone does not begin it again.',
      }),
    ),
    leaseEpoch: Type.Optional(
      Type.Integer({ minimum: 0, description: 'Transitions of the lease under which this was written.' }),
    ),
    hindrance: Type.Optional(HindranceSchema),
    fault: Type.Optional(Fault),
    reason: Type.Optional(Type.String({ maxLength: 64, description: 'Why it failed.' })),
    message: Type.Optional(Type.String({ maxLength: 4096 })),
    log: Type.Optional(LastLog),
    nextTryAt: Type.Optional(NextTry),
  },
  closed,
)

/** A release that failed and that was, or is being, gone back from. */
export const FailedReleaseSchema = Type.Object(
  {
    revision: RevisionSchema,
    fault: Fault,
    reason: Type.String({ maxLength: 64 }),
    message: Type.String({ maxLength: 4096 }),
    log: Type.Optional(LastLog),
    at: Time,
    attempt: Attempt,
    nextTryAt: Type.Optional(NextTry),
    pin: Type.Optional(
      Type.String({
        maxLength: 150,
        description: 'The pin under which it failed: that pin alone does not begin it again.',
      }),
    ),
  },
  closed,
)

/** A release that failed by its own fault: an image and its manifests together. */
export const QuarantineEntrySchema = Type.Object(
  {
    tag: Type.String({ maxLength: 128 }),
    digest: Type.String({ maxLength: 135 }),
    bundleDigest: Type.Optional(Type.String({ maxLength: 135 })),
    reason: Type.String({ maxLength: 64 }),
    message: Type.String({ maxLength: 1024 }),
    at: Time,
  },
  closed,
)

export const InventoryEntrySchema = Type.Object(
  {
    apiVersion: Type.String({ maxLength: 253 }),
    kind: Type.String({ maxLength: 63 }),
    name: Type.String({ maxLength: 253 }),
    uid: Type.Optional(Type.String({ maxLength: 64 })),
    hash: Type.Optional(
      Type.String({
        maxLength: 64,
        description: 'Over the fields that we own, as the server returned them; absent until the object was written.',
      }),
    ),
    replicas: Type.Optional(
      Type.Integer({
        format: 'int32',
        description: 'The number of replicas that we applied; absent where it is not ours to set.',
      }),
    ),
    corrections: Type.Optional(
      Type.Array(Time, {
        description: 'When it was taken back from another hand lately; after five within ten minutes it is left.',
        maxItems: 5,
        'x-kubernetes-list-type': 'atomic',
      }),
    ),
    adopted: Type.Optional(
      Type.Boolean({
        description:
          'It was there before the release that took it over, and none that holds it was ready: it is never deleted.',
      }),
    ),
    stale: Type.Optional(
      Type.Boolean({ description: 'Of an older release: deleted once the newest is ready, if spec.prune says so.' }),
    ),
  },
  closed,
)

export const DriftEntrySchema = Type.Object(
  {
    kind: Type.String({ maxLength: 63 }),
    name: Type.String({ maxLength: 253 }),
    since: Time,
  },
  closed,
)

/** What `kubectl get deliveries` shows. */
export const SummarySchema = Type.Object(
  {
    running: Type.Optional(
      Type.String({ maxLength: 128, description: 'Tag of the release that runs, SHAs cut short.' }),
    ),
    pending: Type.Optional(Type.String({ maxLength: 128, description: 'Tag of what comes next.' })),
    state: Type.String({ maxLength: 64 }),
    held: Type.Optional(Type.String({ maxLength: 256, description: 'Why what is pending does not run yet.' })),
  },
  closed,
)

export const HistoryEntrySchema = Type.Object(
  {
    tag: Type.String({ maxLength: 128 }),
    digest: Type.String({ maxLength: 135 }),
    outcome: Type.Union(
      [Type.Literal('Ready'), Type.Literal('Failed'), Type.Literal('Superseded'), Type.Literal('RolledBack')],
      { description: 'RolledBack: it was gone back to, and runs again.' },
    ),
    reason: Type.Optional(Type.String({ maxLength: 64 })),
    pushedAt: Type.Optional(Time),
    at: Time,
  },
  closed,
)

export const KnownTagSchema = Type.Object(
  {
    tag: Type.String({ maxLength: 128 }),
    digest: Type.String({ maxLength: 135 }),
  },
  closed,
)

export const ConditionSchema = Type.Object(
  {
    type: Type.String({ maxLength: 316 }),
    status: Type.Union([Type.Literal('True'), Type.Literal('False'), Type.Literal('Unknown')]),
    reason: Type.String({ minLength: 1, maxLength: 1024 }),
    message: Type.String({ maxLength: 32768 }),
    lastTransitionTime: Time,
    observedGeneration: Type.Optional(Type.Integer({ format: 'int64', minimum: 0 })),
  },
  closed,
)

export const DeliveryStatusSchema = Type.Object(
  {
    observedGeneration: Type.Optional(Type.Integer({ format: 'int64' })),
    conditions: Type.Optional(
      Type.Array(ConditionSchema, {
        maxItems: 8,
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['type'],
      }),
    ),
    summary: Type.Optional(SummarySchema),
    current: Type.Optional(RevisionSchema),
    candidate: Type.Optional(RevisionSchema),
    previous: Type.Optional(RevisionSchema),
    highWater: Type.Optional(HighWaterSchema),
    tags: Type.Optional(
      Type.Array(KnownTagSchema, {
        description: 'The digest that each tag had when it first came next: moved to another one it is not deployed.',
        maxItems: maxTags,
        'x-kubernetes-list-type': 'atomic',
      }),
    ),
    rollout: Type.Optional(RolloutStatusSchema),
    failed: Type.Optional(FailedReleaseSchema),
    quarantine: Type.Optional(
      Type.Array(QuarantineEntrySchema, {
        description: 'Releases that failed by their own fault, newest first: none is rolled out again by itself.',
        maxItems: maxQuarantine,
        'x-kubernetes-list-type': 'atomic',
      }),
    ),
    history: Type.Optional(
      Type.Array(HistoryEntrySchema, { maxItems: maxHistory, 'x-kubernetes-list-type': 'atomic' }),
    ),
    inventory: Type.Optional(
      Type.Array(InventoryEntrySchema, {
        description: 'What we wrote: of the release that runs and, until it is pruned, of the one before.',
        maxItems: maxInventory,
        'x-kubernetes-list-type': 'atomic',
      }),
    ),
    drifted: Type.Optional(
      Type.Array(DriftEntrySchema, {
        description: 'Objects that another hand changed and that are not taken back: drift is reported, or paused.',
        maxItems: maxDrifted,
        'x-kubernetes-list-type': 'atomic',
      }),
    ),
    lastHandledReconcileRequest: Type.Optional(Type.String({ maxLength: 253 })),
    lastHandledRetry: Type.Optional(Type.String({ maxLength: 253 })),
  },
  closed,
)

export type DeliverySpec = Static<typeof DeliverySpecSchema>
export type DeliveryStatus = Static<typeof DeliveryStatusSchema>
export type Snapshot = Static<typeof SnapshotSchema>
export type Revision = Static<typeof RevisionSchema>
export type HighWater = Static<typeof HighWaterSchema>
export type FailedRelease = Static<typeof FailedReleaseSchema>
export type QuarantineEntry = Static<typeof QuarantineEntrySchema>
export type Fault = Static<typeof Fault>
export type Hindrance = Static<typeof HindranceSchema>
export type RolloutStatus = Static<typeof RolloutStatusSchema>
export type InventoryEntry = Static<typeof InventoryEntrySchema>
export type DriftEntry = Static<typeof DriftEntrySchema>
export type Summary = Static<typeof SummarySchema>
export type HistoryEntry = Static<typeof HistoryEntrySchema>
export type KnownTag = Static<typeof KnownTagSchema>
export type Condition = Static<typeof ConditionSchema>

export interface ObjectMeta {
  readonly name: string
  readonly namespace: string
  readonly uid: string
  readonly resourceVersion: string
  readonly generation: number
  readonly annotations?: Readonly<Record<string, string>>
  readonly labels?: Readonly<Record<string, string>>
  readonly deletionTimestamp?: string
  readonly finalizers?: readonly string[]
}

export interface Delivery {
  readonly apiVersion: typeof apiVersion
  readonly kind: typeof kind
  readonly metadata: ObjectMeta
  readonly spec: DeliverySpec
  readonly status?: DeliveryStatus
}
