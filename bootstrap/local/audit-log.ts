import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { createInterface } from 'node:readline'

/**
 * The fields we look at of one line of the API server's audit log (audit.k8s.io/v1 Event, level Metadata).
 * https://kubernetes.io/docs/reference/config-api/apiserver-audit.v1/
 */
export interface AuditEvent {
  readonly stage: 'RequestReceived' | 'ResponseStarted' | 'ResponseComplete' | 'Panic'
  readonly verb: string
  readonly requestURI: string
  readonly user: { readonly username: string; readonly extra?: Readonly<Record<string, readonly string[]>> }
  readonly impersonatedUser?: { readonly username: string }
  readonly userAgent?: string
  readonly objectRef?: {
    readonly resource?: string
    readonly subresource?: string
    readonly namespace?: string
    readonly name?: string
    readonly apiGroup?: string
  }
  readonly responseStatus?: { readonly code?: number }
  readonly annotations?: Readonly<Record<string, string>>
  readonly requestReceivedTimestamp: string
  readonly stageTimestamp: string
}

const writingVerbs = new Set(['create', 'update', 'patch', 'delete', 'deletecollection'])

/** A write that the API server took; dry runs and refusals change nothing. */
export function isWrite({ stage, verb, requestURI, responseStatus }: AuditEvent): boolean {
  return (
    stage === 'ResponseComplete' &&
    writingVerbs.has(verb) &&
    !requestURI.includes('dryRun=All') &&
    (responseStatus?.code ?? 500) < 300
  )
}

/** Answers the events that are wanted of the log, or of what follows a place in it, in the order of the server's. */
export async function readAuditLog(
  file: string,
  isWanted: (event: AuditEvent) => boolean,
  fromByte = 0,
): Promise<readonly AuditEvent[]> {
  const found: AuditEvent[] = []
  for await (const line of createInterface({
    input: createReadStream(file, { start: fromByte }),
    crlfDelay: Infinity,
  })) {
    const event = parseLine(line)
    if (event !== undefined && isWanted(event)) found.push(event)
  }
  return found
}

/** Where the log ends now, for {@link readAuditLog} and {@link readAuditLogFrom}. */
export async function endOfAuditLog(file: string): Promise<number> {
  return (await stat(file)).size
}

/**
 * The events since a place in the log. A request is in it, at stage RequestReceived, before it is served; its
 * ResponseComplete is written after the answer is sent.
 */
export async function readAuditLogFrom(file: string, fromByte: number): Promise<readonly AuditEvent[]> {
  return readAuditLog(file, () => true, fromByte)
}

/** The last line may be half written: the server appends while we read. */
function parseLine(line: string): AuditEvent | undefined {
  if (!line.endsWith('}')) return undefined
  try {
    return JSON.parse(line) as AuditEvent
  } catch {
    return undefined
  }
}
