import type { Delivery } from '../api/delivery.ts'
import { parseTime } from '../api/time.ts'
import { decide } from '../core/decide.ts'
import { readDesired } from '../core/desired.ts'
import { AppError, troubleOf, type Trouble } from '../core/errors.ts'
import type { Culprit } from '../core/pod-faults.ts'
import { nextPauseChange, readPause, type PauseMark } from '../core/pause.ts'
import { targetKey, type Plan } from '../core/plan.ts'
import { isUndecided, knownReleases, knownSinceMs } from '../core/releases.ts'
import { retryDelayMs } from '../core/retry.ts'
import type { TagPattern } from '../core/tag-pattern.ts'
import type { EventSink, FinalizerWriter, ObjectStore, PodSource, SnapshotStore, StatusWriter } from '../kube/ports.ts'
import type { TagSource } from '../registry/tag-source.ts'
import type { Log } from '../telemetry/log.ts'
import type { Metrics, ReconcileResult } from '../telemetry/metrics.ts'
import { act, type Next } from './act.ts'
import type { Clock } from './clock.ts'
import { keepFinalizer } from './deletion.ts'
import { keyOf } from './delivery-cache.ts'
import { refusalsOf, rememberRefusal, type Memory } from './memory.ts'
import { observe } from './observation.ts'
import type { Poller } from './poller.ts'
import type { RolloutPods } from './rollout-pods.ts'
import type { Schedules } from './schedules.ts'
import { Turn } from './turn.ts'
import type { World } from './world.ts'

/** What is the same for the whole process. */
export interface ReconcilerPorts {
  readonly world: World
  readonly tags: TagSource
  readonly objects: ObjectStore
  readonly snapshots: SnapshotStore
  readonly pods: PodSource
  readonly statuses: StatusWriter
  readonly finalizers: FinalizerWriter
  readonly events: EventSink
  readonly schedules: Schedules
  readonly clock: Clock
  readonly random: () => number
  readonly newId: () => string
  readonly log: Log
  readonly metrics: Metrics
  readonly ownNamespace: string
}

/** What is the same for one term of leadership. */
export interface Term {
  readonly poller: Poller
  readonly rolloutPods: RolloutPods
  readonly tagPattern: (pattern: string) => TagPattern
  readonly leaseEpoch: number
  readonly signal: AbortSignal
}

export interface Reconciled {
  readonly result: ReconcileResult
  readonly next: Next
}

// What passes within a second or so is not worth a word in status; another writer may take a few turns.
const silentFailures = 2
const silentConflicts = 5

/** Observe, decide, act: once. Throws what no adapter translated, which is a bug. */
export async function reconcile(
  delivery: Delivery,
  memory: Memory,
  ports: ReconcilerPorts,
  term: Term,
): Promise<Reconciled> {
  const { world, clock, schedules, ownNamespace } = ports
  const nowMs = clock.nowMs()
  const marks = world.pausesOf(delivery)
  const desired = readDesired(delivery, {
    pause: readPause(marks, nowMs),
    ownNamespace,
    scheduleProblem: (schedule, timeZone) => schedules.problemOf(schedule, timeZone),
    tagPattern: term.tagPattern,
  })
  const log = ports.log.child({ delivery: keyOf(delivery), reconcileId: ports.newId() })
  const turn = new Turn({ ...ports, ...term, delivery, desired, memory, log })
  follow(turn, ports, term)
  const inTime = (next: Next) => soonest(next, nextByClock(turn, marks, clock, nowMs), turn.nowMs())

  let plan: Plan | undefined
  try {
    const scope = { ...ports, ...term, key: turn.key, tracker: world.objects, memory, tenant: turn.tenant }
    await keepFinalizer(turn, ports.finalizers)
    if (isOverdue(turn)) seeAnew(turn, term)
    const observed = await observe(delivery, desired, { ...scope, registry: term.poller.view(turn.key) })
    plan = decide(desired, observed, clock.nowMs())
    notify(plan, turn)
    const { tenant, signal } = turn
    const lastLog = (culprit: Culprit) => term.rolloutPods.lastLog(turn.key, culprit, tenant, signal)
    const next = await act(plan, turn, { ...scope, observed, lastLog })
    memory.failures = 0
    if (plan.kind === 'start') delete memory.superseded
    return { result: resultOf(plan), next: inTime(next) }
  } catch (error) {
    if (!(error instanceof AppError)) throw error
    const trouble = troubleOf(error)
    if (trouble === undefined) return givenUp(error, plan, turn, ports, term)
    const { result, next } = await failed(trouble, error, plan, turn, ports)
    return { result, next: inTime(next) }
  }
}

