import {
  apiVersion,
  kind,
  type Delivery,
  type DeliverySpec,
  type DeliveryStatus,
  type Revision,
  type RolloutStatus,
} from '../api/delivery.ts'
import { formatTime } from '../api/time.ts'
import type { Desired, Work } from './desired.ts'
import type { Observed } from './observed.ts'
import type { SeenImage } from './releases.ts'

/** Objects for tests of the core and of the loop: each is whole, and a test names only what it is about. */

/** 2026-01-02T03:04:05Z. */
export const startMs = 1_767_323_045_000
export const repository = 'contoso.azurecr.io/web'

export function delivery(
  fields: { spec?: Partial<DeliverySpec>; status?: DeliveryStatus } & DeepMetadata = {},
): Delivery {
  return {
    apiVersion,
    kind,
    metadata: {
      name: 'web',
      namespace: 'team',
      uid: 'uid-1',
      resourceVersion: '1',
      generation: 1,
      ...fields.metadata,
    },
    spec: spec(fields.spec),
    ...(fields.status !== undefined && { status: fields.status }),
  }
}

interface DeepMetadata {
  readonly metadata?: Partial<Delivery['metadata']>
}

export function spec(fields: Partial<DeliverySpec> = {}): DeliverySpec {
  return {
    image: { repository, tags: '^[0-9a-z]+$' },
    manifests: { attached: {} },
    serviceAccountName: 'deployer',
    poll: { schedule: '*/30 * * * * *', timeZone: 'UTC' },
    rollout: { timeout: '5m', onFailure: 'RollBack', logs: true },
    drift: 'Correct',
    prune: true,
    adopt: false,
    deletionPolicy: 'Orphan',
    ...fields,
  }
}

export function desired(fields: Partial<Desired> & { readonly spec?: Partial<DeliverySpec> } = {}): Desired {
  const { spec: specFields, ...rest } = fields
  return {
    namespace: 'team',
    name: 'web',
    generation: 1,
    isDeleting: false,
    pause: { kind: 'running' },
    work: work(specFields),
    ...rest,
  }
}

export function work(fields: Partial<DeliverySpec> = {}): Work {
  return {
    kind: 'work',
    repository: { registry: 'contoso.azurecr.io', repository: 'web' },
    isRelease: () => true,
    timeoutMs: 300_000,
    spec: spec(fields),
  }
}

export function observed(fields: Partial<Observed> = {}): Observed {
  return { status: {}, registry: { images: [] }, drift: [], ...fields }
}

/** The n-th push: tag `rN`, one minute after the one before. */
export function image(n: number, fields: Partial<SeenImage> = {}): SeenImage {
  const pushedAtMs = startMs + n * 60_000
  return {
    tag: `r${n}`,
    digest: digestOf(n),
    sequence: n,
    pushedAtMs,
    updatedAtMs: pushedAtMs,
    seenAtMs: pushedAtMs,
    ...fields,
  }
}

export function revision(n: number, fields: Partial<Revision> = {}): Revision {
  return {
    repository,
    tag: `r${n}`,
    digest: digestOf(n),
    bundleDigest: digestOf(1000 + n),
    sequence: n,
    pushedAt: formatTime(startMs + n * 60_000),
    ...fields,
  }
}

/** Status in which the n-th push runs. */
export function running(n: number, fields: Partial<DeliveryStatus> = {}): DeliveryStatus {
  const { tag, digest, sequence, pushedAtMs } = image(n)
  return {
    current: revision(n),
    highWater: { tag, digest, ...(sequence !== undefined && { sequence }), pushedAt: formatTime(pushedAtMs) },
    inventory: [{ apiVersion: 'apps/v1', kind: 'Deployment', name: 'web', uid: 'd-1', hash: 'h' }],
    ...fields,
  }
}

/** Of `r2`, whose objects are written and awaited. */
export function rollout(fields: Partial<RolloutStatus> = {}): RolloutStatus {
  return { revision: revision(2), phase: 'Waiting', startedAt: formatTime(startMs), attempt: 1, ...fields }
}

export function digestOf(n: number): string {
  return `sha256:${n.toString(16).padStart(64, '0')}`
}
