import { setTimeout as sleep } from 'node:timers/promises'
import { endOfAuditLog, readAuditLogFrom } from '../../bootstrap/local/audit-log.ts'
import { countRequests } from './api-requests.ts'

export interface QuietOptions {
  readonly auditLog: string
  readonly userName: string
  /** For how long nothing but lease renewals and watches was asked. */
  readonly quietMs: number
  readonly timeoutMs: number
  readonly signal: AbortSignal
}

/** Waits until a user asks the API server for nothing but upkeep; throws, and says what it asked last, where it goes on. */
export async function untilQuiet({ auditLog, userName, quietMs, timeoutMs, signal }: QuietOptions): Promise<void> {
  const deadlineMs = performance.now() + timeoutMs
  for (;;) {
    const from = await endOfAuditLog(auditLog)
    await sleep(quietMs, undefined, { signal })
    const { others } = countRequests(await readAuditLogFrom(auditLog, from), userName)
    if (others.length === 0) return
    if (performance.now() > deadlineMs) throw new Error(`${userName} does not come to rest: ${others.at(-1)}`)
  }
}
