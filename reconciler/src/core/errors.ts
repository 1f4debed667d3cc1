import type { Reason } from '../api/reasons.ts'

/** What the work queue and the status do with a failure; see the table in ARCHITECTURE.md. */
export type ErrorKind = 'retryable' | 'waiting' | 'terminal' | 'aborted'

export interface AppErrorOptions {
  readonly kind: ErrorKind
  readonly reason: Reason
  /** For a person: what failed, on which object, why, and what to do. No secret, token, body or header. */
  readonly message: string
  /** What the other side asked us to wait, in milliseconds. */
  readonly retryAfterMs?: number
  readonly cause?: unknown
}

/** The one error that crosses a room: adapters translate what they catch exactly once. */
export class AppError extends Error {
  readonly kind: ErrorKind
  readonly reason: Reason
  readonly retryAfterMs: number | undefined

  constructor({ kind, reason, message, retryAfterMs, cause }: AppErrorOptions) {
    super(message, cause === undefined ? undefined : { cause })
    this.name = 'AppError'
    this.kind = kind
    this.reason = reason
    this.retryAfterMs = retryAfterMs
  }
}

/** An error that somebody must hear of: all but those that only say that work was given up. */
export interface Trouble {
  readonly kind: Exclude<ErrorKind, 'aborted'>
  readonly reason: Reason
  readonly message: string
  readonly retryAfterMs: number | undefined
}

/** Undefined where work was given up. */
export function troubleOf({ kind, reason, message, retryAfterMs }: AppError): Trouble | undefined {
  return kind === 'aborted' ? undefined : { kind, reason, message, retryAfterMs }
}
