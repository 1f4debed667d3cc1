/**
 * Kubernetes Events (events.k8s.io/v1), written behind the work and never in its way. What repeats within five minutes
 * is counted in the series of one Event.
 * https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/
 */
import { reportingController } from '../api/annotations.ts'
import { AppError } from '../core/errors.ts'
import type { Clock } from '../runtime/clock.ts'
import { refusedError, type KubeClient } from './client.ts'
import { formatMicroTime } from './micro-time.ts'
import type { EventRequest, EventSink } from './ports.ts'

export interface EventWriterOptions {
  readonly client: KubeClient
  readonly clock: Clock
  /** Name of our pod. */
  readonly instance: string
  /** Makes the name of each Event another: lower-case letters and digits. */
  readonly newSuffix: () => string
  readonly hooks: EventHooks
  readonly limits?: Partial<EventLimits>
}

export interface EventHooks {
  /** An Event was not written, for the reason that the error gives, or because too many wait (no error). */
  lost(request: EventRequest, error: AppError | undefined): void
}

export interface EventLimits {
  readonly maxWaiting: number
  readonly maxSeries: number
}

export interface EventWriter extends EventSink {
  /** Writes what is emitted until the signal aborts, then for two seconds what is left. */
  run(signal: AbortSignal): Promise<void>
}

interface Series {
  readonly key: string
  readonly request: EventRequest
  readonly name: string
  /** Times are of the monotonic clock: a wall clock that steps neither splits a series nor delays it. */
  readonly firstAtMs: number
  lastAtMs: number
  count: number
  /** As many as the API server knows of; none before it was created. */
  written: number
  writtenAtMs: number
}

const outOfTime = new AppError({
  kind: 'aborted',
  reason: 'ShuttingDown',
  message: 'the process ended before the Event was written',
})
const seriesGapMs = 5 * 60_000
const seriesIntervalMs = 60_000
const lastChanceMs = 2_000
// Limits of the API, in bytes; a name has 253 characters at most.
const maxNoteBytes = 1024
const maxNameLength = 200
const defaults: EventLimits = { maxWaiting: 256, maxSeries: 1_000 }

