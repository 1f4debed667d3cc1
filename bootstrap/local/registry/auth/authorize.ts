import { unauthorized } from '../errors.ts'
import type { AcrTokens } from './acr-tokens.ts'
import type { Identities } from './identities.ts'
import { covers, grant } from './scopes.ts'
import type { Access } from './scopes.ts'

export interface AuthorizeOptions {
  readonly identities: Identities
  readonly tokens: AcrTokens
  /** The login server, named in challenges. */
  readonly service: string
}

export interface AuthorizeRequest {
  readonly authorization: string | undefined
  readonly required: readonly Access[]
  /** Where this client can reach the token endpoint. */
  readonly realm: string
}

/**
 * Returns the name of the identity that a request comes from. Throws the challenge that asks for a token with the
 * access that is required: without an error where there are no credentials, `invalid_token` where they don't count,
 * `insufficient_scope` where they are not enough (RFC 6750, section 3.1). ACR answers 401 to the last too, not 403.
 *
 * A user's password works as well as a token, as https://github.com/Azure/acr/blob/main/docs/Token-BasicAuth.md shows.
 */
export async function authorize(options: AuthorizeOptions, request: AuthorizeRequest): Promise<string> {
  const challenge = { realm: request.realm, service: options.service, required: request.required }
  if (request.authorization === undefined) throw unauthorized({ ...challenge, error: 'none' })
  const held = await heldBy(options, request)
  if (held === undefined) throw unauthorized({ ...challenge, error: 'invalid_token' })
  if (!covers(held.access, request.required)) throw unauthorized({ ...challenge, error: 'insufficient_scope' })
  return held.identity
}

/** User name and password of an Authorization header with the Basic scheme (RFC 7617). */
export function basicCredentials(
  authorization: string | undefined,
): { readonly username: string; readonly password: string } | undefined {
  const [, encoded] = /^Basic ([A-Za-z0-9+/=]+)$/i.exec(authorization ?? '') ?? []
  const [, username, password] = /^([^:]*):(.*)$/s.exec(Buffer.from(encoded ?? '', 'base64').toString('utf8')) ?? []
  return username === undefined || password === undefined ? undefined : { username, password }
}

async function heldBy(
  { identities, tokens }: AuthorizeOptions,
  { authorization, required }: AuthorizeRequest,
): Promise<{ readonly identity: string; readonly access: readonly Access[] } | undefined> {
  const [, token] = /^Bearer (.+)$/i.exec(authorization ?? '') ?? []
  if (token !== undefined) return tokens.verifyAccess(token)
  const basic = basicCredentials(authorization)
  const user = basic && identities.withPassword(basic.username, basic.password)
  return user && { identity: user.name, access: grant(user, required) }
}
