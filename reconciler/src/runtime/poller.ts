import { backoffMs } from '../core/backoff.ts'
import { AppError } from '../core/errors.ts'
import type { Problem, RegistryView } from '../core/observed.ts'
import type { KnownReleases } from '../core/release-order.ts'
import type { SeenImage } from '../core/releases.ts'
import type { TagHead, TagSource } from '../registry/tag-source.ts'
import type { Log } from '../telemetry/log.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import type { Clock } from './clock.ts'
import { isUnplaced, readRegistry, type ReadSubject, type RegistryRead } from './registry-read.ts'
import type { Schedules } from './schedules.ts'
import { WorkQueue } from './work-queue.ts'

/** What a Delivery wants polled, and when. */
export interface PollSubject extends ReadSubject {
  /** `spec.image.tags`; two subjects with the same text look for the same tags. */
  readonly pattern: string
  readonly schedule: string
  readonly timeZone: string
}

export interface PollerOptions {
  readonly tags: TagSource
  readonly schedules: Schedules
  readonly clock: Clock
  readonly random: () => number
  readonly jitterMs: number
  readonly log: Log
  readonly metrics: Pick<Metrics, 'polled' | 'pollSucceeded' | 'nextPollAt' | 'noNextPoll' | 'bug'>
  /** What the registry tells of this Delivery is another than before. */
  readonly onChange: (key: string) => void
}

interface Entry {
  subject: PollSubject
  stopSchedule: () => void
  /** Ends the wait for the next poll: a jitter, or what a registry asked for. */
  cancelWait: () => void
  /** Ends the poll under way. */
  readonly abort: AbortController
  /** Grows when what a poll under way reads is not enough any more. */
  era: number
  head?: TagHead
  images?: readonly SeenImage[]
  problem?: Problem
  failures: number
  notBeforeMs: number
}

/** Polls of one registry at once: one that hangs holds up no other. */
const concurrency = 16
const backoff = { baseMs: 1_000, capMs: 120_000 }

/**
 * Reads registries on their schedules and keeps, for each Delivery, what all complete reads since highWater saw.
 * A poll that fails changes nothing of that (invariant 1); it is told beside it.
 */
export class Poller {
  readonly #options: PollerOptions
  /** Of repositories: each is polled once at a time, whoever asks for it, and those who wait for it hold no place. */
  readonly #queue: WorkQueue
  /** The keys to be polled, by their repository, in the order in which they came. */
  readonly #due = new Map<string, Set<string>>()
  readonly #entries = new Map<string, Entry>()

  constructor(options: PollerOptions) {
    this.#options = options
    this.#queue = new WorkQueue({ clock: options.clock, concurrency, groupOf: registryOf })
  }

