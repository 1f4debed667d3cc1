import type { Condition, DeliveryStatus, HistoryEntry, RolloutStatus } from '../api/delivery.ts'
import { isUndecided, shortTag } from './releases.ts'

/** One Kubernetes Event about a Delivery. */
export interface Announcement {
  readonly type: 'Normal' | 'Warning'
  readonly reason: string
  /** What was done, in one word. */
  readonly action: string
  readonly note: string
}

/**
 * What is worth an Event, read from two states of status alone: so that each is told once, whoever wrote the status
 * and however often the process began anew.
 */
export function announce(before: DeliveryStatus, after: DeliveryStatus): readonly Announcement[] {
  return [...ofRollout(before, after), ...ofPause(before, after), ...ofProblem(before, after)]
}

/** The rollout that ended between two states of status, where one did. */
export function endedRollout(before: DeliveryStatus, after: DeliveryStatus): HistoryEntry | undefined {
  const [ended] = after.history ?? []
  const [known] = before.history ?? []
  return ended === undefined || (ended.at === known?.at && ended.digest === known.digest) ? undefined : ended
}

/** How going back ended between two states of status, where it did. */
export function endedGoingBack(before: DeliveryStatus, after: DeliveryStatus): HistoryEntry['outcome'] | undefined {
  const { rollout } = before
  if (rollout?.purpose !== 'GoBack') return undefined
  const ended = endedRollout(before, after)
  if (ended?.outcome === 'RolledBack' || ended?.outcome === 'Failed') return ended.outcome
  // A release that takes its place says so, and is no end of going back by itself.
  const isReplaced = after.rollout !== undefined && after.rollout.purpose === undefined
  return isUndecided(rollout) && isReplaced ? 'Superseded' : undefined
}

function ofRollout(before: DeliveryStatus, after: DeliveryStatus): readonly Announcement[] {
  const { rollout, current } = after
  const ended = endedRollout(before, after)
  const found: Announcement[] = []
  if (ended?.outcome === 'Superseded') {
    found.push(normal('Superseded', 'Apply', `${shortTag(ended.tag)} was superseded before it was ready`))
  }
  if (rollout !== undefined && rollout.startedAt !== before.rollout?.startedAt)
    found.push(...ofBeginning(rollout, after))
  if (rollout?.phase === 'Waiting' && before.rollout?.phase === 'Applying') {
    found.push(normal('Applied', 'Apply', `all objects of ${shortTag(rollout.revision.tag)} are written`))
  }
  if (current?.readyAt !== undefined && current.readyAt !== before.current?.readyAt) {
    found.push(normal('Ready', 'Await', `${shortTag(current.tag)} runs`))
  }
  if (ended?.outcome === 'RolledBack') found.push(normal('RolledBack', 'GoBack', `${shortTag(ended.tag)} runs again`))
  if (rollout?.phase === 'Failed' && before.rollout?.phase !== 'Failed') found.push(ofFailure(rollout))
  return found
}

function ofBeginning({ purpose, revision }: RolloutStatus, { failed }: DeliveryStatus): readonly Announcement[] {
  const tag = shortTag(revision.tag)
  if (purpose === undefined) return [normal('Applying', 'Apply', `rolling out ${tag} (${revision.digest})`)]
  const why = failed === undefined ? [] : [warning(failed.reason, 'Await', failed.message)]
  return [...why, normal('GoingBack', 'GoBack', `going back to ${tag} (${revision.digest})`)]
}

function ofFailure({ purpose, reason = 'RolloutFailed', message = 'the rollout failed' }: RolloutStatus): Announcement {
  if (purpose === 'GoBack') return warning('GoingBackFailed', 'GoBack', `${reason}: ${message}`)
  return warning(reason, 'Await', message)
}

function ofPause(before: DeliveryStatus, after: DeliveryStatus): readonly Announcement[] {
  const paused = conditionOf(after, 'Paused')
  const wasPaused = conditionOf(before, 'Paused')?.status === 'True'
  if (paused?.status === 'True' && !wasPaused) return [normal('Paused', 'Pause', paused.message)]
  if (paused?.status === 'False' && wasPaused)
    return [normal('NotPaused', 'Resume', 'no annotation pauses it any more')]
  return []
}

/** Ready came to be False, or to be so for another reason, and nothing is on its way to mend it. */
function ofProblem(before: DeliveryStatus, after: DeliveryStatus): readonly Announcement[] {
  const ready = conditionOf(after, 'Ready')
  if (ready === undefined || ready.status === 'True' || expected.has(ready.reason)) return []
  if (ready.reason === conditionOf(before, 'Ready')?.reason) return []
  // The rollout has announced it already.
  if (after.rollout?.phase === 'Failed') return []
  // Before the first push that is how it is; where something runs, its repository went away.
  const isNew = ready.reason === 'RepositoryNotFound' && after.current === undefined
  return [(isNew ? normal : warning)(ready.reason, 'Decide', ready.message)]
}

/** Steps of a release, waits that end by themselves, and what its rollout has announced. */
const expected = new Set([
  'Progressing',
  'Applying',
  'RolloutProgressing',
  'GoingBack',
  'RolledBack',
  'WaitingForFirstTag',
  'BundlePending',
  'Paused',
])

function conditionOf({ conditions = [] }: DeliveryStatus, type: string): Condition | undefined {
  return conditions.find((condition) => condition.type === type)
}

function normal(reason: string, action: string, note: string): Announcement {
  return { type: 'Normal', reason, action, note }
}

function warning(reason: string, action: string, note: string): Announcement {
  return { type: 'Warning', reason, action, note }
}
