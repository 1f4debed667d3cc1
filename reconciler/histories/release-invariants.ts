/** Which release may be rolled out: invariants 1, 2, 3, 5 and 9, and what they say less of. */
import type { HighWater, Revision } from '../src/api/delivery.ts'
import {
  annotation,
  begunBy,
  failedBy,
  imageOf,
  isNamed,
  isRelease,
  releaseIn,
  writtenRelease,
  type Invariant,
  type ReleaseName,
} from './invariant.ts'
import type { Image, ListedImage } from './repository.ts'
import type { History } from './history.ts'

/** A read, or that it failed, is known to the reconciler this many turns of its promises later. */
const turnsUntilKnown = 50
const mostTries = 5
const mostSuperseded = 3

export const nothingOnPartialRead: Invariant = {
  sentence: '1: nothing is chosen after a read of the registry that failed in part, until one was whole',
  watch() {
    const broken = new Set<number>()
    return (occurrence) => {
      if (occurrence.kind === 'scanned') {
        if (occurrence.result === 'failed') later(() => broken.add(occurrence.by.epoch))
        else broken.delete(occurrence.by.epoch)
      }
      if (occurrence.kind === 'lookedUp' && occurrence.what === 'image' && !occurrence.isAnswered) {
        later(() => broken.add(occurrence.by.epoch))
      }
      if (occurrence.kind !== 'chosen' || isPinned(occurrence) || !broken.has(occurrence.by.epoch)) return undefined
      return `${occurrence.tag} was chosen`
    }
  },
}

export const newestIsChosen: Invariant = {
  sentence: '1: what is chosen by itself is the newest of all that the last whole read listed',
  watch() {
    const listed = new Map<number, readonly ListedImage[]>()
    const known = new Map<number, readonly ListedImage[]>()
    return (occurrence) => {
      if (occurrence.kind === 'scanned' && occurrence.result === 'changed') {
        const { by, tags } = occurrence
        listed.set(by.epoch, tags)
        later(() => known.set(by.epoch, tags))
      }
      if (occurrence.kind !== 'chosen' || isPinned(occurrence)) return undefined
      const { highWater } = occurrence.delivery?.status ?? {}
      // With nothing known, the first page that holds a release is all that is looked at.
      if (highWater === undefined) return undefined
      const newerIn = (images: readonly ListedImage[] | undefined) =>
        newerThan(occurrence.tag, images, Date.parse(highWater.updatedAt ?? highWater.pushedAt))
      // A read under way may be known already, or not yet.
      const newer = newerIn(listed.get(occurrence.by.epoch))
      if (newer === undefined || newerIn(known.get(occurrence.by.epoch)) === undefined) return undefined
      return `${occurrence.tag} was chosen though ${newer.tag} was listed`
    }
  },
}

export const nothingBelowHighWater: Invariant = {
  sentence: '2: what is begun lies above highWater, but by a pin, by a retry, or as a further try of what is at it',
  watch() {
    return (occurrence) => {
      if (occurrence.kind !== 'status') return undefined
      const begun = begunBy(occurrence)
      const { highWater } = occurrence.before
      if (begun === undefined || highWater === undefined || isAsked(begun, occurrence)) return undefined
      if (isNamed(begun, highWater.tag) && isNamed(begun, highWater.digest)) return undefined
      return isAbove(begun, highWater) ? undefined : `${begun.tag} was begun below ${highWater.tag}`
    }
  },
}

export const highWaterNeverFalls: Invariant = {
  sentence: '2: highWater falls by a pin alone',
  watch() {
    return (occurrence) => {
      if (occurrence.kind !== 'status') return undefined
      const { before, delivery } = occurrence
      const { highWater } = delivery.status ?? {}
      if (before.highWater === undefined) return undefined
      if (highWater === undefined) return 'highWater was lost'
      const isSame = highWater.tag === before.highWater.tag && highWater.digest === before.highWater.digest
      if (isSame || isNamed(highWater, annotation(occurrence, 'pin')) || isAbove(highWater, before.highWater)) {
        return undefined
      }
      return `it fell from ${before.highWater.tag} to ${highWater.tag}`
    }
  },
}

