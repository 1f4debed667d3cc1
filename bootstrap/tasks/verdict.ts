import { constants } from 'node:os'

export interface Run {
  readonly passed: number
  /** Assertions that failed, and tests that asserted nothing. */
  readonly failed: number
  /** Whether tests were left out that the whole has. */
  readonly isIncomplete: boolean
  readonly interruptedBy?: 'SIGINT' | 'SIGTERM' | 'SIGHUP'
}

/** The exit code of a run of tests. Where nobody looks, as in CI, what was left out is no success. */
export function exitCodeOf({ passed, failed, isIncomplete, interruptedBy }: Run, isCi: boolean): number {
  if (interruptedBy !== undefined) return 128 + constants.signals[interruptedBy]
  return failed > 0 || passed === 0 || (isIncomplete && isCi) ? 1 : 0
}
