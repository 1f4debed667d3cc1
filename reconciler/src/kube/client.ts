/** Requests to the API server: who asks, how long it may take, and what its answer is. Nothing is tried twice here. */
import type { HttpMethod, ResponseContext } from '@kubernetes/client-node'
import { AppError } from '../core/errors.ts'
import type { Tenant } from './ports.ts'
import { parseRefusal, refusalError, userNameOf, type Refusal } from './refusal.ts'
import type { Lane, Transport } from './transport.ts'

export interface KubeRequest {
  readonly method: HttpMethod
  readonly path: string
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>
  /** Sent as JSON. */
  readonly body?: unknown
  /** Of the body; patches differ by it alone. */
  readonly contentType?: string
  readonly accept?: string
  /** Ask as this account instead of as the reconciler. */
  readonly tenant?: Tenant
  /** What is asked, for people: `apply Deployment predictor/web`. Every error begins with it. */
  readonly what: string
  readonly timeoutMs?: number
  readonly lane?: Lane
  readonly signal: AbortSignal
}

export type Answer<T> =
  { readonly ok: true; readonly code: number; readonly body: T } | { readonly ok: false; readonly refusal: Refusal }

export interface KubeClient {
  /** Answers with the API server's word, refusals too; throws AppError where there was none. */
  send<T>(request: KubeRequest): Promise<Answer<T>>
  /** The body of a 2xx answer; throws AppError for any other. */
  request<T>(request: KubeRequest): Promise<T>
  /** Opens a stream; `timeoutMs` bounds the wait for its beginning, the signal ends it at any time. */
  stream(request: KubeRequest): Promise<Answer<AsyncIterable<Uint8Array>>>
}

export interface KubeClientOptions {
  readonly transport: Transport
  /** Of a request that names none; within leaseDuration − renewDeadline, so that no write outlives a lost lease. */
  readonly requestTimeoutMs: number
}

export function createKubeClient({ transport, requestTimeoutMs }: KubeClientOptions): KubeClient {
  async function open(request: KubeRequest, signal: AbortSignal, lane: Lane): Promise<ResponseContext> {
    return transport.send({
      method: request.method,
      target: targetOf(request),
      headers: headersOf(request),
      ...(request.body !== undefined && { body: JSON.stringify(request.body) }),
      lane: request.lane ?? lane,
      signal,
    })
  }

  async function send<T>(request: KubeRequest): Promise<Answer<T>> {
    return within(request, request.timeoutMs ?? requestTimeoutMs, async (signal) => {
      const response = await open(request, signal, 'requests')
      const text = await response.body.text()
      if (!isOk(response)) return { ok: false, refusal: refusalOf(response, text) }
      return { ok: true, code: response.httpStatusCode, body: JSON.parse(text) as T }
    })
  }

  return {
    send,
    async request<T>(request: KubeRequest) {
      const answer = await send<T>(request)
      if (!answer.ok) throw refusedError(answer.refusal, request)
      return answer.body
    },
    async stream(request) {
      // Not the signal of `within`: what that opens must live on after it.
      const stream = new AbortController()
      return within(request, request.timeoutMs ?? requestTimeoutMs, async (signal) => {
        signal.addEventListener('abort', () => stream.abort(signal.reason), { once: true })
        const response = await open(request, stream.signal, 'watches')
        if (!isOk(response)) return { ok: false, refusal: refusalOf(response, await response.body.text()) }
        return { ok: true, code: response.httpStatusCode, body: chunksOf(request, response, stream) }
      })
    },
  }
}

/** The error of a refusal that a request met. */
export function refusedError(refusal: Refusal, { method, what, tenant }: KubeRequest): AppError {
  return refusalError(refusal, { what, isWrite: method !== 'GET', ...(tenant !== undefined && { tenant }) })
}

/** Every wait that is given up ends so; a reason that is already ours is kept. */
export function abortedError(signal: AbortSignal, what: string): AppError {
  const reason: unknown = signal.reason
  if (reason instanceof AppError) return reason
  return new AppError({ kind: 'aborted', reason: 'ShuttingDown', message: `${what}: given up`, cause: reason })
}

async function* chunksOf(
  request: KubeRequest,
  response: ResponseContext,
  stream: AbortController,
): AsyncGenerator<Uint8Array> {
  const onAbort = () => stream.abort(request.signal.reason)
  if (request.signal.aborted) onAbort()
  request.signal.addEventListener('abort', onAbort, { once: true })
  try {
    const body = response.body.stream()
    if (body !== null) yield* body
  } catch (error) {
    throw request.signal.aborted ? abortedError(request.signal, request.what) : networkError(request, error)
  } finally {
    request.signal.removeEventListener('abort', onAbort)
    // A reader that stops early leaves its socket open else.
    stream.abort()
  }
}

/** Runs under the request's signal and a deadline; what it throws becomes an AppError, once. */
async function within<T>(
  request: KubeRequest,
  timeoutMs: number,
  run: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const { signal, what } = request
  if (signal.aborted) throw abortedError(signal, what)
  const bounded = new AbortController()
  const onAbort = () => bounded.abort(signal.reason)
  let isLate = false
  const timer = setTimeout(() => {
    isLate = true
    bounded.abort()
  }, timeoutMs)
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    return await run(bounded.signal)
  } catch (error) {
    if (error instanceof AppError) throw error
    if (signal.aborted) throw abortedError(signal, what)
    if (isLate) throw lateError(request, timeoutMs)
    throw networkError(request, error)
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', onAbort)
  }
}

function lateError({ what }: KubeRequest, timeoutMs: number): AppError {
  const message = `${what}: the API server did not answer within ${timeoutMs} ms`
  return new AppError({ kind: 'retryable', reason: 'ApiUnavailable', message })
}

function networkError({ what }: KubeRequest, error: unknown): AppError {
  const message = `${what}: the API server could not be reached, or its answer not be read: ${describe(error)}`
  return new AppError({ kind: 'retryable', reason: 'ApiUnavailable', message, cause: error })
}

/** fetch hides what went wrong in its cause. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown'
  const inner = error.cause instanceof Error ? error.cause : error
  const { code } = inner as { code?: unknown }
  return typeof code === 'string' ? code : inner.message.slice(0, 200)
}

function targetOf({ path, query }: KubeRequest): string {
  const parameters = new URLSearchParams()
  for (const [name, value] of Object.entries(query ?? {})) {
    if (value !== undefined) parameters.set(name, String(value))
  }
  return parameters.size === 0 ? path : `${path}?${parameters.toString()}`
}

function headersOf({ body, contentType, accept, tenant }: KubeRequest): Record<string, string> {
  return {
    Accept: accept ?? 'application/json',
    ...(body !== undefined && { 'Content-Type': contentType ?? 'application/json' }),
    ...(tenant !== undefined && { 'Impersonate-User': userNameOf(tenant) }),
  }
}

function isOk({ httpStatusCode }: ResponseContext): boolean {
  return httpStatusCode >= 200 && httpStatusCode < 300
}

function refusalOf({ httpStatusCode, headers }: ResponseContext, body: string): Refusal {
  return parseRefusal(httpStatusCode, body, headers['retry-after'])
}
