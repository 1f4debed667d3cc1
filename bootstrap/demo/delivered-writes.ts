import { type AuditEvent, endOfAuditLog, isWrite, readAuditLogFrom } from '../local/audit-log.ts'
import { reconcilerIdentity } from '../local/identities.ts'
import { predictorNamespace } from './names.ts'

/** Resources of the objects that a release of the predictor holds. */
const deliveredResources: ReadonlySet<string> = new Set([
  'configmaps',
  'deployments',
  'horizontalpodautoscalers',
  'ingresses',
  'networkpolicies',
  'poddisruptionbudgets',
  'serviceaccounts',
  'services',
])

const { namespace, serviceAccount } = reconcilerIdentity
const reconcilerUser = `system:serviceaccount:${namespace}:${serviceAccount}`

/** The API server's audit log: what was changed of the delivered objects since a place in it, by whomever. */
export async function deliveredWrites(auditLog: string, fromByte: number): Promise<readonly AuditEvent[]> {
  const events = await readAuditLogFrom(auditLog, fromByte)
  return events.filter(
    (event) =>
      isWrite(event) &&
      event.objectRef?.namespace === predictorNamespace &&
      event.objectRef.subresource === undefined &&
      deliveredResources.has(event.objectRef.resource ?? ''),
  )
}

/** A time in which the reconciler is to write nothing that it delivers; it goes on until its end is set. */
export interface QuietTime {
  /** Where the audit log ended when it began. */
  readonly fromByte: number
  /** Epoch milliseconds, as the next. */
  readonly fromMs: number
  untilMs?: number
}

export async function beginQuiet(auditLog: string): Promise<QuietTime> {
  return { fromByte: await endOfAuditLog(auditLog), fromMs: Date.now() }
}

/** What the reconciler was asked to keep still, and wrote all the same; by the time of each request. */
export async function writesInQuiet(auditLog: string, quiet: QuietTime): Promise<readonly AuditEvent[]> {
  const { fromByte, fromMs, untilMs = Number.POSITIVE_INFINITY } = quiet
  const writes = await deliveredWrites(auditLog, fromByte)
  return writes.filter((write) => {
    const atMs = Date.parse(write.requestReceivedTimestamp)
    return isByReconciler(write) && atMs >= fromMs && atMs < untilMs
  })
}

/** Also where it acts as a tenant's account: who it is stands beside whom it acts as. */
export function isByReconciler({ user }: AuditEvent): boolean {
  return user.username === reconcilerUser
}

/** The pod whose token a request carried, as the API server knows it. */
export function podOf({ user }: AuditEvent): string | undefined {
  return user.extra?.['authentication.kubernetes.io/pod-name']?.[0]
}

export function describeWrite({ verb, objectRef }: AuditEvent): string {
  return `${verb} ${objectRef?.resource}/${objectRef?.name}`
}
