import type { RolloutStatus } from '../api/delivery.ts'
import type { Desired } from './desired.ts'
import type { Observed, Problem, Refusal } from './observed.ts'
import { targetKey, type Notice, type Plan, type Rest, type Stance, type Target } from './plan.ts'
import type { Selection } from './release-order.ts'
import { appliedRevision, isNamed, type SeenImage } from './releases.ts'

/** What the rules of decide.ts share: the question as each of them sees it, and the shape of an answer. */

export type Decision = Plan extends infer P ? (P extends Plan ? Omit<P, 'notices' | 'pending'> : never) : never
export type Rule = (situation: Situation) => Decision | undefined

export interface Situation {
  readonly desired: Desired
  readonly observed: Observed
  readonly nowMs: number
  readonly rollout: RolloutStatus | undefined
  readonly selection: Selection
  /** The newest image that may be rolled out, whatever holds it. */
  readonly candidate: SeenImage | undefined
  readonly notices: readonly Notice[]
}

export function rest(stance: Stance, reason: Plan['reason'], message: string): Decision & Rest {
  return { kind: 'rest', stance, reason, message }
}

export function blocked(problem: Problem & { readonly untilMs?: number }, runs: string): Decision & Rest {
  const stances = { retryable: 'progressing', waiting: 'waiting', terminal: 'stalled' } as const
  return {
    ...rest(stances[problem.kind], problem.reason, `${problem.message}; ${runs}`),
    ...(problem.untilMs !== undefined && { untilMs: problem.untilMs }),
  }
}

/** Why a target could not begin, as long as that counts. */
export function refusalOf(target: Target, { desired, observed, nowMs }: Situation): Refusal | undefined {
  const key = targetKey(target)
  const refusal = observed.refusals?.find((known) => known.target === key)
  if (refusal === undefined) return undefined
  if (refusal.generation !== desired.generation) return undefined
  return refusal.untilMs !== undefined && nowMs >= refusal.untilMs ? undefined : refusal
}

export function repositoryOf({ work }: Desired): string | undefined {
  return work.kind === 'invalid' ? undefined : work.spec.image.repository
}

/** The candidate, unless it runs: a pin to an older release that was gone back from leaves what runs above highWater. */
export function waitingCandidate({ desired, observed: { status }, candidate }: Situation): SeenImage | undefined {
  const { current } = status
  const isRunning =
    current !== undefined &&
    current.repository === repositoryOf(desired) &&
    current.tag === candidate?.tag &&
    current.digest === candidate.digest
  return isRunning ? undefined : candidate
}

export function isPinApplied({ desired, observed }: Situation): boolean {
  const { rollout } = observed.status
  // What failed counts as tried only under this very pin: else a pin is how an operator asks for it (invariant 9).
  if (rollout?.phase === 'Failed') return rollout.pin === desired.pin
  const applied = appliedRevision(observed.status)
  const repository = repositoryOf(desired)
  if (repository !== undefined && applied?.repository !== repository) return false
  return applied !== undefined && desired.pin !== undefined && isNamed(applied, desired.pin)
}

export function listObjects(objects: readonly { kind: string; name: string }[]): string {
  const shown = objects.slice(0, 5).map(({ kind, name }) => `${kind}/${name}`)
  return shown.join(', ') + (objects.length > shown.length ? ` and ${objects.length - shown.length} more` : '')
}
