import { RestError } from '@azure/core-rest-pipeline'
import type { Reason } from '../api/reasons.ts'
import { AppError, type ErrorKind } from '../core/errors.ts'
import { RefusedAnswer, type AnswerHeaders } from './bounded-http.ts'
import { parseRetryAfter } from './retry-after.ts'

export interface Attempt {
  /** The host that was asked. */
  readonly host: string
  /** What was tried, to follow "can't": `list the tags of contoso.azurecr.io/predictor`. */
  readonly action: string
}

/**
 * Whatever the registry's libraries and the network throw, as the one error that leaves this room. Messages of
 * foreign errors may quote bodies and headers, so none is passed on.
 */
export function translateError(error: unknown, attempt: Attempt, signal: AbortSignal): AppError {
  if (error instanceof AppError) return error
  if (signal.aborted) return abandoned(attempt, signal)
  if (error instanceof RefusedAnswer) return invalidAnswer(attempt, error.message)
  if (error instanceof RestError) return translateRestError(error, attempt)
  const code = errorCode(error)
  if (code !== undefined) return unreachable(attempt, code, error)
  if (error instanceof Error && error.name === 'TimeoutError') return unreachable(attempt, 'no answer in time', error)
  if (error instanceof Error && error.name === 'DigestMismatchError') {
    return invalidAnswer(attempt, 'what it sent does not have the digest that was asked for', error)
  }
  return invalidAnswer(attempt, 'its answer could not be understood', error)
}

/** An answer with a status that is no success. */
export function statusError(
  { host, action }: Attempt,
  status: number,
  headers: AnswerHeaders,
  cause?: unknown,
): AppError {
  const [kind, reason, why] = meaningOf(status)
  const retryAfterMs = parseRetryAfter(headers, Date.now())
  return new AppError({
    kind,
    reason,
    message: `can't ${action}: ${host} ${why} (${status})`,
    ...(retryAfterMs !== undefined && { retryAfterMs }),
    ...(cause !== undefined && { cause: withoutContent(cause) }),
  })
}

export function invalidAnswer({ host, action }: Attempt, why: string, cause?: unknown): AppError {
  return new AppError({
    kind: 'retryable',
    reason: 'RegistryInvalidAnswer',
    message: `can't ${action}: ${why.startsWith(host) ? why : `${host}: ${why}`}`,
    ...(cause !== undefined && { cause: withoutContent(cause) }),
  })
}

function meaningOf(status: number): [kind: ErrorKind, reason: Reason, why: string] {
  if (status === 401) return ['waiting', 'RegistryUnauthorized', 'refused our identity']
  if (status === 403) return ['waiting', 'RegistryForbidden', 'gives our identity no right to it']
  if (status === 404) return ['waiting', 'RepositoryNotFound', 'does not know it']
  if (status === 429) return ['retryable', 'RegistryThrottled', 'asked us to slow down']
  if (status === 408 || status >= 500) return ['retryable', 'RegistryUnavailable', 'failed']
  return ['retryable', 'RegistryInvalidAnswer', 'answered with a status that its API does not name']
}

function translateRestError(error: RestError, attempt: Attempt): AppError {
  const { statusCode, response, code } = error
  // First the status: what a gateway says with it is often not JSON.
  if (statusCode !== undefined && statusCode >= 300) {
    return statusError(attempt, statusCode, response?.headers.toJSON() ?? {}, error)
  }
  return invalidAnswer(
    attempt,
    code === RestError.PARSE_ERROR ? 'its answer is not JSON' : 'its answer lacks a part',
    error,
  )
}

function unreachable({ host, action }: Attempt, why: string, cause: unknown): AppError {
  return new AppError({
    kind: 'retryable',
    reason: 'RegistryUnavailable',
    message: `can't ${action}: ${host} could not be reached (${why})`,
    cause: withoutContent(cause),
  })
}

function abandoned({ action }: Attempt, signal: AbortSignal): AppError {
  if (signal.reason instanceof AppError) return signal.reason
  return new AppError({
    kind: 'aborted',
    reason: 'ShuttingDown',
    message: `gave up to ${action}: it is no longer wanted`,
    cause: signal.reason,
  })
}

/** Codes of the system (ENOTFOUND), of TLS (CERT_HAS_EXPIRED) and of undici (UND_ERR_…), also one cause down. */
function errorCode(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined
  const { code } = error as NodeJS.ErrnoException
  if (typeof code === 'string' && /^[A-Z][A-Z0-9_]{2,63}$/.test(code)) return code
  return errorCode(error.cause)
}

/** What is left of a foreign error once nothing in it can quote an answer: its kind and where it came from. */
function withoutContent(error: unknown): Error {
  if (!(error instanceof Error)) return new Error(typeof error)
  const { statusCode, code } = error as { statusCode?: unknown; code?: unknown }
  const details = [error.name, code, statusCode].filter((part) => typeof part === 'string' || typeof part === 'number')
  const rest = new Error(details.join(' '))
  const frames = error.stack?.split('\n').filter((line) => /^\s+at /.test(line))
  rest.stack = [`Error: ${rest.message}`, ...(frames ?? [])].join('\n')
  return rest
}
