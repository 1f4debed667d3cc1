import type { WorkloadIdentity } from '../config.ts'
import { EntraError } from './entra-error.ts'
import { acrAudience } from './entra-tokens.ts'
import type { EntraTokens } from './entra-tokens.ts'
import { authenticateClient } from './federation.ts'
import type { Federation } from './federation.ts'
import type { SigningKey } from '../auth/keys.ts'

/** What a path of the authority names: https://learn.microsoft.com/entra/identity-platform/v2-protocols */
export type AuthorityOperation = 'discovery' | 'keys' | 'token'

export function parseAuthorityPath(
  path: string,
): { readonly tenant: string; readonly operation: AuthorityOperation } | undefined {
  const [, tenant, rest] = /^\/([^/]+)(\/.*)$/.exec(path) ?? []
  const operation = operations[rest ?? '']
  return tenant === undefined || operation === undefined ? undefined : { tenant, operation }
}

/** Every tenant has endpoints of its own, and only one tenant is here. */
export function assertTenant(tenant: string, expected: string): void {
  if (tenant === expected) return
  throw new EntraError(
    90002,
    400,
    'invalid_request',
    `Tenant '${tenant}' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud. Check with your subscription administrator, this may happen if there are no active subscriptions for the tenant.`,
  )
}

/**
 * The metadata that a client asks for first (OpenID Connect Discovery 1.0, section 3). `origin` is where this client
 * reaches the authority: MSAL refuses metadata that name another host than it asked.
 */
export function discoveryDocument(origin: string, tenant: string): Readonly<Record<string, unknown>> {
  return {
    issuer: `${origin}/${tenant}/v2.0`,
    token_endpoint: `${origin}/${tenant}/oauth2/v2.0/token`,
    token_endpoint_auth_methods_supported: ['private_key_jwt'],
    jwks_uri: `${origin}/${tenant}/discovery/v2.0/keys`,
    authorization_endpoint: `${origin}/${tenant}/oauth2/v2.0/authorize`,
    response_modes_supported: ['query', 'fragment', 'form_post'],
    response_types_supported: ['code', 'id_token', 'code id_token', 'id_token token'],
    subject_types_supported: ['pairwise'],
    id_token_signing_alg_values_supported: ['RS256'],
    scopes_supported: ['openid', 'profile', 'email', 'offline_access'],
    claims_supported: ['sub', 'iss', 'aud', 'exp', 'iat', 'tid', 'ver'],
  }
}

export function keySet({ publicJwk }: SigningKey): Readonly<Record<string, unknown>> {
  return { keys: [publicJwk] }
}

export interface ClientToken {
  readonly identity: WorkloadIdentity
  readonly body: Readonly<Record<string, unknown>>
}

/**
 * `POST /{tenant}/oauth2/v2.0/token` with the client credentials grant (RFC 6749, section 4.4;
 * https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow). Throws {@link EntraError}.
 */
export async function clientToken(
  federation: Federation,
  tokens: EntraTokens,
  form: URLSearchParams,
): Promise<ClientToken> {
  assertGrant(form.get('grant_type') ?? '')
  assertScope(form.get('scope') ?? '')
  const identity = await authenticateClient(federation, form)
  return {
    identity,
    body: {
      token_type: 'Bearer',
      expires_in: tokens.lifetimeSeconds,
      ext_expires_in: tokens.lifetimeSeconds,
      access_token: await tokens.issue(identity.clientId),
    },
  }
}

const operations: Readonly<Record<string, AuthorityOperation>> = {
  '/v2.0/.well-known/openid-configuration': 'discovery',
  '/discovery/v2.0/keys': 'keys',
  '/oauth2/v2.0/token': 'token',
}

function assertGrant(grantType: string): void {
  if (grantType === 'client_credentials') return
  throw new EntraError(
    70003,
    400,
    'unsupported_grant_type',
    `The app requested an unsupported grant type '${grantType}'.`,
  )
}

function assertScope(scope: string): void {
  // MSAL adds those of OpenID Connect to what its caller asks for, in some flows.
  const scopes = scope.split(' ').filter((part) => part && !['openid', 'profile', 'offline_access'].includes(part))
  const [resource, ...others] = scopes
  if (resource === `${acrAudience}/.default` && others.length === 0) return
  if (resource === undefined || others.length > 0 || !resource.endsWith('/.default')) {
    throw new EntraError(
      1002012,
      400,
      'invalid_scope',
      `The provided value for scope ${scope} is not valid. Client credential flows must have a scope value with /.default suffixed to the resource identifier (application ID URI).`,
    )
  }
  throw new EntraError(
    500011,
    400,
    'invalid_resource',
    `The resource principal named ${resource.replace('/.default', '')} was not found in the tenant. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant.`,
  )
}