export const convictedStaysOut: Invariant = {
  sentence: '3: no object of a release that failed by its own fault is applied again, but by a retry or a pin',
  watch() {
    let convicted: readonly ReleaseName[] = []
    const acquit = (release: ReleaseName) => {
      convicted = convicted.filter((known) => !isRelease(known, release))
    }
    return (occurrence) => {
      if (occurrence.kind === 'statusLost') convicted = []
      if (occurrence.kind === 'status') {
        const { current } = occurrence.delivery.status ?? {}
        if (current !== undefined) acquit(current)
        const begun = begunBy(occurrence)
        if (begun !== undefined && isAsked(begun, occurrence)) acquit(begun)
        // What is let out may be begun much later.
        const retry = annotation(occurrence, 'retry')
        const { lastHandledRetry } = occurrence.before
        if (lastHandledRetry !== occurrence.delivery.status?.lastHandledRetry) {
          convicted = convicted.filter((release) => release.digest !== retry && tagOf(release, occurrence) !== retry)
        }
        const failed = failedBy(occurrence)
        const wasGood = current !== undefined && failed !== undefined && isRelease(current, failed.revision)
        if (failed?.fault === 'Release' && !wasGood) convicted = [...convicted, failed.revision]
      }
      if (occurrence.kind !== 'object' || occurrence.verb !== 'apply' || occurrence.isLate) return undefined
      const { bundle } = releaseIn(occurrence.object)
      const found = convicted.find(({ bundleDigest }) => bundleDigest === bundle)
      return found && `${occurrence.object.kind} ${occurrence.object.metadata.name} of ${found.digest} was applied`
    }
  },
}

export const environmentIsNoGuilt: Invariant = {
  sentence:
    "what fails by the environment's fault is not put into quarantine, and is tried five times at most by itself",
  watch() {
    let tries: { readonly release: ReleaseName; readonly failures: number } | undefined
    return (occurrence) => {
      if (occurrence.kind === 'statusLost') tries = undefined
      if (occurrence.kind !== 'status') return undefined
      const begun = begunBy(occurrence)
      if (begun !== undefined) {
        const isAnother = tries === undefined || !isRelease(begun, tries.release)
        if (isAnother || isAsked(begun, occurrence)) tries = { release: begun, failures: 0 }
        if (tries !== undefined && tries.failures >= mostTries)
          return `${begun.tag} was begun once more after it had failed ${tries.failures} times`
      }
      const failed = failedBy(occurrence)
      if (failed?.fault !== 'Environment') return undefined
      if (tries !== undefined && isRelease(failed.revision, tries.release))
        tries = { ...tries, failures: tries.failures + 1 }
      const { before, delivery } = occurrence
      const isIn = (quarantine: readonly ReleaseName[] = []) =>
        quarantine.some((entry) => isRelease(entry, failed.revision))
      const isNew = isIn(delivery.status?.quarantine) && !isIn(before.quarantine)
      return isNew ? `${failed.revision.tag} is in quarantine` : undefined
    }
  },
}

export const busyIsNotStarved: Invariant = {
  sentence: 'of rollouts that newer releases supersede before they are decided, there are three in a row at most',
  watch() {
    let inARow = 0
    return (occurrence) => {
      if (occurrence.kind === 'statusLost') inARow = 0
      if (occurrence.kind !== 'status') return undefined
      const { before, delivery } = occurrence
      const begun = begunBy(occurrence)
      if (begun === undefined) {
        const { rollout } = delivery.status ?? {}
        // One that failed does not end it: going back may be superseded just as well.
        if (rollout === undefined || rollout.phase === 'Pruning') inARow = 0
        return undefined
      }
      const wasUndecided = before.rollout?.phase === 'Applying' || before.rollout?.phase === 'Waiting'
      const isSuperseded = wasUndecided && !isAsked(begun, occurrence)
      inARow = isSuperseded ? inARow + 1 : 0
      return inARow > mostSuperseded ? `${begun.tag} supersedes one more after ${mostSuperseded}` : undefined
    }
  },
}

