import type { Outcome } from './outcome.ts'
import type { TestCounts } from './tap-report.ts'

/** More of them are no accident. */
const mostFiles = 3

/** They judge what all others did, too, of which nothing is left once they are alone. */
export const judges: readonly string[] = ['reconciler/e2e/rights.e2e.ts', 'reconciler/e2e/who-may-talk-to-whom.e2e.ts']

/** Whether what failed beside others is to be run once more, alone: docs/adr/0019. */
export function isWorthAnotherTry(outcomes: readonly Outcome[]): boolean {
  const files = outcomes.flatMap(({ failed }) => failed)
  return files.length > 0 && files.length <= mostFiles && !files.some((file) => judges.includes(file))
}

/** Both tries as one; what failed in the first alone is told, and is no failure. */
export function joinTries(
  first: Outcome,
  second: Outcome,
): { readonly counts: TestCounts; readonly unsteady: readonly string[] } {
  const isOf = (files: readonly string[]) => (name: string) => files.some((file) => name.startsWith(file))
  const wasTriedAgain = isOf(first.failed)
  const failedAgain = isOf(second.failed)
  const { failures, empty } = first.counts
  return {
    counts: {
      ...second.counts,
      passed: first.counts.passed + second.counts.passed,
      // What is of no file, a second try of files does not answer.
      failed: failures.filter((failure) => !wasTriedAgain(failure)).length + second.counts.failed,
      failures: [...failures.filter((failure) => !wasTriedAgain(failure)), ...second.counts.failures],
      empty: [...empty.filter((name) => !wasTriedAgain(name)), ...second.counts.empty],
    },
    unsteady: failures.filter((failure) => wasTriedAgain(failure) && !failedAgain(failure)),
  }
}
