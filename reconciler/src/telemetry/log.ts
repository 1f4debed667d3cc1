import { pino, stdTimeFunctions, type DestinationStream } from 'pino'
import { AppError } from '../core/errors.ts'

/** One JSON line an event: a constant message, what differs in fields. */
export interface Log {
  /** Nothing changed. */
  debug(fields: LogFields, message: string): void
  /** State changed. */
  info(fields: LogFields, message: string): void
  /** We cope. */
  warn(fields: LogFields, message: string): void
  /** Someone must look. */
  error(fields: LogFields, message: string): void
  /** The same, with these fields on every line. */
  child(fields: LogFields): Log
}

export interface LogFields {
  /** `NAMESPACE/NAME`. */
  readonly delivery?: string | undefined
  readonly reconcileId?: string | undefined
  readonly revision?: string | undefined
  readonly reason?: string | undefined
  readonly durationMs?: number
  readonly err?: unknown
  readonly [field: string]: unknown
}

export const logLevels = ['debug', 'info', 'warn', 'error'] as const
export type LogLevel = (typeof logLevels)[number]

export interface LogOptions {
  readonly level: LogLevel
  readonly destination?: DestinationStream
}

export function createLog({ level, destination }: LogOptions): Log {
  return pino(
    {
      level,
      base: null,
      messageKey: 'message',
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: describeError },
      redact: { paths: secretFields.flatMap((field) => [field, `*.${field}`, `*.*.${field}`]), censor: '[redacted]' },
      hooks: { streamWrite: redactText },
    },
    destination ?? pino.destination(1),
  )
}

const secretFields = ['authorization', 'Authorization', 'token', 'accessToken', 'refreshToken', 'password', 'secret']

/** Credentials inside of texts: foreign errors quote headers and addresses. */
const secretTexts =
  /\b(Bearer|Basic) [\w+/=.~-]{8,}|\beyJ[\w-]{8,}\.[\w-]+\.[\w-]*|([?&](?:sig|access_token|client_assertion)=)[^&"\\\s]+/g

function redactText(line: string): string {
  return line.replaceAll(
    secretTexts,
    (_, scheme?: string, parameter?: string) =>
      `${scheme === undefined ? '' : `${scheme} `}${parameter ?? ''}[redacted]`,
  )
}

/**
 * Only what is ours to show: the errors of the Kubernetes and Azure clients carry bodies and headers in their own
 * properties, and some in their message, so that a foreign message counts by its first line alone.
 */
function describeError(error: unknown, depth = 0): unknown {
  if (!(error instanceof Error)) return { message: typeof error === 'string' ? firstLine(error) : typeof error }
  const code = 'code' in error && ['string', 'number'].includes(typeof error.code) ? error.code : undefined
  return {
    type: error.name,
    message: error instanceof AppError ? error.message : firstLine(error.message),
    ...(error instanceof AppError && { kind: error.kind, reason: error.reason }),
    ...(code !== undefined && { code }),
    ...(error.stack !== undefined && { stack: frames(error.stack) }),
    ...(error.cause !== undefined && depth < 3 && { cause: describeError(error.cause, depth + 1) }),
  }
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0]?.slice(0, 500) ?? ''
}

/** Where it was thrown, without the message that a stack begins with. */
function frames(stack: string): string {
  return stack
    .split('\n')
    .filter((line) => /^\s+at /.test(line))
    .slice(0, 10)
    .map((line) => line.trim())
    .join(' | ')
}
