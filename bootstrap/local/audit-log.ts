import { open, stat } from 'node:fs/promises'

/** The fields of an audit.k8s.io/v1 Event that a witness needs. */
export interface AuditEvent {
  readonly auditID: string
  readonly stage: 'RequestReceived' | 'ResponseStarted' | 'ResponseComplete' | 'Panic'
  readonly verb: string
  readonly requestURI: string
  readonly user: { readonly username: string; readonly groups?: readonly string[] }
  readonly impersonatedUser?: { readonly username: string }
  readonly userAgent?: string
  readonly objectRef?: {
    readonly apiGroup?: string
    readonly apiVersion?: string
    readonly resource?: string
    readonly subresource?: string
    readonly namespace?: string
    readonly name?: string
  }
  readonly responseStatus?: { readonly code?: number; readonly reason?: string }
  readonly requestReceivedTimestamp: string
  readonly stageTimestamp: string
}

/** Where the log ends now, to read from later. */
export async function endOfAuditLog(path: string): Promise<number> {
  return (await stat(path)).size
}

/**
 * What the API server has been asked since a place in its audit log, and where to go on from. A request is in it,
 * at stage RequestReceived, before it is served; its ResponseComplete is written after the answer is sent.
 */
export async function readAuditLog(
  path: string,
  fromByte = 0,
): Promise<{ readonly events: readonly AuditEvent[]; readonly endByte: number }> {
  const file = await open(path, 'r')
  try {
    const { size } = await file.stat()
    const buffer = Buffer.alloc(Math.max(0, size - fromByte))
    const { bytesRead } = await file.read(buffer, 0, buffer.length, fromByte)
    // A line may be half written yet; it is left for the next call.
    const end = buffer.subarray(0, bytesRead).lastIndexOf('\n') + 1
    const lines = buffer.subarray(0, end).toString('utf8').split('\n')
    const events = lines.filter((line) => line !== '').map((line) => JSON.parse(line) as AuditEvent)
    return { events, endByte: fromByte + end }
  } finally {
    await file.close()
  }
}