  /** Polls until the signal aborts; then forgets all. */
  async run(signal: AbortSignal): Promise<void> {
    const forgetAll = () => {
      for (const key of this.#entries.keys()) this.forget(key)
    }
    signal.addEventListener('abort', forgetAll, { once: true })
    try {
      await this.#queue.run((repository) => this.#pollNext(repository), signal)
    } finally {
      forgetAll()
      this.#due.clear()
    }
  }

  /** Begins with a poll at once; called again it takes over what changed. */
  follow(key: string, subject: PollSubject): void {
    const entry = this.#entries.get(key)
    if (entry === undefined || isAnother(entry.subject, subject)) {
      this.forget(key)
      this.#begin(key, subject)
      return
    }
    const { subject: before } = entry
    entry.subject = subject
    if (before.schedule !== subject.schedule || before.timeZone !== subject.timeZone) {
      entry.stopSchedule()
      entry.stopSchedule = this.#schedule(key, subject)
      // So that what is told of the next poll goes by the new one.
      this.pollNow(key)
    }
    if (isSameHighWater(before.known, subject.known)) return
    // From another highWater other images matter, as after a restart: the next poll reads all of them anew.
    beginEra(entry)
    const wereTooMany = entry.problem?.reason === 'TooManyTags'
    if (wereTooMany) delete entry.problem
    // What lies between the two was never read (invariant 1).
    const isUnread = isEarlier(subject, before)
    if (isUnread) delete entry.images
    if (entry.images !== undefined) entry.images = entry.images.filter((image) => !isUnplaced(image, subject.known))
    if (wereTooMany || isUnread) this.#pollDue(key)
  }

  forget(key: string): void {
    const entry = this.#entries.get(key)
    if (entry === undefined) return
    entry.stopSchedule()
    entry.cancelWait()
    entry.abort.abort(
      new AppError({ kind: 'aborted', reason: 'Superseded', message: 'the poll is not wanted any more' }),
    )
    this.#entries.delete(key)
    this.#options.metrics.noNextPoll(labelsOf(key))
  }

  /** Polls at once, though not before the time that a registry asked us to wait. */
  pollNow(key: string): void {
    const entry = this.#entries.get(key)
    if (entry === undefined) return
    this.#pollAfter(key, entry, entry.notBeforeMs - this.#options.clock.monotonicMs())
  }

  /** What was seen turned out not to be there any more: reads all of it anew. */
  rescan(key: string): void {
    const entry = this.#entries.get(key)
    if (entry === undefined) return
    beginEra(entry)
    this.pollNow(key)
  }

  view(key: string): RegistryView {
    const entry = this.#entries.get(key)
    return {
      ...(entry?.images !== undefined && { images: entry.images }),
      ...(entry?.problem !== undefined && { problem: entry.problem }),
    }
  }

  #begin(key: string, subject: PollSubject): void {
    const stopSchedule = this.#schedule(key, subject)
    const abort = new AbortController()
    const notBeforeMs = Number.NEGATIVE_INFINITY
    const entry = { subject, stopSchedule, cancelWait: () => {}, abort, era: 0, failures: 0, notBeforeMs }
    this.#entries.set(key, entry)
    this.#pollDue(key)
  }

