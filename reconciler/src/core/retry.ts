import { backoffMs } from './backoff.ts'
import type { Problem } from './observed.ts'

export interface RetryOptions {
  /** What the other side asked us to wait. */
  readonly retryAfterMs: number | undefined
  /** How often in a row it failed, this time included. */
  readonly attempt: number
  /** Drawn by the caller, in [0, 1). */
  readonly random: number
}

const retryable = { baseMs: 250, capMs: 60_000 }
/** What waits for somebody else is looked at this often, unless an event comes before. */
const waitingMs = 30_000

/** How long until something is tried again; undefined where it never is by itself. */
export function retryDelayMs(
  kind: Problem['kind'],
  { retryAfterMs, attempt, random }: RetryOptions,
): number | undefined {
  if (kind === 'terminal') return undefined
  if (kind === 'waiting') return retryAfterMs ?? Math.round(waitingMs * (0.9 + 0.2 * random))
  return Math.max(retryAfterMs ?? 0, backoffMs({ ...retryable, attempt, random }))
}
