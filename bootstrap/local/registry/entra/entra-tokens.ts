import { randomUUID } from 'node:crypto'
import { SignJWT, jwtVerify } from 'jose'
import type { SigningKey } from '../auth/keys.ts'

/**
 * Audience of the access tokens that ACR takes; the Azure SDK asks for it by the scope `…/.default`. Tokens for Azure
 * Resource Manager are refused, as with `azureADAuthenticationAsArmPolicy` disabled
 * (https://learn.microsoft.com/azure/container-registry/container-registry-disable-authentication-as-arm).
 */
export const acrAudience = 'https://containerregistry.azure.net'

export interface EntraTokenOptions {
  readonly key: SigningKey
  readonly issuer: string
  readonly tenantId: string
  readonly lifetimeSeconds: number
  readonly nowMs: () => number
}

/**
 * Access tokens of the Microsoft identity platform
 * (https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference).
 */
export interface EntraTokens {
  readonly lifetimeSeconds: number
  issue(clientId: string): Promise<string>
  /** The client's id, or undefined for whatever is not a valid token for ACR of this authority. */
  verify(token: string): Promise<string | undefined>
}

export function entraTokens({ key, issuer, tenantId, lifetimeSeconds, nowMs }: EntraTokenOptions): EntraTokens {
  return {
    lifetimeSeconds,
    issue(clientId) {
      const now = Math.floor(nowMs() / 1000)
      return new SignJWT({ appid: clientId, appidacr: '2', idtyp: 'app', oid: clientId, tid: tenantId, ver: '1.0' })
        .setProtectedHeader({ alg: 'RS256', typ: 'JWT', kid: key.publicJwk.kid })
        .setJti(randomUUID())
        .setSubject(clientId)
        .setIssuer(issuer)
        .setAudience(acrAudience)
        .setIssuedAt(now)
        .setNotBefore(now)
        .setExpirationTime(now + lifetimeSeconds)
        .sign(key.privateKey)
    },
    async verify(token) {
      try {
        const { payload } = await jwtVerify(token, key.publicKey, {
          algorithms: ['RS256'],
          issuer,
          audience: acrAudience,
          currentDate: new Date(nowMs()),
        })
        return typeof payload['appid'] === 'string' ? payload['appid'] : undefined
      } catch {
        // Whatever is wrong with it, ACR says no more than that authentication is required.
        return undefined
      }
    },
  }
}
