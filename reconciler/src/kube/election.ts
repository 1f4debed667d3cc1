/**
 * Leader election on one Lease (coordination.k8s.io/v1). Whoever writes it first under its resourceVersion holds it; who
 * waits judges by how long ago, on its own monotonic clock, it saw the Lease change, never by the times written in it.
 * A term is counted from before the request that began or renewed it was sent, so that it ends here before it can be
 * taken elsewhere.
 * https://kubernetes.io/docs/concepts/architecture/leases/
 */
import { AppError } from '../core/errors.ts'
import type { Clock } from '../runtime/clock.ts'
import { abortedError, type KubeClient } from './client.ts'
import { createLeaseStore, type Lease, type LeaseSpec } from './lease.ts'
import { formatMicroTime } from './micro-time.ts'
import type { Leadership, WatchEvent, WatchSource } from './ports.ts'

export interface ElectionOptions {
  readonly client: KubeClient
  readonly watches: WatchSource
  readonly clock: Clock
  readonly random: () => number
  readonly namespace: string
  readonly leaseName: string
  readonly podName: string
  /** Tells this process from an earlier one of the same pod. */
  readonly processId: string
  readonly timing?: Partial<LeaseTiming>
  readonly hooks: ElectionHooks
}

export interface LeaseTiming {
  readonly leaseDurationMs: number
  readonly renewDeadlineMs: number
  readonly renewIntervalMs: number
  readonly retryPeriodMs: number
}

export interface ElectionHooks {
  /** A term begins; everything done in it carries its signal. */
  elected(term: { readonly epoch: number; readonly signal: AbortSignal }): void
  /** It has ended, and its signal is aborted for this reason. */
  lost(reason: AppError): void
  /** A request failed; it is tried again. */
  problem(error: AppError): void
}

export interface Election {
  readonly leadership: Leadership
  /** Stands for election, again after every loss, until the signal aborts; then gives up the lease it holds. */
  run(signal: AbortSignal): Promise<void>
}

const defaults: LeaseTiming = {
  leaseDurationMs: 15_000,
  renewDeadlineMs: 10_000,
  renewIntervalMs: 4_000,
  retryPeriodMs: 2_000,
}

interface Term {
  readonly epoch: number
  readonly abort: AbortController
  deadlineMs: number
  /** As the server holds it: what the next renewal is compared with. */
  lease: Lease
}

