import { randomUUID } from 'node:crypto'
import { SignJWT, jwtVerify } from 'jose'
import type { JWTPayload } from 'jose'
import type { SigningKey } from './keys.ts'
import type { Access } from './scopes.ts'

export interface AcrTokenOptions {
  readonly key: SigningKey
  /** The login server: audience of all tokens. */
  readonly service: string
  readonly refreshTokenSeconds: number
  readonly accessTokenSeconds: number
  readonly nowMs: () => number
}

/**
 * ACR's own tokens, with the claims that https://github.com/Azure/acr/blob/main/docs/AAD-OAuth.md shows
 * ("Azure Container Registry token claim sets"). A token names an identity of the configuration as its subject.
 */
export interface AcrTokens {
  issueRefresh(identity: string): Promise<string>
  issueAccess(identity: string, access: readonly Access[]): Promise<string>
  /** Name of the identity, or undefined for whatever is not a valid refresh token of ours. */
  verifyRefresh(token: string): Promise<string | undefined>
  verifyAccess(token: string): Promise<VerifiedAccess | undefined>
}

export interface VerifiedAccess {
  readonly identity: string
  readonly access: readonly Access[]
}

/** How ACR writes an entry of the access claim. */
interface AccessClaim {
  readonly Type: Access['type']
  readonly Name: string
  readonly Actions: readonly string[]
}

export function acrTokens(options: AcrTokenOptions): AcrTokens {
  return {
    issueRefresh: (identity) =>
      sign(options, identity, options.refreshTokenSeconds, {
        grant_type: 'refresh_token',
        permissions: { Actions: ['read'], NotActions: null },
      }),
    issueAccess: (identity, access) =>
      sign(options, identity, options.accessTokenSeconds, {
        grant_type: 'access_token',
        access: access.map(({ type, name, actions }): AccessClaim => ({ Type: type, Name: name, Actions: actions })),
      }),
    async verifyRefresh(token) {
      return (await verify(options, token, 'refresh_token'))?.sub
    },
    async verifyAccess(token) {
      const claims = await verify(options, token, 'access_token')
      if (claims?.sub === undefined) return undefined
      const access = claims['access'] as readonly AccessClaim[]
      return {
        identity: claims.sub,
        access: access.map(({ Type, Name, Actions }) => ({ type: Type, name: Name, actions: Actions })),
      }
    },
  }
}

const issuer = 'Azure Container Registry'

function sign(
  { key, service, nowMs }: AcrTokenOptions,
  identity: string,
  lifetimeSeconds: number,
  claims: JWTPayload,
): Promise<string> {
  const now = Math.floor(nowMs() / 1000)
  return new SignJWT({ ...claims, version: '1.0', roles: [] })
    .setProtectedHeader({ alg: 'RS256', typ: 'JWT', kid: key.publicJwk.kid })
    .setJti(randomUUID())
    .setSubject(identity)
    .setIssuer(issuer)
    .setAudience(service)
    .setIssuedAt(now)
    .setNotBefore(now)
    .setExpirationTime(now + lifetimeSeconds)
    .sign(key.privateKey)
}

async function verify(
  { key, service, nowMs }: AcrTokenOptions,
  token: string,
  grantType: string,
): Promise<JWTPayload | undefined> {
  try {
    const { payload } = await jwtVerify(token, key.publicKey, {
      algorithms: ['RS256'],
      issuer,
      audience: service,
      currentDate: new Date(nowMs()),
    })
    return payload['grant_type'] === grantType ? payload : undefined
  } catch {
    // Whatever is wrong with it, the caller is told no more than that it is not valid.
    return undefined
  }
}
