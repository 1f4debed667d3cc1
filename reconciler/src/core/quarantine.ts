import { maxQuarantine, type DeliveryStatus, type QuarantineEntry, type Revision } from '../api/delivery.ts'
import type { Reason } from '../api/reasons.ts'
import { formatTime } from '../api/time.ts'

/** Releases that failed by their own fault; none of them is rolled out again by itself (invariant 3). */

const maxMessage = 1024

export interface Verdict {
  readonly reason: Reason
  readonly message: string
  readonly nowMs: number
}

/** The newest entry comes first; a release has one at most. */
export function quarantine(status: DeliveryStatus, revision: Revision, verdict: Verdict): DeliveryStatus {
  const { tag, digest, bundleDigest } = revision
  const { reason, message, nowMs } = verdict
  const entry: QuarantineEntry = {
    tag,
    digest,
    ...(bundleDigest !== undefined && { bundleDigest }),
    reason,
    message: message.slice(0, maxMessage),
    at: formatTime(nowMs),
  }
  const others = (status.quarantine ?? []).filter((known) => !holds(known, revision))
  return { ...status, quarantine: [entry, ...others].slice(0, maxQuarantine) }
}

/** The very release, image and manifests, where it is in quarantine. */
export function findQuarantined(
  { quarantine = [] }: DeliveryStatus,
  release: Pick<Revision, 'digest' | 'bundleDigest'>,
): QuarantineEntry | undefined {
  return quarantine.find((entry) => holds(entry, release))
}

/**
 * An image in quarantine, whatever its manifests: those that are attached to an image belong to it, and need not be
 * read to know it again.
 */
export function findQuarantinedImage(
  { quarantine = [] }: DeliveryStatus,
  image: Pick<Revision, 'tag' | 'digest'>,
): QuarantineEntry | undefined {
  return quarantine.find(({ tag, digest }) => tag === image.tag && digest === image.digest)
}

/** Lets out all that are of that tag or digest. */
export function letOut(status: DeliveryStatus, name: string): DeliveryStatus {
  return keep(status, ({ tag, digest }) => tag !== name && digest !== name)
}

/** A release that runs after all is good. */
export function acquit(status: DeliveryStatus, release: Pick<Revision, 'digest' | 'bundleDigest'>): DeliveryStatus {
  return keep(status, (entry) => !holds(entry, release))
}

function keep(status: DeliveryStatus, isKept: (entry: QuarantineEntry) => boolean): DeliveryStatus {
  const { quarantine, ...rest } = status
  const left = quarantine?.filter(isKept) ?? []
  return left.length === 0 ? rest : { ...rest, quarantine: left }
}

function holds(entry: QuarantineEntry, { digest, bundleDigest }: Pick<Revision, 'digest' | 'bundleDigest'>): boolean {
  return entry.digest === digest && entry.bundleDigest === bundleDigest
}
