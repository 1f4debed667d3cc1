import { ContainerRegistryClient, ContainerRegistryContentClient } from '@azure/container-registry'
import type { TokenCredential } from '@azure/identity'
import type { Dispatcher } from 'undici'
import { BoundedMap } from '../core/bounded-map.ts'
import type { BudgetLimits } from '../core/request-budget.ts'
import { abortable } from './abortable.ts'
import type { IdentityWire } from './identity.ts'
import { RegistryHttp, type EndedRequest } from './registry-http.ts'
import { RequestGate } from './request-gate.ts'
import { createSdkTransport } from './sdk-transport.ts'
import { RegistryTokenSource } from './token-source.ts'
import { translateError, type Attempt } from './translate-error.ts'

export interface ConnectionOptions {
  /** Host of the registry. */
  readonly registry: string
  /** Makes the identity; called again after the registry refused the one before. */
  readonly credential: (wire: IdentityWire) => TokenCredential
  readonly dispatcher: Dispatcher
  readonly lifetime: AbortSignal
  readonly limits: ConnectionLimits
  /** The resource for which Entra ID is asked for a token. */
  readonly audience: string
  readonly onRequest?: (ended: EndedRequest) => void
}

export interface ConnectionLimits {
  /** Of all repositories of one registry together. */
  readonly requests: BudgetLimits
  /** Of these, for looking up what is attached to images. */
  readonly referrers: BudgetLimits
  readonly concurrency: number
  readonly longestPauseMs: number
  readonly longestLineMs: number
  /** Of one request. */
  readonly timeoutMs: number
}

/** An SDK client keeps one access token for whatever it asks, so there is one of each kind for each repository. */
interface RepositoryClients {
  readonly tags: ContainerRegistryClient
  readonly content: ContainerRegistryContentClient
}

interface Retiring {
  readonly clients: RepositoryClients
  retireAtMs: number
}

const mostRepositories = 2_048
const mostListBytes = 1024 * 1024
/** What ACR takes as a manifest at most; blobs that we read are smaller. */
const mostContentBytes = 4 * 1024 * 1024
const identityRenewalMs = 60_000
/**
 * The SDK renews a refresh token in its last five minutes behind the caller's back, every three seconds, and where that
 * fails to the end it throws to nobody: that ends the process. So no client grows that old.
 */
const retireBeforeMs = 6 * 60_000

/** Everything that is kept for one registry: its gate, our identity there, its tokens and clients. */
export class RegistryConnection {
  readonly http: RegistryHttp
  readonly tokens: RegistryTokenSource
  readonly #options: ConnectionOptions
  readonly #clients = new BoundedMap<string, Retiring>(mostRepositories)
  #identity: TokenCredential | undefined
  #identityMadeMs = Number.NEGATIVE_INFINITY

  constructor(options: ConnectionOptions) {
    const { registry, dispatcher, lifetime, limits, audience, onRequest } = options
    this.#options = options
    this.http = new RegistryHttp({
      registry,
      dispatcher,
      timeoutMs: limits.timeoutMs,
      gate: new RequestGate({
        registry,
        limits: limits.requests,
        referrerLimits: limits.referrers,
        concurrency: limits.concurrency,
        longestPauseMs: limits.longestPauseMs,
        longestLineMs: limits.longestLineMs,
      }),
      ...(onRequest !== undefined && { onRequest }),
    })
    this.tokens = new RegistryTokenSource({ http: this.http, credential: () => this.#credential(), audience, lifetime })
  }

  /**
   * Makes one call with the clients of a repository. The SDK gives its token requests no signal, so giving up ends the
   * wait here; and after a refusal nothing that led to it is used again.
   */
  async call<T>(
    name: string,
    attempt: Attempt,
    signal: AbortSignal,
    action: (clients: RepositoryClients) => Promise<T>,
  ): Promise<T> {
    try {
      return await abortable(action(this.#clientsOf(name)), signal)
    } catch (error) {
      const translated = translateError(error, attempt, signal)
      if (translated.reason === 'RegistryUnauthorized' || translated.reason === 'RegistryForbidden') this.#forget(name)
      throw translated
    }
  }

  #clientsOf(name: string): RepositoryClients {
    const known = this.#clients.get(name)
    if (known !== undefined && Date.now() < known.retireAtMs) return known.clients
    const { registry, lifetime, audience } = this.#options
    const endpoint = `https://${registry}`
    const onRefreshToken = (endsAtMs: number) => {
      retiring.retireAtMs = Math.min(retiring.retireAtMs, endsAtMs - retireBeforeMs)
    }
    const options = (maxBodyBytes: number) => ({
      audience,
      httpClient: createSdkTransport({ http: this.http, maxBodyBytes, lifetime, onRefreshToken }),
      retryOptions: { maxRetries: 0 },
      redirectOptions: { maxRetries: 3 },
    })
    const credential: TokenCredential = { getToken: (...given) => this.#credential().getToken(...given) }
    const clients = {
      tags: new ContainerRegistryClient(endpoint, credential, options(mostListBytes)),
      content: new ContainerRegistryContentClient(endpoint, name, credential, options(mostContentBytes)),
    }
    const retiring: Retiring = { clients, retireAtMs: Number.POSITIVE_INFINITY }
    this.#clients.set(name, retiring)
    return clients
  }

  #forget(name: string): void {
    this.#clients.delete(name)
    // A thousand repositories that are refused at once are no reason to ask Entra ID a thousand times.
    if (performance.now() - this.#identityMadeMs > identityRenewalMs) this.#identity = undefined
  }

  #credential(): TokenCredential {
    if (this.#identity === undefined) {
      const { credential, dispatcher, lifetime, limits } = this.#options
      this.#identity = credential({ dispatcher, timeoutMs: limits.timeoutMs, lifetime })
      this.#identityMadeMs = performance.now()
    }
    return this.#identity
  }
}