/**
 * When a pause ends, what failed is due, or what was refused may be tried: no event tells, whatever else is awaited or
 * fails. Since the reconcile began, for it may have passed meanwhile.
 */
function nextByClock(
  { status, memory }: Turn,
  marks: readonly PauseMark[],
  clock: Clock,
  sinceMs: number,
): number | undefined {
  const times = [
    nextPauseChange(marks, sinceMs),
    ...[status.failed, status.rollout].map((failed) => parseTime(failed?.nextTryAt ?? '')),
    ...refusalsOf(memory, clock).map(({ untilMs }) => untilMs),
  ].filter((ms): ms is number => ms !== undefined && ms > sinceMs)
  return times.length === 0 ? undefined : Math.min(...times)
}

function isOverdue(turn: Turn): boolean {
  const { rollout } = turn.status
  const deadlineMs = rollout?.phase === 'Waiting' ? parseTime(rollout.deadline ?? '') : undefined
  return deadlineMs !== undefined && deadlineMs <= turn.nowMs()
}

/** A watch may have fallen silent: no release fails by what was not heard, so that all is read before the time is up. */
function seeAnew({ key, memory }: Turn, { rolloutPods }: Term): void {
  memory.healths.clear()
  rolloutPods.release(key)
}

/** Lets the poller know what this Delivery wants read, and heeds a request to reconcile. */
function follow(turn: Turn, { world }: ReconcilerPorts, { poller }: Term): void {
  const { key, desired, status, memory } = turn
  if (desired.isDeleting || desired.work.kind === 'invalid') {
    poller.forget(key)
    return
  }
  const { spec, isRelease } = desired.work
  const sinceMs = knownSinceMs(status, spec.image.repository)
  const seenAtMs = parseTime(status.candidate?.seenAt ?? '')
  poller.follow(key, {
    repository: spec.image.repository,
    pattern: spec.image.tags,
    isRelease,
    schedule: spec.poll.schedule,
    timeZone: spec.poll.timeZone,
    known: knownReleases(status, spec.image.repository),
    ...(sinceMs !== undefined && { knownSinceMs: sinceMs }),
    ...(status.candidate !== undefined &&
      seenAtMs !== undefined && { candidate: { digest: status.candidate.digest, seenAtMs } }),
  })
  world.follow(status.inventory ?? [])
  const { reconcileRequest } = desired
  if (reconcileRequest !== undefined && isNewRequest(reconcileRequest, turn)) {
    memory.heededRequest = reconcileRequest
    memory.refusals = []
    delete memory.isUnrecoverable
    world.objects.distrust(key)
    poller.rescan(key)
  }
}

function isNewRequest(request: string, { status, memory }: Turn): boolean {
  return request !== status.lastHandledReconcileRequest && request !== memory.heededRequest
}

/** Notices are given once, and again only after they were not true for a while. */
function notify({ notices, kind, reason, message }: Plan, turn: Turn): void {
  for (const notice of notices) {
    const key = `${notice.reason} ${notice.message}`
    if (!turn.memory.told.has(key)) turn.warn(notice.reason, notice.message)
  }
  turn.memory.told = new Set(notices.map((notice) => `${notice.reason} ${notice.message}`))
  turn.log.debug({ plan: kind, reason, detail: message }, 'decided')
}

function resultOf(plan: Plan): ReconcileResult {
  if (plan.kind !== 'rest') return 'done'
  if (plan.stance === 'stalled') return 'stalled'
  return plan.stance === 'waiting' ? 'waiting' : 'done'
}

/** Work was given up because the world changed under it: it is looked at anew. */
function givenUp(
  error: AppError,
  plan: Plan | undefined,
  turn: Turn,
  ports: ReconcilerPorts,
  { poller }: Term,
): Reconciled {
  const { log, key, signal } = turn
  log.info({ reason: error.reason, detail: error.message }, 'reconcile given up')
  if (signal.aborted) return { result: 'aborted', next: { kind: 'onEvent' } }
  if (error.reason !== 'Superseded' || plan?.kind !== 'start') return { result: 'aborted', next: { kind: 'atOnce' } }
  // A tag is not what the poll saw any more: the next complete poll brings the key back.
  poller.rescan(key)
  if (!isSupersededAgain(error, plan, turn, ports)) return { result: 'aborted', next: { kind: 'onEvent' } }
  // What runs or is rolled out goes on meanwhile.
  return { result: 'retry', next: { kind: 'atOnce' } }
}

