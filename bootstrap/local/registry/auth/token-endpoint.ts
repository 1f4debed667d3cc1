import type { EntraTokens } from '../entra/entra-tokens.ts'
import { AcrError, credentialsRefused } from '../errors.ts'
import type { AcrTokens } from './acr-tokens.ts'
import { basicCredentials } from './authorize.ts'
import type { Identities } from './identities.ts'
import { grant, parseScopes } from './scopes.ts'
import type { Identity } from '../config.ts'

export interface TokenEndpointOptions {
  readonly identities: Identities
  readonly tokens: AcrTokens
  readonly entraTokens: EntraTokens
  readonly service: string
}

/** What a token endpoint answers, and whom it was asked by. */
export interface TokenAnswer {
  readonly identity: string
  readonly body: Readonly<Record<string, string>>
}

/** With this user name, the password is a token of ACR's. */
const nullUser = '00000000-0000-0000-0000-000000000000'

/**
 * `POST /oauth2/exchange`: an access token of Entra ID for ACR's refresh token
 * (https://github.com/Azure/acr/blob/main/docs/AAD-OAuth.md).
 */
export async function exchange(
  { identities, tokens, entraTokens, service }: TokenEndpointOptions,
  form: URLSearchParams,
): Promise<TokenAnswer> {
  if (form.get('grant_type') !== 'access_token') throw unsupportedGrant(form)
  const clientId = await entraTokens.verify(form.get('access_token') ?? '')
  const identity = clientId === undefined ? undefined : identities.withClientId(clientId)
  if (identity === undefined || form.get('service') !== service) throw credentialsRefused()
  return { identity: identity.name, body: { refresh_token: await tokens.issueRefresh(identity.name) } }
}

/**
 * `POST /oauth2/token`: a refresh token, or a user's password (containerd), for an access token
 * (https://github.com/Azure/acr/blob/main/docs/AAD-OAuth.md,
 * https://distribution.github.io/distribution/spec/auth/oauth/).
 */
export async function token(options: TokenEndpointOptions, form: URLSearchParams): Promise<TokenAnswer> {
  const grantType = form.get('grant_type')
  if (grantType === 'refresh_token') {
    return issue(options, form, await refreshedIdentity(options, form.get('refresh_token') ?? ''))
  }
  if (grantType === 'password') {
    return issue(options, form, await loggedInIdentity(options, form.get('username') ?? '', form.get('password') ?? ''))
  }
  throw unsupportedGrant(form)
}

/**
 * `GET /oauth2/token` with Basic credentials: how docker, buildah and skopeo ask
 * (https://distribution.github.io/distribution/spec/auth/token/).
 */
export async function tokenByBasic(
  options: TokenEndpointOptions,
  query: URLSearchParams,
  authorization: string | undefined,
): Promise<TokenAnswer> {
  const basic = basicCredentials(authorization)
  return issue(options, query, basic && (await loggedInIdentity(options, basic.username, basic.password)))
}

/**
 * What is not permitted is left out of the token, and a token that allows nothing is an answer too: ACR refuses at the
 * request that the token is used for.
 */
async function issue(
  { tokens, service }: TokenEndpointOptions,
  parameters: URLSearchParams,
  identity: Identity | undefined,
): Promise<TokenAnswer> {
  if (identity === undefined || parameters.get('service') !== service) throw credentialsRefused()
  const access = grant(identity, parseScopes(parameters.getAll('scope')))
  return { identity: identity.name, body: { access_token: await tokens.issueAccess(identity.name, access) } }
}

async function refreshedIdentity(
  { identities, tokens }: TokenEndpointOptions,
  refreshToken: string,
): Promise<Identity | undefined> {
  const name = await tokens.verifyRefresh(refreshToken)
  return name === undefined ? undefined : identities.withName(name)
}

async function loggedInIdentity(
  options: TokenEndpointOptions,
  username: string,
  password: string,
): Promise<Identity | undefined> {
  if (username === nullUser) return refreshedIdentity(options, password)
  return options.identities.withPassword(username, password)
}

function unsupportedGrant(form: URLSearchParams): AcrError {
  return new AcrError(400, 'UNSUPPORTED', `the grant type ${form.get('grant_type') ?? '(none)'} is not supported`)
}
