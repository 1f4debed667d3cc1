import { setTimeout as sleep } from 'node:timers/promises'
import { backoffMs } from '../core/backoff.ts'
import { AppError } from '../core/errors.ts'

const mostAttempts = 5
const longestWaitMs = 60_000

/** A command has no work queue behind it: what may pass is tried again here, as long as the registry asks to wait. */
export async function withRetries<T>(
  action: () => Promise<T>,
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await action()
    } catch (error) {
      if (!(error instanceof AppError) || error.kind !== 'retryable' || attempt === mostAttempts) throw error
      const waitMs = backoffMs({ attempt, baseMs: 1_000, capMs: 15_000, random: Math.random() })
      const pauseMs = Math.min(Math.max(waitMs, error.retryAfterMs ?? 0), longestWaitMs)
      say(`${error.message}; trying again in ${Math.ceil(pauseMs / 1000)} s`)
      await sleep(pauseMs, undefined, { signal })
    }
  }
}
