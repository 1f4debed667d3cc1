/**
 * What the API server answers when it does not do what it was asked (meta/v1 Status), and what that is to us: the one
 * place where its status codes become an AppError.
 * https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/status/
 */
import { AppError } from '../core/errors.ts'
import { oneLine } from '../core/one-line.ts'
import type { Tenant } from './ports.ts'

export interface Refusal {
  readonly code: number
  /** `Conflict`, `Expired`, `NamespaceTerminating`…; empty where the answer was no Status. */
  readonly reason: string
  /** On one line, and bounded: it goes into status. */
  readonly message: string
  readonly causes: readonly RefusalCause[]
  readonly retryAfterMs?: number
}

export interface RefusalCause {
  readonly reason: string
  readonly message: string
  readonly field: string
}

export interface RefusedRequest {
  /** What was asked, for people: `apply Deployment predictor/web`. */
  readonly what: string
  readonly isWrite: boolean
  readonly tenant?: Tenant
}

const maxRetryAfterMs = 5 * 60_000

/** `retryAfter` is the header of that name: seconds, the only form that the API server sends. */
export function parseRefusal(code: number, body: string, retryAfter?: string | null): Refusal {
  const status = parseStatus(body)
  const seconds = Number(retryAfter ?? status?.details?.retryAfterSeconds)
  return {
    code,
    reason: status?.reason ?? '',
    message: oneLine(status?.message || body || 'no reason given'),
    causes: (status?.details?.causes ?? []).map(({ reason = '', message = '', field = '' }) => ({
      reason,
      message: oneLine(message),
      field,
    })),
    ...(seconds > 0 && { retryAfterMs: Math.min(seconds * 1000, maxRetryAfterMs) }),
  }
}

export function isFieldConflict({ code, causes }: Refusal): boolean {
  return code === 409 && causes.some(({ reason }) => reason === 'FieldManagerConflict')
}

export function refusalError(refusal: Refusal, request: RefusedRequest): AppError {
  const as = request.tenant === undefined ? '' : ` as ${userNameOf(request.tenant)}`
  const failed = `${request.what}${as}: ${refusal.message}`
  switch (refusal.code) {
    case 401:
      return new AppError({ kind: 'waiting', reason: 'ApiForbidden', message: `${failed} (401)` })
    case 403:
      return forbidden(refusal, request, failed)
    case 404:
      return notFound(request, failed)
    case 409:
      if (isFieldConflict(refusal)) return new AppError({ kind: 'waiting', reason: 'FieldConflict', message: failed })
      return new AppError({ kind: 'retryable', reason: 'ApiConflict', message: failed })
    case 400:
    case 405:
    case 406:
    case 413:
    case 415:
      return invalid(request, failed)
    case 422:
      return isAnotherObject(refusal)
        ? new AppError({ kind: 'retryable', reason: 'ApiConflict', message: failed })
        : invalid(request, failed)
    default:
      if (isUntypedPatch(refusal)) return invalid(request, failed)
      return isWebhookFailure(refusal)
        ? new AppError({ kind: 'retryable', reason: 'WebhookFailed', message: failed })
        : unavailable(refusal, failed)
  }
}

/** The user name by which a service account is known and impersonated; its groups are added by the API server. */
export function userNameOf({ namespace, serviceAccountName }: Tenant): string {
  return `system:serviceaccount:${namespace}:${serviceAccountName}`
}

/** A 403 is either about rights, ours or the tenant's, or it is an admission's word on the object. */
function forbidden(refusal: Refusal, { tenant }: RefusedRequest, failed: string): AppError {
  if (tenant === undefined) return new AppError({ kind: 'waiting', reason: 'ApiForbidden', message: failed })
  if (refusal.message.includes('cannot impersonate resource')) {
    const fix = `let the reconciler impersonate this account by the Role in namespace ${tenant.namespace}`
    return new AppError({ kind: 'waiting', reason: 'Impersonation', message: `${failed}; ${fix}` })
  }
  if (refusal.message.includes(`User "${userNameOf(tenant)}" cannot `)) {
    const fix = `grant it to the account by a Role in namespace ${tenant.namespace}`
    return new AppError({ kind: 'waiting', reason: 'Impersonation', message: `${failed}; ${fix}` })
  }
  return new AppError({ kind: 'waiting', reason: 'ApplyRefused', message: failed })
}

function notFound({ tenant, isWrite }: RefusedRequest, failed: string): AppError {
  // For a tenant it is the kind that is not served or the namespace that is gone: either may come back.
  if (tenant !== undefined) return new AppError({ kind: 'waiting', reason: 'ApplyRefused', message: failed })
  if (isWrite) return new AppError({ kind: 'retryable', reason: 'ApiConflict', message: failed })
  return new AppError({ kind: 'waiting', reason: 'ApiUnavailable', message: failed })
}

/** A tenant's object is refused for good; a request of our own should never have been made so. */
function invalid({ tenant }: RefusedRequest, failed: string): AppError {
  return tenant === undefined
    ? new AppError({ kind: 'retryable', reason: 'InternalError', message: failed })
    : new AppError({ kind: 'terminal', reason: 'ApplyRefused', message: failed })
}

function unavailable({ code, retryAfterMs }: Refusal, failed: string): AppError {
  return new AppError({
    kind: 'retryable',
    reason: 'ApiUnavailable',
    message: `${failed} (${code})`,
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  })
}

/** An apply that pinned a uid met an object that was made anew under the same name. */
function isAnotherObject({ causes }: Refusal): boolean {
  return causes.length > 0 && causes.every(({ field }) => field === 'metadata.uid')
}

/** An unknown field or a value of the wrong type in a server-side apply is answered with a bare 500 (seen in v1.36). */
function isUntypedPatch({ code, reason, message }: Refusal): boolean {
  return code === 500 && reason === '' && message.startsWith('failed to create typed patch object')
}

/** The API server is well: an admission webhook of the cluster did not answer, and says whose it is. */
function isWebhookFailure({ code, message }: Refusal): boolean {
  return code === 500 && message.includes('failed calling webhook')
}

interface Status {
  readonly message?: string
  readonly reason?: string
  readonly details?: {
    readonly retryAfterSeconds?: number
    readonly causes?: ReadonlyArray<Partial<RefusalCause>>
  }
}

function parseStatus(body: string): Status | undefined {
  try {
    const parsed = JSON.parse(body) as { readonly kind?: unknown } | null
    return parsed?.kind === 'Status' ? (parsed as Status) : undefined
  } catch {
    // A proxy's page, or the bare text of a path that is not served.
    return undefined
  }
}