export function verifiedIsWhatRuns({ repository }: Pick<History, 'repository'>): Invariant {
  return {
    sentence: '5: what is applied is of a bundle as the registry holds it, its image by the tag and digest in status',
    watch() {
      return (occurrence) => {
        if (occurrence.kind !== 'object' || occurrence.verb !== 'apply') return undefined
        const { object, delivery } = occurrence
        const { bundle, image } = releaseIn(object)
        const document = repository
          .documents(bundle ?? '')
          .find(({ metadata }) => metadata.name === object.metadata.name)
        if (document === undefined) return `no bundle holds ${object.kind} ${object.metadata.name}`
        if (repository.documents(bundle ?? '').some(({ kind }) => kind === 'Secret'))
          return `${bundle} is a refused bundle`
        if (image === undefined || occurrence.isLate) return undefined
        const revision = writtenRelease(delivery?.status ?? {})
        const isKnown = revision === undefined || image === imageOf(revision)
        return isKnown ? undefined : `${image} was applied where status names ${revision.tag}@${revision.digest}`
      }
    },
  }
}

export function goodIsWhatWasReady({ workloads }: Pick<History, 'workloads'>): Invariant {
  return {
    sentence: '5: what counts as good was ready once',
    watch() {
      return (occurrence) => {
        if (occurrence.kind !== 'status') return undefined
        const { current } = occurrence.delivery.status ?? {}
        if (current === undefined || workloads.everReady.has(current.digest)) return undefined
        return `${current.tag} is current and its pods were never ready`
      }
    },
  }
}

export const oneRollback: Invariant = {
  sentence:
    '9: what is gone back from is a new release, what is gone back to was good, and no rollback follows a rollback',
  watch() {
    return (occurrence) => {
      if (occurrence.kind !== 'status') return undefined
      const { before, delivery } = occurrence
      const { rollout, current } = delivery.status ?? {}
      const isOn = before.rollout?.purpose === 'GoBack' && before.rollout.phase === 'Applying'
      const isBegun = rollout?.purpose === 'GoBack' && rollout.phase === 'Applying' && !isOn
      if (isBegun) {
        if (current === undefined || !isRelease(rollout.revision, current)) return 'it is gone back to no good release'
        if (before.rollout === undefined || isRelease(before.rollout.revision, current)) return 'nothing new had failed'
      }
      const hasFailed = before.rollout?.purpose === 'GoBack' && before.rollout.phase === 'Failed'
      if (!hasFailed || rollout === undefined || rollout.purpose === undefined) return undefined
      const isFinished = rollout.phase === 'Failed' || rollout.phase === 'Pruning'
      return isFinished ? undefined : `after going back failed, ${rollout.revision.tag} is ${rollout.phase} again`
    }
  },
}

function isPinned({ delivery }: { readonly delivery: unknown }): boolean {
  const annotations = (delivery as { metadata?: { annotations?: Record<string, string> } } | undefined)?.metadata
    ?.annotations
  return annotations?.['windlass.dev/pin'] !== undefined
}

type StatusWrite = Parameters<typeof begunBy>[0]

function isAsked(revision: Revision, occurrence: StatusWrite): boolean {
  return isNamed(revision, annotation(occurrence, 'pin')) || isNamed(revision, annotation(occurrence, 'retry'))
}

function tagOf(release: ReleaseName, { before }: StatusWrite): string | undefined {
  return before.quarantine?.find(({ digest }) => digest === release.digest)?.tag
}

/** What was deleted since is asked for once more before it is begun; what is older than highWater is not looked for. */
function newerThan(tag: string, images: readonly ListedImage[] = [], sinceMs: number): ListedImage | undefined {
  const chosen = images.find((image) => image.tag === tag)
  const isNewer = (image: ListedImage, than: ListedImage) =>
    !image.isMoved && image.pushedAtMs >= sinceMs && compare(image, than) > 0
  return chosen && images.find((image) => isNewer(image, chosen))
}

function compare(a: Image, b: Image): number {
  return (a.sequence ?? -1) - (b.sequence ?? -1) || a.pushedAtMs - b.pushedAtMs
}

/** Told anew from the sentence in the documents: by sequence where both have one, else by time. */
function isAbove(a: HighWater | Revision, b: HighWater): boolean {
  const times = Date.parse(a.pushedAt) - Date.parse(b.pushedAt)
  if (a.sequence === undefined || b.sequence === undefined) return times > 0
  return a.sequence > b.sequence || (a.sequence === b.sequence && times > 0)
}

function later(then: () => void, turns = turnsUntilKnown): void {
  if (turns === 0) then()
  else queueMicrotask(() => later(then, turns - 1))
}