  /** Nothing that counts now was read yet. */
  #pollDue(key: string): void {
    this.#options.metrics.nextPollAt(labelsOf(key), this.#options.clock.nowMs())
    this.pollNow(key)
  }

  #schedule(key: string, { schedule, timeZone }: PollSubject): () => void {
    const { schedules, clock, random, jitterMs } = this.#options
    return schedules.follow(schedule, timeZone, (untilNextMs) => {
      const entry = this.#entries.get(key)
      // Too many tags stay too many until highWater moves, and each try costs a hundred requests.
      if (entry === undefined || entry.problem?.reason === 'TooManyTags') return
      if (clock.monotonicMs() < entry.notBeforeMs) return
      this.#pollAfter(key, entry, random() * Math.min(jitterMs, untilNextMs / 10))
    })
  }

  #pollAfter(key: string, entry: Entry, waitMs: number): void {
    entry.cancelWait()
    if (waitMs <= 0) this.#add(key, entry)
    else entry.cancelWait = this.#options.clock.after(waitMs, () => this.#add(key, entry))
  }

  #add(key: string, { subject: { repository } }: Entry): void {
    const due = this.#due.get(repository) ?? new Set()
    this.#due.set(repository, due.add(key))
    this.#queue.add(repository)
  }

  /** One of those who wait for this repository; after it come the others, behind all other repositories. */
  async #pollNext(repository: string): Promise<void> {
    const due = this.#due.get(repository)
    const [key] = due ?? []
    if (due === undefined || key === undefined) return
    due.delete(key)
    if (due.size > 0) this.#queue.add(repository)
    else this.#due.delete(repository)
    const entry = this.#entries.get(key)
    // It may have been forgotten since, and follow another repository by now.
    if (entry?.subject.repository === repository) await this.#poll(key, entry)
  }

  async #poll(key: string, entry: Entry): Promise<void> {
    const { tags, clock } = this.#options
    const { subject, era } = entry
    const isCurrent = () => this.#entries.get(key) === entry
    entry.cancelWait()
    try {
      const read = await readRegistry(tags, subject, entry, clock.nowMs(), entry.abort.signal)
      if (!isCurrent()) return
      if (entry.era === era) this.#succeeded(key, entry, read)
      else this.#add(key, entry)
    } catch (error) {
      if (isCurrent()) this.#failed(key, entry, error)
    }
  }

  #succeeded(key: string, entry: Entry, { scan, images }: RegistryRead): void {
    const { clock, metrics, log, onChange } = this.#options
    metrics.polled(registryOf(entry.subject.repository), scan.kind)
    entry.failures = 0
    entry.notBeforeMs = Number.NEGATIVE_INFINITY
    if (scan.kind === 'tooMany') {
      metrics.noNextPoll(labelsOf(key))
      this.#tell(key, entry, tooManyTags(entry.subject, scan.atLeast))
      return
    }
    metrics.pollSucceeded(labelsOf(key), clock.nowMs())
    this.#tellNextPoll(key, entry)
    const isSame = entry.images?.length === 0 && images.length === 0
    const isNews = entry.images === undefined || entry.problem !== undefined || (scan.kind !== 'unchanged' && !isSame)
    if (scan.kind === 'empty') delete entry.head
    else entry.head = scan.head
    entry.images = images
    delete entry.problem
    if (!isNews) return
    log.debug({ delivery: key, images: images.length }, 'registry changed')
    onChange(key)
  }

  #failed(key: string, entry: Entry, error: unknown): void {
    const { clock, random, metrics, log } = this.#options
    const isMissing = error instanceof AppError && error.reason === 'RepositoryNotFound'
    metrics.polled(registryOf(entry.subject.repository), isMissing ? 'notFound' : 'failed')
    // Before the first push that is how it is: the registry was asked, and answered.
    if (isMissing) this.#tellNextPoll(key, entry)
    if (!(error instanceof AppError)) {
      metrics.bug()
      log.error({ delivery: key, err: error }, 'poll failed with a bug')
    }
    const problem = problemOf(error)
    if (problem.kind === 'retryable') {
      entry.failures += 1
      const askedMs = error instanceof AppError ? (error.retryAfterMs ?? 0) : 0
      const waitMs = Math.max(askedMs, backoffMs({ attempt: entry.failures, ...backoff, random: random() }))
      entry.notBeforeMs = clock.monotonicMs() + waitMs
      this.#pollAfter(key, entry, waitMs)
    }
    log.warn({ delivery: key, reason: problem.reason, err: error }, 'poll failed')
    this.#tell(key, entry, problem)
  }

  #tellNextPoll(key: string, { subject: { schedule, timeZone } }: Entry): void {
    const { clock, schedules, metrics } = this.#options
    metrics.nextPollAt(labelsOf(key), clock.nowMs() + schedules.untilNextMs(schedule, timeZone))
  }

  #tell(key: string, entry: Entry, problem: Problem): void {
    const isNews = entry.problem?.reason !== problem.reason || entry.problem.kind !== problem.kind
    // The words of the first time stay: waits and times in them differ with every try, and each would be a write.
    if (!isNews) return
    entry.problem = problem
    this.#options.onChange(key)
  }
}

/** What was read so far does not bound the next read. */
function beginEra(entry: Entry): void {
  entry.era += 1
  delete entry.head
}

function isAnother(before: PollSubject, now: PollSubject): boolean {
  return before.repository !== now.repository || before.pattern !== now.pattern
}

function isEarlier({ knownSinceMs: now = 0 }: PollSubject, { knownSinceMs: before = 0 }: PollSubject): boolean {
  return now < before
}

function isSameHighWater({ highWater: a }: KnownReleases, { highWater: b }: KnownReleases): boolean {
  return a?.tag === b?.tag && a?.digest === b?.digest && a?.pushedAtMs === b?.pushedAtMs && a?.sequence === b?.sequence
}

function tooManyTags({ repository }: PollSubject, atLeast: number): Problem {
  return {
    kind: 'terminal',
    reason: 'TooManyTags',
    message: `${atLeast} or more tags of ${repository} are newer than what is known, so that nothing is decided; pin one by the annotation windlass.dev/pin`,
  }
}

function problemOf(error: unknown): Problem {
  if (!(error instanceof AppError)) {
    return { kind: 'retryable', reason: 'InternalError', message: 'the poll failed with a bug; see the log' }
  }
  const { kind, reason, message } = error
  return { kind: kind === 'aborted' ? 'retryable' : kind, reason, message }
}

function registryOf(repository: string): string {
  return repository.split('/', 1)[0] ?? ''
}

function labelsOf(key: string): { readonly namespace: string; readonly name: string } {
  const [namespace = '', name = ''] = key.split('/')
  return { namespace, name }
}
