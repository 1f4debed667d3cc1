import {
  maxDrifted,
  type Condition,
  type DeliveryStatus,
  type DriftEntry,
  type FailedRelease,
  type Revision,
  type Summary,
} from '../api/delivery.ts'
import { formatTime } from '../api/time.ts'
import { nextConditions, type Standing } from './conditions.ts'
import type { Desired } from './desired.ts'
import type { DriftedObject } from './observed.ts'
import { isSameRelease, rememberTag, resetByPin, shortTag, toRevision, type SeenImage } from './releases.ts'
import { listObjects } from './situation.ts'

export interface StatusUpdate {
  readonly desired: Desired
  readonly standing: Standing
  /** What comes next, and does not run yet; `unknown` leaves what status says. */
  readonly pending: SeenImage | undefined | 'unknown'
  /** What is left as another hand made it; `unknown` leaves what status says. */
  readonly drift: readonly DriftedObject[] | 'unknown'
  readonly nowMs: number
}

/** The parts of status that tell a person how it stands; a time in it moves only with what it belongs to. */
export function describeStatus(given: DeliveryStatus, update: StatusUpdate): DeliveryStatus {
  const { desired, standing, drift, nowMs } = update
  const status = resetByPin(given, desired)
  const { candidate: left, drifted: before = [], tags: known, failed, ...rest } = status
  const candidate = nextCandidate(status, update)
  const tags = rememberTag(rememberTag(known, left), candidate)
  const drifted =
    drift === 'unknown' ? before : drift.slice(0, maxDrifted).map((object) => toDriftEntry(object, before, nowMs))
  const { pause, generation } = desired
  const conditions = nextConditions(status.conditions, { standing, pause, generation, nowMs })
  const ready = conditions.find(({ type }) => type === 'Ready')
  return {
    ...rest,
    observedGeneration: generation,
    conditions,
    summary: summarise(status, update, { ready, candidate, drifted }),
    ...(candidate !== undefined && { candidate }),
    ...(tags !== undefined && { tags: [...tags] }),
    ...(drifted.length > 0 && { drifted }),
    ...(failed !== undefined && { failed: underPin(failed, desired.pin) }),
    ...(desired.reconcileRequest !== undefined && { lastHandledReconcileRequest: desired.reconcileRequest }),
  }
}

/** Until the registry was read, what was seen before a restart stands. */
function nextCandidate(
  { candidate }: DeliveryStatus,
  { pending, standing, desired }: StatusUpdate,
): Revision | undefined {
  if (pending === 'unknown' || desired.work.kind === 'invalid') return candidate
  if (pending === undefined) return standing.stance === 'unknown' ? candidate : undefined
  const revision = toRevision(pending, desired.work.spec.image.repository)
  return candidate !== undefined && isSameRelease(candidate, revision) ? candidate : revision
}

/** A pin that was taken away and is set again is a new one. */
function underPin(failed: FailedRelease, pin: string | undefined): FailedRelease {
  if (failed.pin === undefined || failed.pin === pin) return failed
  const { pin: _, ...rest } = failed
  return rest
}

function toDriftEntry({ kind, name }: DriftedObject, before: readonly DriftEntry[], nowMs: number): DriftEntry {
  return before.find((entry) => entry.kind === kind && entry.name === name) ?? { kind, name, since: formatTime(nowMs) }
}

interface Found {
  readonly ready: Condition | undefined
  readonly candidate: Revision | undefined
  readonly drifted: readonly DriftEntry[]
}

/** One line of `kubectl get deliveries`. */
function summarise(status: DeliveryStatus, { desired }: StatusUpdate, { ready, candidate, drifted }: Found): Summary {
  const { current, rollout, failed } = status
  const rolledOut = rollout?.purpose === undefined ? rollout?.revision : undefined
  const coming = candidate ?? rolledOut ?? failed?.revision
  const pending = coming === undefined || (current !== undefined && isSameRelease(coming, current)) ? undefined : coming
  // A pin comes before what is newest, also while it waits.
  const pin = [undefined, current?.tag, current?.digest].includes(desired.pin) ? undefined : desired.pin
  const next = pin ?? pending?.tag
  const held = heldBy(desired, ready, drifted)
  return {
    ...(current !== undefined && { running: shortTag(current.tag) }),
    ...(next !== undefined && { pending: shortTag(next).slice(0, 128) }),
    state: desired.pause.kind === 'paused' ? 'Paused' : (ready?.reason ?? 'Progressing'),
    ...(held !== undefined && { held: held.length > 256 ? `${held.slice(0, 255)}…` : held }),
  }
}

/** `Paused` hides the reason that tells of drift otherwise, so that it is told here. */
function heldBy(
  { pause, pin }: Desired,
  ready: Condition | undefined,
  drifted: readonly DriftEntry[],
): string | undefined {
  const pinned = pin === undefined ? undefined : `pinned to ${shortTag(pin)}`
  if (pause.kind === 'paused') {
    const changed = drifted.length === 0 ? undefined : `changed by another hand: ${listObjects(drifted)}`
    return [pause.message, changed, pinned].filter((part) => part !== undefined).join('; ')
  }
  return ready !== undefined && ready.status !== 'True' ? ready.message : pinned
}
