import type { Dispatcher } from 'undici'
import { exchange, RefusedAnswer, type Answer, type BoundedRequest } from './bounded-http.ts'
import type { RequestClass, RequestGate } from './request-gate.ts'
import { parseRetryAfter } from './retry-after.ts'

export interface RegistryHttpOptions {
  /** Host, with its port where it has one: the only one that may see a credential. */
  readonly registry: string
  readonly gate: RequestGate
  readonly dispatcher: Dispatcher
  readonly timeoutMs: number
  /** Told of every request that went out, when it has ended; for metrics. */
  readonly onRequest?: (ended: EndedRequest) => void
}

export interface EndedRequest {
  readonly registry: string
  readonly result: RequestResult
}

/** The class of its answer; or, without one that we take, that it took too long, was given up by us, or failed. */
export type RequestResult = '1xx' | '2xx' | '3xx' | '4xx' | '5xx' | 'timeout' | 'aborted' | 'failed'

export interface RegistryRequest extends Omit<BoundedRequest, 'timeoutMs'> {
  readonly requestClass: RequestClass
  /** Where the registry sent the reader of a blob: another host, without a credential, outside of the budget. */
  readonly isBlobRedirect?: boolean
}

const unnamedWaitMs = 5_000

/**
 * Every request of ours to one registry. Here and nowhere else is decided where a credential may go (invariant 11): to
 * the registry's own host over TLS. What a registry names in a redirect, a Link or a challenge is only ever followed
 * for a blob, and then without the credential.
 */
export class RegistryHttp {
  readonly #options: RegistryHttpOptions

  constructor(options: RegistryHttpOptions) {
    this.#options = options
  }

  get registry(): string {
    return this.#options.registry
  }

  isRegistry(url: URL): boolean {
    return url.host === new URL(`https://${this.registry}`).host
  }

  async send(request: RegistryRequest): Promise<Answer> {
    const { gate } = this.#options
    this.#refuseOtherPlaces(request)
    if (!this.isRegistry(request.url)) return this.#exchange(request)

    const leave = await gate.enter(request.requestClass, request.signal)
    try {
      const answer = await this.#exchange(request)
      const askedMs = parseRetryAfter(answer.headers, Date.now()) ?? 0
      // A 429 means a wait, also where it names none or one that is over.
      const waitMs = askedMs === 0 && answer.status === 429 ? unnamedWaitMs : askedMs
      if (answer.status >= 400 && waitMs > 0) gate.pause(waitMs)
      return answer
    } finally {
      leave()
    }
  }

  #refuseOtherPlaces({ url, method, headers, isBlobRedirect = false }: RegistryRequest): void {
    const problem = (what: string) =>
      new RefusedAnswer(`${this.registry} sent us to ${url.origin} ${what}; the request was not made`)
    if (url.protocol !== 'https:') throw problem('without TLS')
    if (url.username !== '' || url.password !== '') throw problem('with a user in the address')
    if (this.isRegistry(url)) return
    if (!isBlobRedirect || method !== 'GET') throw problem('for something other than a blob')
    if (Object.keys(headers).some((name) => name.toLowerCase() === 'authorization'))
      throw problem('with our credential')
  }

  async #exchange(request: RegistryRequest): Promise<Answer> {
    const { registry, dispatcher, timeoutMs, onRequest } = this.#options
    let result: RequestResult = 'failed'
    try {
      const answer = await exchange(dispatcher, { ...request, timeoutMs })
      result = classOf(answer.status)
      return answer
    } catch (error) {
      if (request.signal.aborted) result = 'aborted'
      else if (isTimeout(error)) result = 'timeout'
      throw error
    } finally {
      onRequest?.({ registry, result })
    }
  }
}

function classOf(status: number): RequestResult {
  const classes = ['1xx', '2xx', '3xx', '4xx', '5xx'] as const
  return classes[Math.floor(status / 100) - 1] ?? 'failed'
}

/** By our own clock, by undici's, or by the kernel's. */
function isTimeout(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const { code } = error as NodeJS.ErrnoException
  return error.name === 'TimeoutError' || code === 'ETIMEDOUT' || /^UND_ERR_\w+_TIMEOUT$/.test(code ?? '')
}