export function createEventWriter(options: EventWriterOptions): EventWriter {
  const { client, clock, instance, newSuffix, hooks } = options
  const { maxWaiting, maxSeries } = { ...defaults, ...options.limits }
  // In the order in which they were last emitted.
  const open = new Map<string, Series>()
  const waiting: Series[] = []
  let wake = new AbortController()

  function emit(request: EventRequest): void {
    const key = keyOf(request)
    const nowMs = clock.monotonicMs()
    const known = open.get(key)
    open.delete(key)
    if (known !== undefined && nowMs - known.lastAtMs < seriesGapMs) {
      known.count += 1
      known.lastAtMs = nowMs
      open.set(key, known)
    } else if (waiting.length >= maxWaiting) {
      hooks.lost(request, undefined)
      return
    } else {
      const name = `${nameOf(request)}.${newSuffix()}`
      const times = { firstAtMs: nowMs, lastAtMs: nowMs, writtenAtMs: nowMs }
      const series = { key, request, name, count: 1, written: 0, ...times }
      open.set(key, series)
      waiting.push(series)
    }
    wake.abort()
  }

  async function write(series: Series, signal: AbortSignal): Promise<void> {
    const { request, count, written } = series
    const isNew = written === 0
    const collection = `/apis/events.k8s.io/v1/namespaces/${encodeURIComponent(namespaceOf(request))}/events`
    series.written = count
    series.writtenAtMs = clock.monotonicMs()
    const event = {
      method: isNew ? 'POST' : 'PATCH',
      path: isNew ? collection : `${collection}/${encodeURIComponent(series.name)}`,
      body: isNew ? eventOf(series) : seriesOf(series),
      contentType: isNew ? 'application/json' : 'application/merge-patch+json',
      what: `write Event ${request.reason} of ${request.regarding.kind} ${request.regarding.metadata.name}`,
      signal,
    } as const
    try {
      const answer = await client.send(event)
      // One that was given up may have arrived.
      const isThere = isNew && !answer.ok && answer.refusal.code === 409
      if (!answer.ok && !isThere) throw refusedError(answer.refusal, event)
    } catch (error) {
      if (!(error instanceof AppError)) throw error
      if (error.kind === 'aborted' && signal.reason !== outOfTime) {
        series.written = written
        if (isNew) waiting.unshift(series)
        return
      }
      // The next one begins anew.
      open.delete(series.key)
      hooks.lost(request, error)
    }
  }

  function eventOf(series: Series): object {
    const { request, name, firstAtMs, count } = series
    const { apiVersion, kind, metadata } = request.regarding
    return {
      metadata: { name, namespace: namespaceOf(request) },
      eventTime: timeOf(firstAtMs),
      reportingController,
      reportingInstance: instance.slice(0, 128),
      action: request.action,
      reason: request.reason,
      type: request.type,
      note: cut(request.note),
      regarding: {
        apiVersion,
        kind,
        namespace: metadata.namespace,
        name: metadata.name,
        uid: metadata.uid,
        resourceVersion: metadata.resourceVersion,
      },
      ...(count > 1 && seriesOf(series)),
    }
  }

  function seriesOf({ count, lastAtMs }: Series): object {
    return { series: { count, lastObservedTime: timeOf(lastAtMs) } }
  }

  function timeOf(monotonicMs: number): string {
    return formatMicroTime(clock.nowMs() - (clock.monotonicMs() - monotonicMs))
  }

  function nextDue(nowMs: number): { readonly series: Series; readonly dueMs: number } | undefined {
    const due = [...open.values()]
      .filter(({ count, written }) => written > 0 && count > written)
      .map((series) => ({ series, dueMs: series.writtenAtMs + seriesIntervalMs - nowMs }))
    return due.sort((a, b) => a.dueMs - b.dueMs)[0]
  }

  /** Forgets what has not been emitted for long; what must be counted yet stays until it is. */
  function sweep(nowMs: number): void {
    for (const [key, { lastAtMs, count, written }] of open) {
      const isOver = nowMs - lastAtMs >= seriesGapMs || open.size > maxSeries
      if (isOver && written === count) open.delete(key)
    }
  }

  async function drain(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const series = waiting.shift()
      if (series === undefined) return
      await write(series, signal)
    }
  }

  async function finish(): Promise<void> {
    const lastChance = new AbortController()
    const cancel = clock.after(lastChanceMs, () => lastChance.abort(outOfTime))
    try {
      await drain(lastChance.signal)
      const counts = [...open.values()].filter(({ count, written }) => written > 0 && count > written)
      for (const series of counts) await write(series, lastChance.signal)
      for (const { request } of waiting) hooks.lost(request, outOfTime)
    } finally {
      cancel()
    }
  }

  return {
    emit,
    async run(signal) {
      while (!signal.aborted) {
        wake = new AbortController()
        await drain(signal)
        const nowMs = clock.monotonicMs()
        sweep(nowMs)
        const next = nextDue(nowMs)
        if (next !== undefined && next.dueMs <= 0) {
          await write(next.series, signal)
          continue
        }
        const early = AbortSignal.any([signal, wake.signal])
        await clock.sleep(next?.dueMs ?? seriesGapMs, early).catch((error: unknown) => {
          if (!early.aborted) throw error
        })
      }
      await finish()
    },
  }
}

function keyOf({ regarding, type, reason, action, note }: EventRequest): string {
  const { uid, namespace, name } = regarding.metadata
  return JSON.stringify([regarding.kind, namespace, name, uid, type, reason, action, note])
}

/** An Event lies in the namespace of what it is about; that of a cluster-scoped object in `default`. */
function namespaceOf({ regarding }: EventRequest): string {
  return regarding.metadata.namespace ?? 'default'
}

function nameOf({ regarding }: EventRequest): string {
  return regarding.metadata.name.slice(0, maxNameLength).replace(/[^a-z0-9]+$/, '')
}

/** At most as many bytes as a note may have, and no half character. */
function cut(note: string): string {
  const bytes = Buffer.from(note)
  if (bytes.length <= maxNoteBytes) return note
  const kept = bytes.subarray(0, maxNoteBytes - 3).toString('utf8')
  return `${kept.replace(/\uFFFD$/, '')}…`
}
