import { printScopes } from './auth/scopes.ts'
import type { Access } from './auth/scopes.ts'

/**
 * A refusal as ACR words it: `{ "errors": [{ "code", "message", "detail" }] }`, the AcrErrors of its REST API
 * (https://learn.microsoft.com/rest/api/containerregistry/) and the error body of the OCI distribution specification.
 */
export class AcrError extends Error {
  override readonly name = 'AcrError'
  readonly status: number
  readonly code: string
  readonly detail: unknown
  readonly headers: Readonly<Record<string, string>>

  constructor(
    status: number,
    code: string,
    message: string,
    extra: { readonly detail?: unknown; readonly headers?: Readonly<Record<string, string>> } = {},
  ) {
    super(message)
    this.status = status
    this.code = code
    this.detail = extra.detail
    this.headers = extra.headers ?? {}
  }

  get body(): string {
    return acrErrorBody(this.code, this.message, this.detail)
  }
}

export function acrErrorBody(code: string, message: string, detail?: unknown): string {
  return `${JSON.stringify({ errors: [{ code, message, ...(detail !== undefined && { detail }) }] })}\n`
}

/** Of RFC 6750, section 3.1; `none` where the request had no credentials at all. */
export type ChallengeError = 'none' | 'invalid_token' | 'insufficient_scope'

export interface Challenge {
  /** Where a token is to be had. */
  readonly realm: string
  readonly service: string
  readonly required: readonly Access[]
  readonly error: ChallengeError
}

/** 401 with the challenge of RFC 6750, section 3, and with one detail an action that is missing. */
export function unauthorized({ realm, service, required, error }: Challenge): AcrError {
  const parameters = [
    `realm="${realm}"`,
    `service="${service}"`,
    ...(required.length > 0 ? [`scope="${printScopes(required)}"`] : []),
    ...(error === 'none' ? [] : [`error="${error}"`]),
  ]
  const detail = required.flatMap(({ type, name, actions }) =>
    actions.map((Action) => ({ Type: type, Name: name, Action })),
  )
  return new AcrError(401, 'UNAUTHORIZED', authenticationRequired, {
    ...(detail.length > 0 && { detail }),
    headers: { 'www-authenticate': `Bearer ${parameters.join(',')}` },
  })
}

/** 401 of the token endpoints themselves, whose callers have nowhere else to go. */
export function credentialsRefused(): AcrError {
  return new AcrError(401, 'UNAUTHORIZED', authenticationRequired)
}

/**
 * A write, delete or read that a lock forbids
 * (https://learn.microsoft.com/azure/container-registry/container-registry-image-lock).
 */
export function disallowed(): AcrError {
  return new AcrError(
    405,
    'REGISTRY_DISALLOWED_OPERATION',
    'The operation is disallowed on this registry, repository or image. View troubleshooting steps at https://aka.ms/acr/faq/#why-does-my-pull-or-push-request-fail-with-disallowed-operation',
  )
}

export function repositoryUnknown(name: string): AcrError {
  return new AcrError(404, 'NAME_UNKNOWN', 'repository name not known to registry', { detail: { name } })
}

export function manifestUnknown(reference: string): AcrError {
  return new AcrError(404, 'MANIFEST_UNKNOWN', 'manifest unknown', { detail: { reference } })
}

export function tagUnknown(): AcrError {
  return new AcrError(404, 'TAG_UNKNOWN', 'the specified tag does not exist')
}

export function notFound(): AcrError {
  return new AcrError(404, 'NOT_FOUND', 'the requested path is not served here')
}

export function unsupported(): AcrError {
  return new AcrError(405, 'UNSUPPORTED', 'The operation is unsupported.')
}

const authenticationRequired = 'authentication required, visit https://aka.ms/acr/authorization for more information.'
