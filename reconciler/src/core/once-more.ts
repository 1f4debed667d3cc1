import { maxAttempts, type FailedRelease, type QuarantineEntry, type Revision } from '../api/delivery.ts'
import { parseTime } from '../api/time.ts'
import type { Desired } from './desired.ts'
import type { Target } from './plan.ts'
import { findQuarantinedImage } from './quarantine.ts'
import { isNamed, shortTag, type SeenImage } from './releases.ts'
import { readRetry } from './retry-request.ts'
import { refusalOf, repositoryOf, type Decision, type Situation } from './situation.ts'

/** What has failed: when it is rolled out again, and when it is not. */

/** The release at highWater that failed, whether it was gone back from or is held. */
export type FailedAttempt = Pick<FailedRelease, 'revision' | 'attempt' | 'nextTryAt'>

export function failedAttempt({ desired, observed }: Situation): FailedAttempt | undefined {
  const { rollout, failed } = observed.status
  const attempt = rollout?.phase === 'Failed' && rollout.purpose === undefined ? rollout : failed
  // Of another repository than the spec names by now, it is of no interest any more.
  return attempt !== undefined && attempt.revision.repository === repositoryOf(desired) ? attempt : undefined
}

/** Each of which an operator may ask for another try: what failed, and where going back failed too, what it went to. */
export function failedAttempts(situation: Situation): readonly FailedAttempt[] {
  const { rollout } = situation
  const failed = failedAttempt(situation)
  const isBackFailed = rollout?.phase === 'Failed' && rollout.purpose === 'GoBack'
  return [...(failed === undefined ? [] : [failed]), ...(isBackFailed ? [rollout] : [])]
}

/** Another try that an operator asked for; one-shot by value, and put off while something holds releases. */
export function retried(situation: Situation): Decision | undefined {
  const { desired, observed } = situation
  const { retry, pause } = desired
  if (retry === undefined || retry === observed.status.lastHandledRetry || pause.kind === 'paused') return undefined

  const request = readRetry(retry)
  if (request.kind === 'odd') return { kind: 'letOut', reason: 'RetryNotFound', message: request.message, retry }
  const { name } = request
  const { quarantine = [] } = observed.status
  const failed = failedAttempts(situation).find(({ revision }) => isNamed(revision, name))
  if (failed !== undefined) {
    const target = againTarget(failed, retry)
    if (isPinnedElsewhere(desired, failed.revision) || refusalOf(target, situation) !== undefined) return undefined
    const message = `rolling out ${shortTag(failed.revision.tag)} again, as asked`
    return { kind: 'start', reason: 'Applying', message, target, superseded: 0 }
  }
  const isKnown = quarantine.some((entry) => isNamed(entry, name))
  const message = isKnown
    ? `${shortTag(name)} is let out of quarantine`
    : `windlass.dev/retry names ${shortTag(name)}, which is no release that failed; nothing is tried again`
  return { kind: 'letOut', reason: isKnown ? 'LetOut' : 'RetryNotFound', message, retry, ...(isKnown && { name }) }
}

/** A further try of what failed by the environment's fault, when its time has come. */
export function dueAgain(situation: Situation): Decision | undefined {
  const { desired, nowMs, selection } = situation
  const { registry } = situation.observed
  const failed = failedAttempt(situation)
  if (failed === undefined || desired.pause.kind === 'paused') return undefined
  const dueMs = parseTime(failed.nextTryAt ?? '')
  if (dueMs === undefined || nowMs < dueMs) return undefined
  if (isPinnedElsewhere(desired, failed.revision)) return undefined
  // Under a pin nothing newer takes its place; else invariant 1: what could not be read may be newer, and where the
  // newest is refused none older is tried.
  const isNewest = registry.problem === undefined && registry.images !== undefined && selection.kind === 'none'
  if (desired.pin === undefined && !isNewest) return undefined
  const target = againTarget(failed)
  if (refusalOf(target, situation) !== undefined) return undefined
  const message = `rolling out ${shortTag(failed.revision.tag)} again: attempt ${target.attempt} of ${maxAttempts}`
  return { kind: 'start', reason: 'Applying', message, target, superseded: 0 }
}

/** How it stands after going back. */
export function rolledBackWords(failed: FailedRelease, runs: string): string {
  const { reason, message, revision } = failed
  return `${shortTag(revision.tag)} failed (${reason}): ${message}; ${runs} again${nextTryWords(failed)}`
}

/** When what failed is tried again, for a person; empty where it never is by itself. */
export function nextTryWords({ nextTryAt, attempt }: Pick<FailedAttempt, 'nextTryAt' | 'attempt'>): string {
  if (nextTryAt !== undefined) return `; tried again at ${nextTryAt} (attempt ${attempt + 1} of ${maxAttempts})`
  return attempt >= maxAttempts ? `; given up after ${attempt} attempts` : ''
}

/** Of the release that an operator's request or the clock asks for. */
export function againTarget(failed: FailedAttempt, retry?: string): Extract<Target, { kind: 'again' }> {
  const { revision, attempt } = failed
  if (retry === undefined) return { kind: 'again', revision, attempt: attempt + 1 }
  return { kind: 'again', revision, attempt: 1, retry }
}

/**
 * Attached manifests belong to their image, so that it is known again by its tag and digest alone. With a ConfigMap the
 * manifests may be others by now: that is looked at once they are read.
 */
export function quarantinedCandidate(desired: Desired, { observed }: Situation, image: SeenImage) {
  if (desired.work.kind === 'invalid' || desired.work.spec.manifests.configMap !== undefined) return undefined
  return findQuarantinedImage(observed.status, image)
}

export function quarantineMessage({ tag, reason, at }: QuarantineEntry): string {
  return `${shortTag(tag)} failed at ${at} (${reason}) and is not tried again by itself; push a newer release, or set windlass.dev/retry`
}

/** A pin holds everything but what it names. */
function isPinnedElsewhere({ pin }: Desired, revision: Revision): boolean {
  return pin !== undefined && !isNamed(revision, pin)
}