export function createElection(options: ElectionOptions): Election {
  const { client, watches, clock, random, namespace, leaseName, podName, processId, hooks } = options
  const timing = { ...defaults, ...options.timing }
  const identity = `${podName}_${processId}`
  const subject = `Lease ${namespace}/${leaseName}`
  // Two attempts fit between a renewal that is due and the deadline.
  const timeoutMs = Math.min(
    timing.leaseDurationMs - timing.renewDeadlineMs,
    (timing.renewDeadlineMs - timing.renewIntervalMs) / 2,
  )
  const leases = createLeaseStore({ client, namespace, name: leaseName, timeoutMs })
  const noTerm = AbortSignal.abort(lostError(`${subject} is not held`))
  let term: Term | undefined
  let lastEpoch = 0
  let seen: { readonly version: string; readonly atMs: number } | undefined

  function endTerm(reason: AppError): void {
    const ended = term
    if (ended === undefined) return
    term = undefined
    ended.abort.abort(reason)
    hooks.lost(reason)
  }

  /** The deadline is looked at whenever it matters, for its timer may fire late. */
  function currentTerm(): Term | undefined {
    if (term !== undefined && clock.monotonicMs() >= term.deadlineMs) {
      endTerm(lostError(`${subject} was not renewed within ${timing.renewDeadlineMs} ms`))
    }
    return term
  }

  const leadership: Leadership = {
    get isLeader() {
      return currentTerm() !== undefined
    },
    get epoch() {
      return lastEpoch
    },
    get signal() {
      return currentTerm()?.abort.signal ?? noTerm
    },
  }

  function specOf(epoch: number, acquireTime?: string): LeaseSpec {
    const now = formatMicroTime(clock.nowMs())
    return {
      holderIdentity: identity,
      leaseDurationSeconds: Math.ceil(timing.leaseDurationMs / 1000),
      leaseTransitions: epoch,
      acquireTime: acquireTime ?? now,
      renewTime: now,
    }
  }

  /** Tries to take a lease that is free, or that is not there. */
  async function take(lease: Lease | undefined, signal: AbortSignal): Promise<boolean> {
    const epoch = Math.max(lastEpoch, lease?.spec.leaseTransitions ?? 0) + 1
    const sentAtMs = clock.monotonicMs()
    const taken = await leases.write(lease, specOf(epoch), signal)
    // Another was quicker, or the lease was deleted: it is looked at again.
    if (taken === undefined) return false
    lastEpoch = epoch
    term = {
      epoch,
      abort: new AbortController(),
      deadlineMs: sentAtMs + timing.renewDeadlineMs,
      lease: taken,
    }
    return true
  }

  /** How long the lease has stood as it is, as far as was seen here. */
  function unchangedMs({ metadata: { uid, resourceVersion } }: Lease): number {
    const version = `${uid}@${resourceVersion}`
    if (seen?.version !== version) seen = { version, atMs: clock.monotonicMs() }
    return clock.monotonicMs() - seen.atMs
  }

  function isFree(lease: Lease): boolean {
    const { holderIdentity } = lease.spec
    const isUnchanged = unchangedMs(lease) >= durationMs(lease)
    // A pod runs one process of us at a time, so that an earlier one is dead.
    return !holderIdentity || holderIdentity.startsWith(`${podName}_`) || isUnchanged
  }

  function durationMs({ spec: { leaseDurationSeconds = 0 } }: Lease): number {
    return leaseDurationSeconds > 0 ? leaseDurationSeconds * 1000 : timing.leaseDurationMs
  }

  /** Waits until the lease is ours. A watch tells of renewals and release; the lease is read when that falls silent. */
  async function stand(signal: AbortSignal): Promise<void> {
    const stop = new AbortController()
    let told: Lease | 'gone' | undefined
    let wake = new AbortController()
    const onEvent = (event: WatchEvent<Lease>) => {
      if (event.type === 'synced') return
      told = event.type === 'deleted' ? 'gone' : event.object
      wake.abort()
    }
    watches.watch<Lease>(leases.watched, onEvent, AbortSignal.any([signal, stop.signal]))
    try {
      while (!signal.aborted) {
        let lease = await leases.read(signal)
        if (lease === undefined || isFree(lease)) {
          if (await take(lease, signal)) return
          await pause(jittered(timing.retryPeriodMs), signal)
          continue
        }
        while (!signal.aborted && !isFree(lease)) {
          told = undefined
          wake = new AbortController()
          await pause(durationMs(lease) - unchangedMs(lease), signal, wake.signal)
          if (told === 'gone') break
          lease = told ?? lease
        }
      }
    } finally {
      stop.abort()
    }
  }

  /** Renews until the term ends. */
  async function hold(held: Term, signal: AbortSignal): Promise<void> {
    const ended = AbortSignal.any([signal, held.abort.signal])
    let cancelDeadline = () => {}
    const watchDeadline = () => {
      cancelDeadline()
      cancelDeadline = clock.after(Math.max(1, held.deadlineMs - clock.monotonicMs()), () => {
        if (currentTerm() === held) watchDeadline()
      })
    }
    watchDeadline()
    try {
      await pause(jittered(timing.renewIntervalMs), ended)
      while (!ended.aborted && currentTerm() === held) {
        const waitMs = await renew(held, ended)
        watchDeadline()
        await pause(waitMs, ended)
      }
    } finally {
      cancelDeadline()
    }
  }

  /** Answers how long to wait until the next renewal is due. */
  async function renew(held: Term, signal: AbortSignal): Promise<number> {
    const { lease } = held
    const sentAtMs = clock.monotonicMs()
    try {
      const renewed = await leases.write(lease, specOf(held.epoch, lease.spec.acquireTime), signal)
      if (renewed !== undefined) {
        held.lease = renewed
        held.deadlineMs = sentAtMs + timing.renewDeadlineMs
        return jittered(timing.renewIntervalMs)
      }
      // An earlier attempt that was given up may have arrived after all; anything else means that it is lost.
      const now = await leases.read(signal)
      if (now?.spec.holderIdentity !== identity) {
        endTerm(lostError(`${subject} is ${now === undefined ? 'gone' : `held by ${now.spec.holderIdentity}`}`))
        return 0
      }
      held.lease = now
      return 0
    } catch (error) {
      return report(error, signal)
    }
  }

  /** Lets the next one lead at once; where that fails it must wait until the lease has expired. */
  async function release(): Promise<void> {
    const { signal } = new AbortController()
    try {
      const lease = await leases.read(signal)
      if (lease?.spec.holderIdentity !== identity) return
      const spec = { ...lease.spec, holderIdentity: '', renewTime: formatMicroTime(clock.nowMs()) }
      await leases.write(lease, spec, signal)
    } catch (error) {
      report(error, signal)
    }
  }

  /** Answers how long to wait before it is tried again: as long as the API server asks, if that costs the lease. */
  function report(error: unknown, signal: AbortSignal): number {
    if (!(error instanceof AppError)) throw error
    if (!signal.aborted) hooks.problem(error)
    return Math.max(jittered(timing.retryPeriodMs), error.retryAfterMs ?? 0)
  }

  /** Ends early, and without an error, where one of the signals aborts. */
  async function pause(ms: number, ...signals: readonly AbortSignal[]): Promise<void> {
    const early = AbortSignal.any([...signals])
    await clock.sleep(Math.max(0, ms), early).catch((error: unknown) => {
      if (!early.aborted) throw error
    })
  }

  /** Up to a tenth less, so that replicas do not ask in step. */
  function jittered(ms: number): number {
    return ms * (1 - random() / 10)
  }

  return {
    leadership,
    async run(signal) {
      while (!signal.aborted) {
        try {
          await stand(signal)
        } catch (error) {
          await pause(report(error, signal), signal)
        }
        const held = currentTerm()
        if (held === undefined) continue
        hooks.elected({ epoch: held.epoch, signal: held.abort.signal })
        await hold(held, signal)
      }
      if (currentTerm() === undefined) return
      endTerm(abortedError(signal, `hold ${subject}`))
      await release()
    },
  }
}

function lostError(message: string): AppError {
  return new AppError({ kind: 'aborted', reason: 'LeaseLost', message })
}
