import type { TestCounts } from './tap-report.ts'

/** How the tests of one tier came out. */
export interface Outcome {
  readonly counts: TestCounts
  /** Files that failed, or never ended. */
  readonly failed: readonly string[]
}

/** Two parts of one tier as one. */
export function joinParts(one: Outcome, other: Outcome): Outcome {
  const [a, b] = [one.counts, other.counts]
  return {
    counts: {
      passed: a.passed + b.passed,
      failed: a.failed + b.failed,
      failures: [...a.failures, ...b.failures],
      empty: [...a.empty, ...b.empty],
      told: [...a.told, ...b.told],
    },
    failed: [...one.failed, ...other.failed],
  }
}
