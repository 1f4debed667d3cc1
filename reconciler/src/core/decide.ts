import type { RolloutStatus } from '../api/delivery.ts'
import type { ObjectReference } from '../api/object.ts'
import { isReason } from '../api/reasons.ts'
import { parseTime } from '../api/time.ts'
import { isContested, mostCorrections } from './contested.ts'
import type { Desired } from './desired.ts'
import type { Health } from './health.ts'
import type { Observed, Problem, Refusal } from './observed.ts'
import { targetKey, type Notice, type Plan, type Rest, type Stance, type Target } from './plan.ts'
import { selectCandidate, type Selection } from './release-order.ts'
import { appliedRevision, isUndecided, knownReleases, shortTag, type SeenImage } from './releases.ts'

/** An undecided rollout may be superseded this often in a row; then it is let finish, or a busy repository starves. */
export const maxSuperseded = 3

/** Desired and observed to what is to be done: the first rule that has an answer gives it. */
export function decide(desired: Desired, observed: Observed, nowMs: number): Plan {
  const situation = assess(desired, observed, nowMs)
  const { notices, candidate } = situation
  const decision = firstOf(rules, situation) ?? standing(situation)
  const isBegun = decision.kind === 'start' && decision.target.kind === 'image'
  return { ...decision, notices, ...(candidate !== undefined && !isBegun && { pending: candidate }) }
}

const rules: readonly Rule[] = [
  beingDeleted, // what runs stays where it is
  frozen, // an operator forbade every write
  unusable, // nothing can be done under a spec that means nothing
  pinned, // an operator's choice comes before the order of tags
  newest, // also in mid-rollout: the older one is superseded
  objectHeld, // a paused object is neither written nor deleted
  underWay, // a rollout goes on, ends or is tidied up after
  drifted, // what other hands changed is taken back
]

type Decision = Plan extends infer P ? (P extends Plan ? Omit<P, 'notices' | 'pending'> : never) : never
type Rule = (situation: Situation) => Decision | undefined

interface Situation {
  readonly desired: Desired
  readonly observed: Observed
  readonly nowMs: number
  readonly rollout: RolloutStatus | undefined
  readonly selection: Selection
  /** The newest image that may be rolled out, whatever holds it. */
  readonly candidate: SeenImage | undefined
  readonly notices: readonly Notice[]
}

function assess(desired: Desired, observed: Observed, nowMs: number): Situation {
  const images = observed.registry.images ?? []
  const selection = selectCandidate(images, knownReleases(observed.status))
  const warnings = desired.pause.kind === 'paused' ? desired.pause.warnings : []
  return {
    desired,
    observed,
    nowMs,
    rollout: observed.status.rollout,
    selection,
    candidate: selection.kind === 'none' ? undefined : images.find((seen) => isSame(seen, selection.image)),
    notices: [...warnings.map((message) => ({ reason: 'Paused' as const, message })), ...selection.findings],
  }
}

function firstOf(chain: readonly Rule[], situation: Situation): Decision | undefined {
  for (const rule of chain) {
    const decision = rule(situation)
    if (decision !== undefined) return decision
  }
  return undefined
}

function beingDeleted({ desired }: Situation): Decision | undefined {
  if (!desired.isDeleting) return undefined
  return { kind: 'leave', reason: 'Deleting', message: 'the Delivery is being deleted' }
}

function frozen(situation: Situation): Decision | undefined {
  const { desired, rollout, observed } = situation
  if (desired.pause.kind === 'running' || desired.pause.mode !== 'all') return undefined
  if (!isUndecided(rollout)) return { ...standing(situation), isFrozen: true }

  const health = observed.rollout?.health
  const seen = health === undefined || health.state === 'current' ? '' : `; ${health.message}`
  return {
    ...rest(
      'waiting',
      'Paused',
      `the rollout of ${shortTag(rollout.revision.tag)} is held: ${desired.pause.message}${seen}`,
    ),
    isFrozen: true,
  }
}

function unusable(situation: Situation): Decision | undefined {
  const { work } = situation.desired
  return work.kind === 'invalid' ? rest('stalled', work.reason, work.message) : undefined
}

function pinned(situation: Situation): Decision | undefined {
  const { pin, pause } = situation.desired
  if (pin === undefined || pause.kind === 'paused' || isPinApplied(situation)) return undefined

  const target = { kind: 'pin', pin } as const
  if (refusalOf(target, situation) !== undefined) return undefined
  return { kind: 'start', reason: 'Applying', message: `pinned to ${shortTag(pin)}`, target, superseded: 0 }
}

