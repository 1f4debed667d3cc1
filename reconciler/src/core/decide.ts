import { isContested } from './contested.ts'
import type { Desired } from './desired.ts'
import type { Observed } from './observed.ts'
import { dueAgain, quarantinedCandidate, retried } from './once-more.ts'
import { holdsObjects } from './pause.ts'
import type { Plan } from './plan.ts'
import { selectCandidate } from './release-order.ts'
import { isUndecided, knownReleases, shortTag } from './releases.ts'
import {
  blocked,
  isPinApplied,
  listObjects,
  refusalOf,
  repositoryOf,
  rest,
  waitingCandidate,
  type Decision,
  type Rule,
  type Situation,
} from './situation.ts'
import { standing } from './standing.ts'
import { underWay, unlikeWritten } from './under-way.ts'

/** An undecided rollout may be superseded this often in a row; then it is let finish, or a busy repository starves. */
export const maxSuperseded = 3

/** Desired and observed to what is to be done: the first rule that has an answer gives it. */
export function decide(desired: Desired, observed: Observed, nowMs: number): Plan {
  const situation = assess(desired, observed, nowMs)
  const { notices } = situation
  const decision = firstOf(rules, situation) ?? standing(situation)
  const isBegun = decision.kind === 'start' && decision.target.kind === 'image'
  const waiting = observed.registry.images === undefined ? 'unknown' : waitingCandidate(situation)
  const pending = isBegun ? undefined : waiting
  return { ...decision, notices, ...(pending !== undefined && { pending }) }
}

const rules: readonly Rule[] = [
  beingDeleted, // what runs stays where it is
  frozen, // an operator forbade every write
  unusable, // nothing can be done under a spec that means nothing
  retried, // an operator's request, where it is one that a pin allows
  pinned, // an operator's choice comes before the order of tags
  unknown, // what runs is known before anything newer takes its place
  newest, // also in mid-rollout: the older one is superseded
  dueBeforePrune, // what is to be deleted may not be so for long, and holds up no other try
  driftedBeforePrune, // nor does it hold up a correction
  objectHeld, // a paused object is neither written nor deleted
  underWay, // a rollout goes on, ends, is gone back from or tidied up after
  dueAgain, // what failed by the environment's fault gets another try
  drifted, // what other hands changed is taken back
]

function assess(desired: Desired, observed: Observed, nowMs: number): Situation {
  const images = observed.registry.images ?? []
  const selection = selectCandidate(images, knownReleases(observed.status, repositoryOf(desired)))
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
  return { ...heldByPause(situation, `${desired.pause.message}${seen}`), isFrozen: true }
}

function unusable(situation: Situation): Decision | undefined {
  const { work } = situation.desired
  return work.kind === 'invalid' ? rest('stalled', work.reason, work.message) : undefined
}

function pinned(situation: Situation): Decision | undefined {
  const { pin, pause } = situation.desired
  if (pin === undefined || pause.kind === 'paused' || isPinApplied(situation)) return undefined
  // It was rolled out under this very pin, and gone back from.
  if (situation.observed.status.failed?.pin === pin) return undefined

  const target = { kind: 'pin', pin } as const
  if (refusalOf(target, situation) !== undefined) return undefined
  return { kind: 'start', reason: 'Applying', message: `pinned to ${shortTag(pin)}`, target, superseded: 0 }
}

/** Where status was lost, what runs is taken over as if it were released: so highWater and the inventory come back. */
function unknown(situation: Situation): Decision | undefined {
  const { found } = situation.observed
  if (found === undefined || situation.desired.pause.kind === 'paused') return undefined

  const target = { kind: 'running', ...found } as const
  const tag = shortTag(found.tag)
  const refusal = refusalOf(target, situation)
  if (refusal !== undefined) return blocked(refusal, `${tag} runs, of which status knows nothing yet`)
  return { kind: 'start', reason: 'Applying', message: `taking over ${tag}, which runs`, target, superseded: 0 }
}

function newest(situation: Situation): Decision | undefined {
  const { desired, observed, rollout, selection, candidate } = situation
  if (selection.kind !== 'candidate' || candidate === undefined) return undefined
  if (desired.pin !== undefined || desired.pause.kind === 'paused') return undefined
  // Invariant 1: what a poll could not read may be newer still.
  if (observed.registry.problem !== undefined) return undefined

  const target = { kind: 'image', image: candidate } as const
  if (refusalOf(target, situation) !== undefined) return undefined
  if (quarantinedCandidate(desired, situation, candidate) !== undefined) return undefined
  const superseded = isUndecided(rollout) ? (rollout.superseded ?? 0) + 1 : 0
  if (superseded > maxSuperseded || (isUndecided(rollout) && rollout.takesOver === true)) return undefined
  return { kind: 'start', reason: 'Applying', message: `rolling out ${shortTag(candidate.tag)}`, target, superseded }
}

function objectHeld(situation: Situation): Decision | undefined {
  const { desired, rollout, observed } = situation
  const { pause, work } = desired
  if (!holdsObjects(pause) || rollout === undefined) return undefined
  // Its deadline stops with it, for it is not the release that takes so long.
  if (rollout.phase === 'Applying') return { ...heldByPause(situation, pause.message), isFrozen: true }
  const unlike = rollout.phase === 'Waiting' ? unlikeWritten(work, observed) : []
  if (unlike.length > 0) return { ...heldByPause(situation, `${unlike.join('; ')}; ${pause.message}`), isFrozen: true }
  if (rollout.phase !== 'Pruning') return undefined
  return {
    ...standing(situation),
    message: `${shortTag(rollout.revision.tag)} runs; nothing is deleted: ${pause.message}`,
  }
}

function heldByPause({ rollout }: Situation, why: string): ReturnType<typeof rest> {
  const tag = shortTag(rollout?.revision.tag ?? '')
  const what = rollout?.purpose === 'GoBack' ? `going back to ${tag}` : `the rollout of ${tag}`
  return rest('waiting', 'Paused', `${what} is held: ${why}`)
}

/** Of the release that runs; an object of an older one that can't be deleted holds up nothing else. */
function driftedBeforePrune(situation: Situation): Decision | undefined {
  return situation.rollout?.phase === 'Pruning' ? drifted(situation) : undefined
}

function dueBeforePrune(situation: Situation): Decision | undefined {
  return situation.rollout?.phase === 'Pruning' ? dueAgain(situation) : undefined
}

function drifted({ desired, observed, rollout }: Situation): Decision | undefined {
  if (desired.work.kind === 'invalid' || desired.work.spec.drift === 'Report') return undefined
  // A release that failed is not written again, not in part either (invariant 3).
  if (rollout?.phase === 'Failed') return undefined
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

function isSame(a: { tag: string; digest: string }, b: { tag: string; digest: string }): boolean {
  return a.tag === b.tag && a.digest === b.digest
}
