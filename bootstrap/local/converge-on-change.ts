import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'

export interface ConvergeOptions {
  /** Changes come in bursts; one call is for all that come within this time. */
  readonly settleMs: number
  readonly converge: () => Promise<void>
  readonly log: Logger
  readonly signal: AbortSignal
}

export interface ConvergeLoop {
  /** Something changed. */
  readonly wake: () => void
  /** Resolves after the signal has aborted, when no call is under way. */
  readonly ended: Promise<void>
}

const firstRetryMs = 1_000
const longestRetryMs = 30_000

/** Calls `converge` once after each burst of changes, never twice at a time, and again after it failed. */
export function convergeOnChange({ settleMs, converge, log, signal }: ConvergeOptions): ConvergeLoop {
  let change = Promise.withResolvers<void>()
  const wake = (): void => change.resolve()

  async function run(): Promise<void> {
    let retryMs: number | undefined
    while (!signal.aborted) {
      const retry = retryMs === undefined ? undefined : setTimeout(wake, retryMs)
      await change.promise
      clearTimeout(retry)
      await sleep(settleMs, undefined, { signal }).catch(() => undefined)
      change = Promise.withResolvers<void>()
      if (signal.aborted) break
      try {
        await converge()
        retryMs = undefined
      } catch (error) {
        if (signal.aborted) break
        retryMs = retryMs === undefined ? firstRetryMs : Math.min(retryMs * 2, longestRetryMs)
        log.error({ err: error, retryMs }, 'could not converge, will try again')
      }
    }
  }

  signal.addEventListener('abort', wake, { once: true })
  return { wake, ended: run() }
}
