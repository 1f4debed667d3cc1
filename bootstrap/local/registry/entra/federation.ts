import { decodeJwt, errors, jwtVerify } from 'jose'
import type { JWTPayload } from 'jose'
import type { Identities } from '../auth/identities.ts'
import type { WorkloadIdentity } from '../config.ts'
import { EntraError } from './entra-error.ts'
import { JwksUnavailable } from './jwks-source.ts'
import type { JwksSource } from './jwks-source.ts'

export interface Federation {
  readonly identities: Identities
  /** By issuer. */
  readonly jwks: ReadonlyMap<string, JwksSource>
  readonly tenantId: string
  readonly nowMs: () => number
}

const assertionType = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'
const learnMore = 'https://learn.microsoft.com/entra/workload-id/workload-identity-federation'

/**
 * Tells which identity a token request comes from: a client that authenticates with a JWT of an issuer that it is
 * federated with (RFC 7523, section 2.2;
 * https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow, "Third case"). Issuer,
 * subject and audience must equal the identity's own, letter by letter. Throws {@link EntraError}.
 */
export async function authenticateClient(federation: Federation, form: URLSearchParams): Promise<WorkloadIdentity> {
  const identity = clientOf(federation, form)
  const assertion = form.get('client_assertion')
  if (form.get('client_assertion_type') !== assertionType || !assertion) throw assertionMissing()
  const { federated } = identity
  const claims = decode(assertion)
  if (claims.iss !== federated.issuer) throw mismatch(700211, 'issuer', claims.iss)
  if (claims.sub !== federated.subject) throw mismatch(700213, 'subject', claims.sub)
  if (![claims.aud].flat().includes(federated.audience))
    throw mismatch(700212, 'audience', [claims.aud].flat().join(' '))
  await verify(federation, assertion, federated)
  return identity
}

function clientOf({ identities, tenantId }: Federation, form: URLSearchParams): WorkloadIdentity {
  const clientId = form.get('client_id') ?? ''
  const identity = identities.withClientId(clientId)
  if (identity !== undefined) return identity
  throw new EntraError(
    700016,
    400,
    'unauthorized_client',
    `Application with identifier '${clientId}' was not found in the directory '${tenantId}'. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant. You may have sent your authentication request to the wrong tenant.`,
  )
}

function assertionMissing(): EntraError {
  return new EntraError(
    7000218,
    401,
    'invalid_client',
    "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
  )
}

function decode(assertion: string): JWTPayload {
  try {
    return decodeJwt(assertion)
  } catch {
    throw malformed()
  }
}

function mismatch(code: number, claim: string, value: string | undefined): EntraError {
  return new EntraError(
    code,
    401,
    'invalid_client',
    `No matching federated identity record found for presented assertion ${claim} '${value ?? ''}'. Please check your federated identity credential Subject, Audience and Issuer against the presented assertion. ${learnMore}`,
  )
}

async function verify(
  { jwks, nowMs }: Federation,
  assertion: string,
  { issuer, audience }: WorkloadIdentity['federated'],
): Promise<void> {
  const source = jwks.get(issuer)
  if (source === undefined) throw endpointFailed(issuer)
  try {
    await jwtVerify(assertion, (header, token) => source.key(header, token), {
      issuer,
      audience,
      requiredClaims: ['exp', 'sub'],
      currentDate: new Date(nowMs()),
    })
  } catch (error) {
    throw translate(error, assertion, issuer, nowMs)
  }
}

function translate(error: unknown, assertion: string, issuer: string, nowMs: () => number): unknown {
  if (error instanceof JwksUnavailable) return endpointFailed(issuer)
  if (error instanceof errors.JWTExpired || (error instanceof errors.JWTClaimValidationFailed && isTime(error.claim))) {
    return outsideValidity(decode(assertion), nowMs)
  }
  if (
    error instanceof errors.JWSSignatureVerificationFailed ||
    error instanceof errors.JWKSNoMatchingKey ||
    error instanceof errors.JWKSMultipleMatchingKeys
  ) {
    return new EntraError(700027, 401, 'invalid_client', 'Client assertion failed signature validation.')
  }
  return error instanceof errors.JOSEError ? malformed() : error
}

function isTime(claim: string): boolean {
  return ['exp', 'nbf', 'iat'].includes(claim)
}

function outsideValidity({ nbf = 0, exp = 0 }: JWTPayload, nowMs: () => number): EntraError {
  const [now, from, until] = [nowMs(), nbf * 1000, exp * 1000].map((ms) => new Date(ms).toISOString())
  return new EntraError(
    700024,
    401,
    'invalid_client',
    `Client assertion is not within its valid time range. Current time: ${now}, assertion valid from ${from}, expiry time of assertion ${until}. Review the documentation at https://learn.microsoft.com/entra/identity-platform/certificate-credentials .`,
  )
}

function malformed(): EntraError {
  return new EntraError(50027, 400, 'invalid_request', 'JWT token is invalid or malformed.')
}

function endpointFailed(issuer: string): EntraError {
  return new EntraError(90061, 400, 'invalid_request', `Request to External OIDC endpoint failed: ${issuer}.`)
}
