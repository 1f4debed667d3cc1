import type { Snapshot } from '../api/delivery.ts'
import type { Work } from '../core/desired.ts'
import { AppError, troubleOf, type Trouble } from '../core/errors.ts'
import { pinOf, targetKey, type Plan, type Target } from '../core/plan.ts'
import { retryDelayMs } from '../core/retry.ts'
import { beginRollout } from '../core/rollout.ts'
import type { Clock } from './clock.ts'
import { rememberRefusal } from './memory.ts'
import { prepare, type Preparation } from './preparation.ts'
import type { Turn } from './turn.ts'
import { writeFirst, type Refused, type WriteScope } from './write-objects.ts'

export interface BeginScope extends WriteScope {
  readonly clock: Pick<Clock, 'after' | 'monotonicMs'>
  readonly random: () => number
}

/**
 * Prepares a release, keeps a copy of it, names it in status, and writes it. False where it could not begin: why is
 * remembered, and what runs or is rolled out goes on meanwhile.
 */
export async function begin(
  plan: Extract<Plan, { kind: 'start' }>,
  work: Work,
  turn: Turn,
  scope: BeginScope,
): Promise<Refused> {
  const { memory, signal } = turn
  let prepared: Preparation
  let snapshot: Snapshot
  try {
    prepared = await prepare(plan.target, work, turn, scope)
    turn.assertBeginnable()
    snapshot = await scope.snapshots.save(turn.delivery, prepared.rendered, signal)
  } catch (error) {
    const problem = error instanceof AppError ? troubleOf(error) : undefined
    if (problem === undefined) throw error
    if (plan.target.kind === 'running' && problem.kind === 'terminal') memory.isUnrecoverable = true
    refuse(plan.target, problem, turn, scope)
    return undefined
  }
  delete memory.trouble
  memory.refusals = []
  const revision = { ...prepared.revision, snapshot }
  await writeAhead({ ...prepared, revision }, plan, work, turn)
  memory.healths.clear()
  memory.rendered = { revision, objects: prepared.rendered, snapshot }
  return writeFirst(prepared.dryRuns, plan, work, turn, scope)
}

/** From here on the release is known by status alone. */
async function writeAhead(
  { revision, highWater, entries }: Preparation,
  { target, superseded, reason, message, pending }: Extract<Plan, { kind: 'start' }>,
  { timeoutMs }: Work,
  turn: Turn,
): Promise<void> {
  const again = target.kind === 'again' ? target : undefined
  const pin = pinOf(target, turn.desired)
  const status = beginRollout(turn.status, {
    revision,
    highWater,
    objects: entries,
    superseded,
    ...(again !== undefined && { attempt: again.attempt }),
    ...(again?.retry !== undefined && { retry: again.retry }),
    ...(pin !== undefined && { pin }),
    takesOver: target.kind === 'running',
    timeoutMs,
    leaseEpoch: turn.leaseEpoch,
    nowMs: turn.nowMs(),
  })
  await turn.write(status, { standing: { stance: 'progressing', reason, message }, pending })
  turn.log.info({ revision: revision.tag, digest: revision.digest }, 'rollout began')
}

/** Remembers why a release could not begin, and when it may be tried again. */
function refuse(
  target: Target,
  problem: Trouble,
  turn: Turn,
  { clock, random }: Pick<BeginScope, 'clock' | 'random'>,
): void {
  const { memory, desired, log } = turn
  const { retryAfterMs, ...said } = problem
  const key = targetKey(target)
  const times = (memory.refusals.find((known) => known.target === key)?.times ?? 0) + 1
  const delayMs = retryDelayMs(problem.kind, { retryAfterMs, attempt: times, random: random() })
  rememberRefusal(memory, {
    ...said,
    times,
    target: key,
    generation: desired.generation,
    ...(delayMs !== undefined && { untilMonotonicMs: clock.monotonicMs() + delayMs }),
  })
  log.warn({ reason: said.reason, detail: said.message }, 'release refused')
}
