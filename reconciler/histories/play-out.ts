import type { DeliverySpec } from '../src/api/delivery.ts'
import type { Happening } from './happening.ts'
import { History } from './history.ts'
import type { Invariant } from './invariant.ts'
import type { Occurrence } from './occurrence.ts'
import {
  busyIsNotStarved,
  convictedStaysOut,
  environmentIsNoGuilt,
  goodIsWhatWasReady,
  highWaterNeverFalls,
  newestIsChosen,
  nothingBelowHighWater,
  nothingOnPartialRead,
  oneRollback,
  verifiedIsWhatRuns,
} from './release-invariants.ts'
import { leftBehind, restInvariants } from './rest-invariants.ts'
import { statusIsValid } from './status-schema.ts'
import {
  boundedByTenant,
  nothingAgainstPause,
  nothingEscapes,
  onlyItsRegistry,
  pauseHolds,
  planIsClaimed,
  prunesItsOwn,
  writtenAhead,
} from './write-invariants.ts'

export interface Step {
  readonly happening: Happening
  /** Whether the registry is polled right after. */
  readonly isPolled: boolean
}

/** More than a release needs that is tried anew, or is not ready in time and is gone back from. */
const restMs = 10 * 60_000
/** More than anything waits that is looked at from time to time. */
const quietMs = 2 * 60_000

export interface Outcome {
  /** Every invariant that broke, each once, with what broke it. */
  readonly broken: readonly string[]
  /** What status said on the way: reasons of Ready. */
  readonly reasons: ReadonlySet<string>
}

const settled: ReadonlySet<string> = new Set(['Ready', 'RolledBack', 'Paused'])

/** Plays the steps, and lets everything come to rest. */
export async function playOut(spec: Partial<DeliverySpec>, steps: readonly Step[]): Promise<Outcome> {
  const broken = new Map<string, string>()
  const watches: Array<readonly [string, ReturnType<Invariant['watch']>]> = []
  const witness = new Witness()
  const history = new History(spec, (occurrence) => {
    witness.note(occurrence)
    for (const [sentence, watch] of watches) {
      const how = watch(occurrence)
      if (how !== undefined && !broken.has(sentence)) broken.set(sentence, how)
    }
  })
  for (const { sentence, watch } of invariants(history)) watches.push([sentence, watch()])
  try {
    await history.clock.advance(0)
    for (const { happening, isPolled } of steps) {
      await history.play(happening)
      if (isPolled) await history.poll()
    }
    await comeToRest(history)
    for (const { sentence, check } of restInvariants) {
      const how = check(history)
      if (how !== undefined) broken.set(sentence, how)
    }
    const left = isTidied(spec, steps) ? leftBehind(history) : undefined
    if (left !== undefined) broken.set('7: what no release holds any more is deleted', left)
    const how = await writesAtRest(history, witness)
    if (how !== undefined)
      broken.set('8: at rest nothing is written, whatever is told or polled again, and whoever leads', how)
  } finally {
    history.end()
  }
  return { broken: [...broken].map(([sentence, how]) => `${sentence}: ${how}`), reasons: witness.reasons }
}

function invariants(history: History): readonly Invariant[] {
  return [
    nothingOnPartialRead,
    newestIsChosen,
    nothingBelowHighWater,
    highWaterNeverFalls,
    convictedStaysOut,
    environmentIsNoGuilt,
    busyIsNotStarved,
    nothingAgainstPause,
    pauseHolds,
    verifiedIsWhatRuns(history),
    goodIsWhatWasReady(history),
    planIsClaimed,
    writtenAhead,
    prunesItsOwn,
    oneRollback,
    boundedByTenant,
    onlyItsRegistry,
    nothingEscapes,
    statusIsValid,
  ]
}

/** Whether nobody but releases decided what is to be there. */
function isTidied({ prune = true }: Partial<DeliverySpec>, steps: readonly Step[]): boolean {
  const others: ReadonlySet<string> = new Set(['hand', 'spec', 'loseStatus', 'deleteDelivery', 'land', 'mishap'])
  return prune && !steps.some(({ happening }) => others.has(happening.kind))
}

export async function comeToRest(history: History): Promise<void> {
  await history.recover()
  await history.clock.advance(restMs)
  await history.poll()
  await history.clock.advance(restMs)
}

async function writesAtRest(history: History, witness: Witness): Promise<string | undefined> {
  const before = witness.writes.length
  await history.poll()
  for (const path of history.leader.feed.paths()) history.leader.feed.relist(path)
  history.leader.feed.repeat()
  await history.clock.advance(quietMs)
  // What goes on is claimed by who leads, and what was refused is tried by each leader once. What waits may be
  // gone from the registry, which an unchanged head does not tell; with nothing known the first page alone is read.
  const { rollout, highWater, candidate, conditions = [] } = history.cluster.delivery?.status ?? {}
  const isSettled = conditions.some(({ type, reason }) => type === 'Ready' && settled.has(reason))
  if (rollout === undefined && candidate === undefined && highWater !== undefined && isSettled) history.succeed()
  await history.clock.advance(quietMs)
  await history.poll()
  const writes = witness.writes.slice(before)
  return writes.length === 0 ? undefined : writes.slice(0, 5).join(', ')
}

/** Every write of status and objects, in words. */
class Witness {
  readonly writes: string[] = []
  readonly reasons = new Set<string>()

  note(occurrence: Occurrence): void {
    if (occurrence.kind === 'object') this.writes.push(`${occurrence.verb} of ${occurrence.object.metadata.name}`)
    if (occurrence.kind === 'status') {
      const ready = occurrence.delivery.status?.conditions?.find(({ type }) => type === 'Ready')
      this.reasons.add(ready?.reason ?? '')
      this.writes.push(`status ${ready?.reason}: ${ready?.message}`)
    }
  }
}
