import type { TokenCredential } from '@azure/identity'
import { BoundedMap } from '../core/bounded-map.ts'
import { abortable } from './abortable.ts'
import { readClaims, readField } from './jwt-claims.ts'
import type { RegistryHttp } from './registry-http.ts'
import { invalidAnswer, statusError, type Attempt } from './translate-error.ts'

export interface TokenSourceOptions {
  readonly http: RegistryHttp
  readonly credential: () => TokenCredential
  /** The resource for which Entra ID is asked for a token. */
  readonly audience: string
  /** Ends the token requests under way; each may be awaited by several callers. */
  readonly lifetime: AbortSignal
}

interface CachedToken {
  readonly token: string
  readonly freshUntilMs: number
}

const mostScopes = 2_048
const longestMarginMs = 30_000
/** Of a token that does not say when it ends. */
const assumedLifetimeMs = 60_000

/**
 * The registry's access tokens by scope, for the requests that the SDK has no method for. ACR's own exchange: Entra ID
 * token → refresh token of the registry → access token of one scope. Asked for is always the registry's own host; the
 * realm that a challenge names is never read.
 * https://github.com/Azure/acr/blob/main/docs/AAD-OAuth.md
 */
export class RegistryTokenSource {
  readonly #options: TokenSourceOptions
  readonly #access = new BoundedMap<string, SharedToken>(mostScopes)
  #refresh = new SharedToken()

  constructor(options: TokenSourceOptions) {
    this.#options = options
  }

  async token(scope: string, signal: AbortSignal): Promise<string> {
    const shared = this.#access.get(scope) ?? new SharedToken()
    this.#access.set(scope, shared)
    const { token } = await abortable(
      shared.get(() => this.#requestAccess(scope)),
      signal,
    )
    return token
  }

  /**
   * The registry's refresh token, good for hours and for all that the identity may do there: what Docker takes as a
   * password, beside a user name of zeros.
   */
  async refreshToken(signal: AbortSignal): Promise<string> {
    const { token } = await abortable(
      this.#refresh.get(() => this.#requestRefresh()),
      signal,
    )
    return token
  }

  /** What was refused is not used again, nor is what it was made from. */
  drop(scope: string): void {
    this.#access.delete(scope)
    this.#refresh = new SharedToken()
  }

  async #requestAccess(scope: string): Promise<CachedToken> {
    const { registry } = this.#options.http
    const { token: refreshToken } = await this.#refresh.get(() => this.#requestRefresh())
    const form = { grant_type: 'refresh_token', service: registry, scope, refresh_token: refreshToken }
    return this.#post('/oauth2/token', form, 'access_token')
  }

  async #requestRefresh(): Promise<CachedToken> {
    const { http, credential, audience, lifetime } = this.#options
    const entra = await credential().getToken(`${audience}/.default`, { abortSignal: lifetime })
    const attempt = { host: http.registry, action: 'get a token of the registry' }
    if (entra === null) throw invalidAnswer(attempt, 'Entra ID gave no token for it')
    const form = { grant_type: 'access_token', service: http.registry, access_token: entra.token }
    return this.#post('/oauth2/exchange', form, 'refresh_token')
  }

  async #post(path: string, form: Record<string, string>, field: string): Promise<CachedToken> {
    const { http, lifetime } = this.#options
    const attempt: Attempt = { host: http.registry, action: `get a token of the registry at ${path}` }
    const { status, headers, body } = await http.send({
      url: new URL(`https://${http.registry}${path}`),
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json' },
      body: new URLSearchParams(form).toString(),
      requestClass: 'read',
      maxBodyBytes: 64 * 1024,
      signal: lifetime,
    })
    if (status !== 200) throw statusError(attempt, status, headers)
    const token = readField(body, field)
    if (token === undefined) throw invalidAnswer(attempt, `its answer has no ${field}`)
    return { token, freshUntilMs: Date.now() + freshForMs(token) }
  }
}

/** One token that is asked for once, however many want it, and again when it nears its end. */
class SharedToken {
  #current: Promise<CachedToken> | undefined

  async get(request: () => Promise<CachedToken>): Promise<CachedToken> {
    const seen = this.#current
    if (seen === undefined) return this.#start(request)
    const token = await seen
    if (token.freshUntilMs > Date.now()) return token
    return this.#current === undefined || this.#current === seen ? this.#start(request) : this.#current
  }

  #start(request: () => Promise<CachedToken>): Promise<CachedToken> {
    const started = request()
    this.#current = started
    started.catch(() => {
      if (this.#current === started) this.#current = undefined
    })
    return started
  }
}

/** A fifth of its life before it ends, half a minute at most; by its own clock, which need not be ours. */
function freshForMs(token: string): number {
  const { exp, iat } = readClaims(token)
  if (exp === undefined) return assumedLifetimeMs
  const lifetimeMs = exp * 1000 - (iat === undefined ? Date.now() : iat * 1000)
  return lifetimeMs - Math.min(lifetimeMs / 5, longestMarginMs)
}
