export interface BackoffOptions {
  /** 1 for the wait after the first failure. */
  readonly attempt: number
  readonly baseMs: number
  readonly capMs: number
  /** Drawn by the caller, in [0, 1). */
  readonly random: number
}

/**
 * Doubles from `baseMs` to `capMs`; the upper half of it is drawn, so that what failed together does not come back
 * together and yet nothing comes back at once.
 */
export function backoffMs({ attempt, baseMs, capMs, random }: BackoffOptions): number {
  const doublings = Math.min(Math.max(attempt, 1) - 1, 30)
  const fullMs = Math.min(capMs, baseMs * 2 ** doublings)
  return Math.round(fullMs / 2 + (fullMs / 2) * random)
}