/**
 * The registry was read anew and lists the same tag still, which it then does not answer: as often as not it never
 * will, so that the release counts as refused for a time that grows.
 */
function isSupersededAgain(
  { message }: AppError,
  { target }: Extract<Plan, { kind: 'start' }>,
  turn: Turn,
  { clock, random }: ReconcilerPorts,
): boolean {
  const { memory, desired } = turn
  const key = targetKey(target)
  const count = memory.superseded?.target === key ? memory.superseded.count + 1 : 1
  memory.superseded = { target: key, count }
  if (count === 1) return false
  const delayMs = retryDelayMs('retryable', { retryAfterMs: undefined, attempt: count - 1, random: random() })
  rememberRefusal(memory, {
    kind: 'retryable',
    reason: 'RegistryInvalidAnswer',
    message: `the registry lists what it does not answer when it is asked for it: ${message}`,
    target: key,
    generation: desired.generation,
    ...(delayMs !== undefined && { untilMonotonicMs: clock.monotonicMs() + delayMs }),
    times: count,
  })
  return true
}

async function failed(
  trouble: Trouble,
  error: AppError,
  plan: Plan | undefined,
  turn: Turn,
  { random }: ReconcilerPorts,
): Promise<Reconciled> {
  const { memory, log } = turn
  const { kind, reason, retryAfterMs } = trouble
  memory.failures += 1
  log.warn({ reason, err: error, plan: plan?.kind }, 'reconcile failed')
  const isSilent = memory.failures <= (reason === 'ApiConflict' ? silentConflicts : silentFailures)
  // Where status was what could not be written, the next try will say it.
  const isUnwritten = turn.isUnwritten(error)
  if (!isUnwritten && (kind !== 'retryable' || !isSilent)) await say(trouble, plan, turn)
  // Before there is a plan nothing but the finalizer is written, under the version that was read as status is.
  if (reason === 'ApiConflict' && (isUnwritten || plan === undefined)) await lookAgain(turn)
  const delayMs = retryDelayMs(kind, { retryAfterMs, attempt: memory.failures, random: random() })
  const results = { retryable: 'retry', waiting: 'waiting', terminal: 'stalled' } as const
  if (delayMs === undefined) return { result: results[kind], next: { kind: 'onEvent' } }
  return { result: results[kind], next: { kind: 'after', ms: Math.min(delayMs, untilDeadlineMs(turn)) } }
}

/** A rollout whose objects can't be written, or pods be deleted, ends at its deadline, however seldom that is tried. */
function untilDeadlineMs(turn: Turn): number {
  const { rollout } = turn.status
  const deadlineMs = isUndecided(rollout) ? parseTime(rollout.deadline ?? '') : undefined
  const leftMs = deadlineMs === undefined ? 0 : deadlineMs - turn.nowMs()
  return leftMs > 0 ? leftMs : Number.POSITIVE_INFINITY
}

/** Another write came first, which the watch may not have told. */
async function lookAgain(turn: Turn): Promise<void> {
  try {
    await turn.readAgain()
  } catch (error) {
    if (!(error instanceof AppError)) throw error
    turn.log.warn({ reason: error.reason, err: error }, 'Delivery not read')
  }
}

/** Where status can't be written either, the log has it, and the next try will say it. */
async function say({ kind, reason, message }: Trouble, plan: Plan | undefined, turn: Turn): Promise<void> {
  const stances = { retryable: 'progressing', waiting: 'waiting', terminal: 'stalled' } as const
  try {
    await turn.write(turn.status, {
      standing: { stance: stances[kind], reason, message },
      pending: plan === undefined ? 'unknown' : plan.pending,
      drift: 'unknown',
    })
  } catch (error) {
    if (!(error instanceof AppError)) throw error
    turn.log.warn({ reason: error.reason, err: error }, 'status not written')
  }
}

function soonest(next: Next, changeMs: number | undefined, nowMs: number): Next {
  if (changeMs === undefined || next.kind === 'atOnce') return next
  const ms = Math.max(0, changeMs - nowMs)
  return next.kind === 'after' && next.ms <= ms ? next : { kind: 'after', ms }
}
