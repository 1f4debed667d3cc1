import type { LoggedRequest } from '../../bootstrap/local/registry/control/request-log.ts'

export interface PollWindow {
  /** Epoch milliseconds; in the middle between two times of the schedule, so that none falls on an edge. */
  readonly fromMs: number
  readonly everyMs: number
  readonly polls: number
}

/**
 * How many of the polls that were due were done: a repository counts once for each time of the schedule at which its
 * tags were listed and answered well, however often they were asked for.
 */
export function countPolls(
  requests: readonly Pick<LoggedRequest, 'atMs' | 'status' | 'repository'>[],
  { fromMs, everyMs, polls }: PollWindow,
): number {
  const done = requests
    .filter(({ status }) => status === 200)
    .map(({ atMs, repository = '' }) => ({ repository, slot: Math.floor((atMs - fromMs) / everyMs) }))
    .filter(({ slot }) => slot >= 0 && slot < polls)
  return new Set(done.map(({ repository, slot }) => `${slot} ${repository}`)).size
}
