import { randomUUID } from 'node:crypto'

/** The `error` of RFC 6749, section 5.2, and those that Entra ID adds to it. */
export type OAuthError =
  | 'invalid_request'
  | 'invalid_client'
  | 'invalid_scope'
  | 'invalid_resource'
  | 'unauthorized_client'
  | 'unsupported_grant_type'

/**
 * A refusal as Entra ID words it. The codes are those of
 * https://learn.microsoft.com/entra/identity-platform/reference-error-codes and of
 * https://azure.github.io/azure-workload-identity/docs/troubleshooting.html
 */
export class EntraError extends Error {
  override readonly name = 'EntraError'
  readonly code: number
  readonly status: number
  readonly error: OAuthError

  constructor(code: number, status: number, error: OAuthError, message: string) {
    super(message)
    this.code = code
    this.status = status
    this.error = error
  }

  body(at: Date): string {
    const traceId = randomUUID()
    const correlationId = randomUUID()
    const timestamp = `${at.toISOString().slice(0, 19).replace('T', ' ')}Z`
    return JSON.stringify({
      error: this.error,
      error_description: `AADSTS${this.code}: ${this.message} Trace ID: ${traceId} Correlation ID: ${correlationId} Timestamp: ${timestamp}`,
      error_codes: [this.code],
      timestamp,
      trace_id: traceId,
      correlation_id: correlationId,
      error_uri: `https://login.microsoftonline.com/error?code=${this.code}`,
    })
  }
}