function newest(situation: Situation): Decision | undefined {
  const { desired, observed, rollout, selection, candidate } = situation
  if (selection.kind !== 'candidate' || candidate === undefined) return undefined
  if (desired.pin !== undefined || desired.pause.kind === 'paused') return undefined
  // Invariant 1: what a poll could not read may be newer still.
  if (observed.registry.problem !== undefined) return undefined

  const target = { kind: 'image', image: candidate } as const
  if (refusalOf(target, situation) !== undefined) return undefined
  const superseded = isUndecided(rollout) ? (rollout.superseded ?? 0) + 1 : 0
  if (superseded > maxSuperseded) return undefined
  return { kind: 'start', reason: 'Applying', message: `rolling out ${shortTag(candidate.tag)}`, target, superseded }
}

function objectHeld({ desired: { pause, work }, rollout, observed }: Situation): Decision | undefined {
  if (pause.kind === 'running' || pause.objects.length === 0 || rollout === undefined) return undefined
  const writes = rollout.phase === 'Applying' || unlikeWritten(work, observed).length > 0
  const tag = shortTag(rollout.revision.tag)
  if (writes) return rest('waiting', 'Paused', `the rollout of ${tag} is held: ${pause.message}`)
  if (rollout.phase === 'Pruning') return rest('ready', 'Ready', `${tag} runs; nothing is deleted: ${pause.message}`)
  return undefined
}

function underWay({ desired, observed, rollout, nowMs }: Situation): Decision | undefined {
  if (rollout === undefined || rollout.phase === 'Failed') return undefined
  const tag = shortTag(rollout.revision.tag)
  if (rollout.phase === 'Applying')
    return { kind: 'apply', reason: 'Applying', message: `writing the objects of ${tag}` }
  if (rollout.phase === 'Pruning') {
    return { kind: 'prune', reason: 'Ready', message: `${tag} runs; what it no longer holds is deleted` }
  }

  const deadlineMs = rollout.deadline === undefined ? undefined : parseTime(rollout.deadline)
  const isLate = deadlineMs !== undefined && nowMs >= deadlineMs
  const unlike = unlikeWritten(desired.work, observed)
  // Another hand that does it again and again gains the release no time.
  if (unlike.length > 0 && !isLate) {
    return {
      kind: 'apply',
      reason: 'Applying',
      message: `writing the objects of ${tag} again, for ${unlike.join('; ')}`,
    }
  }
  const health = healthOfRelease(observed, tag)
  if (health.state === 'current') return { kind: 'finish', reason: 'Ready', message: `${tag} runs` }
  if (health.state === 'failed') {
    return { kind: 'fail', reason: 'RolloutFailed', message: `${tag} failed: ${health.message}` }
  }
  if (isLate) {
    return { kind: 'fail', reason: 'RolloutTimeout', message: `${tag} was not ready in time: ${health.message}` }
  }
  return { kind: 'await', reason: 'RolloutProgressing', message: `${tag} is rolled out: ${health.message}` }
}

/** What must be written again in mid-rollout, in words: what went missing and, where drift is taken back, what changed. */
function unlikeWritten(work: Desired['work'], { status, rollout, drift }: Observed): readonly string[] {
  const isOpen = (object: ObjectReference) => !isContested(status, object)
  const missing = rollout?.missing.filter(isOpen) ?? []
  const changed = work.kind === 'work' && work.spec.drift === 'Correct' ? drift.filter(isOpen) : []
  return [
    ...(missing.length > 0 ? [`${listObjects(missing)} went missing`] : []),
    ...(changed.length > 0 ? [`${listObjects(changed)} changed by another hand`] : []),
  ]
}

/** What another hand changed is not what the release holds, so that its pods say nothing of the release. */
function healthOfRelease({ rollout, drift }: Observed, tag: string): Health {
  if (rollout === undefined) return { state: 'inProgress', message: 'its workloads were not read yet' }
  const foreign = [...rollout.missing, ...drift]
  if (foreign.length === 0) return rollout.health
  return { state: 'inProgress', message: `not as ${tag} holds it, by another hand: ${listObjects(foreign)}` }
}

function drifted({ desired, observed }: Situation): Decision | undefined {
  if (desired.work.kind === 'invalid' || desired.work.spec.drift === 'Report') return undefined
  const paused = desired.pause.kind === 'paused' ? desired.pause.objects : []
  // A contest ends with the next release, or when somebody asks.
  const isAsked =
    desired.reconcileRequest !== undefined && desired.reconcileRequest !== observed.status.lastHandledReconcileRequest
  const objects = observed.drift.filter(
    (object) => !paused.includes(`${object.kind}/${object.name}`) && (isAsked || !isContested(observed.status, object)),
  )
  if (objects.length === 0) return undefined
  return { kind: 'correct', reason: 'DriftCorrected', message: `taken back: ${listObjects(objects)}`, objects }
}

