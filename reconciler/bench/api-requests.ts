import type { AuditEvent } from '../../bootstrap/local/audit-log.ts'

export interface RequestCounts {
  readonly apiRequests: number
  readonly leaseRequests: number
  readonly watchRequests: number
  /** What is neither, as `VERB URI`, for a person to look at. */
  readonly others: readonly string[]
}

/**
 * Counts what a user asked of the API server, as the audit log has it: each request once, at its arrival. What it asked
 * as another counts too, for the log names the user who impersonates.
 */
export function countRequests(events: readonly AuditEvent[], userName: string): RequestCounts {
  const requests = events.filter(({ stage, user }) => stage === 'RequestReceived' && user.username === userName)
  const kinds = Map.groupBy(requests, kindOf)
  return {
    apiRequests: requests.length,
    leaseRequests: kinds.get('lease')?.length ?? 0,
    watchRequests: kinds.get('watch')?.length ?? 0,
    others: (kinds.get('other') ?? []).map(({ verb, requestURI }) => `${verb} ${requestURI}`),
  }
}

/** A list is no upkeep: a watch that goes on where it was needs none. */
function kindOf({ verb, objectRef }: AuditEvent): 'lease' | 'watch' | 'other' {
  if (verb === 'watch') return 'watch'
  return objectRef?.resource === 'leases' ? 'lease' : 'other'
}
