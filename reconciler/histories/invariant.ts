import type { DeliveryStatus, Revision } from '../src/api/delivery.ts'
import { host, path, type Image } from './repository.ts'
import type { Occurrence } from './occurrence.ts'

/** What must hold whatever happens; told in one sentence, with the number that it has in ARCHITECTURE.md. */
export interface Invariant {
  readonly sentence: string
  /** Looks at everything that occurs in one history, in order; answers in words what breaks it. */
  readonly watch: () => (occurrence: Occurrence) => string | undefined
}

/** Of a kind: what is no such occurrence is passed over. */
export type Of<K extends Occurrence['kind']> = Extract<Occurrence, { kind: K }>

/** A release that a write of status begins: image and manifests are rolled out that were not before. */
export function begunBy({ before, delivery }: Of<'status'>): Revision | undefined {
  const { rollout } = delivery.status ?? {}
  if (rollout?.phase !== 'Applying' || rollout.purpose !== undefined) return undefined
  const earlier = before.rollout
  const isSame =
    earlier?.phase === 'Applying' &&
    isRelease(earlier.revision, rollout.revision) &&
    earlier.attempt === rollout.attempt &&
    earlier.startedAt === rollout.startedAt
  return isSame && before.lastHandledRetry === delivery.status?.lastHandledRetry ? undefined : rollout.revision
}

/** The release that a write of status says has failed, and whose fault that was. */
export function failedBy({ before, delivery }: Of<'status'>): { revision: Revision; fault: string } | undefined {
  const earlier = before.rollout
  if (earlier === undefined || (earlier.phase !== 'Applying' && earlier.phase !== 'Waiting')) return undefined
  const { rollout, failed } = delivery.status ?? {}
  if (rollout?.phase === 'Failed') return { revision: rollout.revision, fault: rollout.fault ?? '' }
  if (rollout?.purpose !== 'GoBack' || earlier.purpose !== undefined || failed === undefined) return undefined
  return { revision: failed.revision, fault: failed.fault }
}

export function isRelease(a: ReleaseName, b: ReleaseName): boolean {
  return a.digest === b.digest && a.bundleDigest === b.bundleDigest
}

export type ReleaseName = Pick<Revision, 'digest' | 'bundleDigest'>

/** The release of which status says that it is written. */
export function writtenRelease({ rollout, current }: DeliveryStatus): Revision | undefined {
  return rollout?.revision ?? current
}

/** As its objects tell it; undefined of a kind that does not. */
export function releaseIn(object: Of<'object'>['object']): { bundle?: string; image?: string } {
  const { data, spec } = object as { data?: { bundle?: string }; spec?: WorkloadSpec }
  const bundle = data?.bundle ?? spec?.template.metadata.annotations?.bundle
  const image = spec?.template.spec.containers[0]?.image
  return { ...(bundle !== undefined && { bundle }), ...(image !== undefined && { image }) }
}

export function imageOf({ tag, digest }: Pick<Image, 'tag' | 'digest'>): string {
  return `${host}/${path}:${tag}@${digest}`
}

export function isNamed({ tag, digest }: Pick<Image, 'tag' | 'digest'>, name: string | undefined): boolean {
  return name !== undefined && (tag === name || digest === name)
}

/** What an operator's annotation names. */
export function annotation({ delivery }: Pick<Of<'status'>, 'delivery'>, name: 'pin' | 'retry'): string | undefined {
  return delivery.metadata.annotations?.[`windlass.dev/${name}`]?.split('/')[0]
}

interface WorkloadSpec {
  readonly template: {
    readonly metadata: { readonly annotations?: { readonly bundle?: string } }
    readonly spec: { readonly containers: ReadonlyArray<{ readonly image?: string }> }
  }
}