/** Nothing is to be done: why, and whether that is well. */
function standing(situation: Situation): Decision & Rest {
  const { desired, observed, rollout, selection, candidate } = situation
  const { status, registry } = observed
  const runs = status.current === undefined ? 'nothing runs yet' : `${shortTag(status.current.tag)} runs`

  if (desired.work.kind === 'invalid') return rest('stalled', desired.work.reason, desired.work.message)

  const pinRefusal = desired.pin === undefined ? undefined : refusalOf({ kind: 'pin', pin: desired.pin }, situation)
  if (pinRefusal !== undefined) return blocked(pinRefusal, runs)
  if (rollout?.phase === 'Failed') {
    const reason = isReason(rollout.reason) ? rollout.reason : 'RolloutFailed'
    return rest('stalled', reason, rollout.message ?? `${shortTag(rollout.revision.tag)} failed`)
  }
  const isHeld = desired.pin !== undefined || desired.pause.kind === 'paused'
  if (!isHeld && candidate !== undefined) {
    const refusal = refusalOf({ kind: 'image', image: candidate }, situation)
    if (refusal !== undefined) return blocked(refusal, runs)
  }
  if (!isHeld && selection.kind === 'refused') {
    return blocked({ kind: 'terminal', reason: selection.reason, message: selection.message }, runs)
  }
  if (registry.problem !== undefined) return blocked(registry.problem, runs)
  if (registry.images === undefined) {
    const isNew = status.conditions === undefined
    return rest(isNew ? 'progressing' : 'unknown', 'Progressing', 'the registry is being read')
  }
  return settled(situation, runs)
}

function settled(situation: Situation, runs: string): Decision & Rest {
  const { desired, observed, candidate } = situation
  const isPinWaiting = desired.pin !== undefined && !isPinApplied(situation)
  const next = isPinWaiting ? desired.pin : candidate?.tag
  const waits = next === undefined ? '' : `; ${shortTag(next)} waits`
  const hold = desired.pause.kind === 'paused' ? `${waits}: ${desired.pause.message}` : waits
  if (observed.status.current === undefined) {
    if (desired.pause.kind === 'paused') return rest('waiting', 'Paused', `${runs}${hold}`)
    return rest('waiting', 'WaitingForFirstTag', `${runs}: no tag of the repository matches spec.image.tags`)
  }
  const contested = desired.pause.kind === 'paused' ? [] : contestedDrift(desired, observed)
  if (contested.length > 0) {
    return rest(
      'stalled',
      'DriftContested',
      `${runs}, but another hand undid ${mostCorrections} corrections within ten minutes of ${listObjects(contested)}; ` +
        'stop it, then ask for a reconcile, or release',
    )
  }
  if (observed.drift.length > 0) {
    const left = desired.pause.kind === 'paused' ? hold : '; drift is only reported'
    return rest('ready', 'DriftDetected', `${runs}, changed by another hand: ${listObjects(observed.drift)}${left}`)
  }
  const held = desired.pin === undefined || isPinWaiting ? hold : `; pinned to ${shortTag(desired.pin)}`
  return rest('ready', 'Ready', `${runs}${held}`)
}

function contestedDrift({ work }: Desired, { status, drift }: Observed): Observed['drift'] {
  if (work.kind === 'invalid' || work.spec.drift === 'Report') return []
  return drift.filter((object) => isContested(status, object))
}

function blocked(problem: Problem & { readonly untilMs?: number }, runs: string): Decision & Rest {
  const stances = { retryable: 'progressing', waiting: 'waiting', terminal: 'stalled' } as const
  return {
    ...rest(stances[problem.kind], problem.reason, `${problem.message}; ${runs}`),
    ...(problem.untilMs !== undefined && { untilMs: problem.untilMs }),
  }
}

function rest(stance: Stance, reason: Plan['reason'], message: string): Decision & Rest {
  return { kind: 'rest', stance, reason, message }
}

function isPinApplied({ desired, observed }: Situation): boolean {
  const applied = appliedRevision(observed.status)
  return applied !== undefined && (applied.tag === desired.pin || applied.digest === desired.pin)
}

function refusalOf(target: Target, { desired, observed, nowMs }: Situation): Refusal | undefined {
  const { refusal } = observed
  if (refusal === undefined || refusal.target !== targetKey(target)) return undefined
  if (refusal.generation !== desired.generation) return undefined
  return refusal.untilMs !== undefined && nowMs >= refusal.untilMs ? undefined : refusal
}

function isSame(a: { tag: string; digest: string }, b: { tag: string; digest: string }): boolean {
  return a.tag === b.tag && a.digest === b.digest
}

function listObjects(objects: readonly { kind: string; name: string }[]): string {
  const shown = objects.slice(0, 5).map(({ kind, name }) => `${kind}/${name}`)
  return shown.join(', ') + (objects.length > shown.length ? ` and ${objects.length - shown.length} more` : '')
}
