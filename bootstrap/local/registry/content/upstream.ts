import type { IncomingHttpHeaders } from 'node:http'
import { Pool } from 'undici'
import type { Dispatcher } from 'undici'
import { AcrError } from '../errors.ts'
import type { Answer, Call } from '../http.ts'

/** Where the distribution answers. */
export type UpstreamAddress = { readonly url: string } | { readonly socketPath: string }

export interface UpstreamRequest {
  readonly method: string
  /** With its query. */
  readonly path: string
  readonly headers?: Readonly<Record<string, string | string[]>>
  readonly body?: Buffer | Call['body']
  readonly signal: AbortSignal
}

/** The distribution behind the stand-in: it keeps the content and knows nothing of users. */
export interface Upstream {
  send(request: UpstreamRequest): Promise<Dispatcher.ResponseData>
  close(): Promise<void>
}

export function openUpstream(address: UpstreamAddress): Upstream {
  const [origin, options] =
    'url' in address ? [address.url, {}] : ['http://localhost', { socketPath: address.socketPath }]
  const pool = new Pool(origin, { ...options, connections: 32 })
  return {
    send: (request) => pool.request(request),
    close: () => pool.destroy(),
  }
}

/** Hands a request on as it is, and its answer back: what the stand-in has nothing to add to. */
export async function passThrough(upstream: Upstream, call: Call, path: string): Promise<Answer> {
  const query = call.query.size > 0 ? `?${call.query.toString()}` : ''
  const hasBody = call.method !== 'GET' && call.method !== 'HEAD' && call.method !== 'DELETE'
  const answer = await upstream.send({
    method: call.method,
    path: `${path}${query}`,
    headers: requestHeaders(call.headers),
    ...(hasBody && { body: call.body }),
    signal: call.signal,
  })
  return relay(answer, call.method)
}

/** An answer of the distribution as one of ours. */
export async function relay(answer: Dispatcher.ResponseData, method: string): Promise<Answer> {
  const headers = responseHeaders(answer.headers)
  if (method !== 'HEAD') return { status: answer.statusCode, headers, body: answer.body }
  await answer.body.dump()
  return { status: answer.statusCode, headers }
}

/** 502 for a distribution that can't be reached or breaks off. */
export function upstreamFailed(cause: unknown): AcrError {
  const error = new AcrError(502, 'UNKNOWN', 'the storage behind the registry did not answer')
  error.cause = cause
  return error
}

// Of one connection alone (RFC 9110, section 7.6.1), or of the hop to the stand-in.
const notForwarded = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'authorization',
  'expect',
  'host',
])
const notReturned = new Set([...notForwarded, 'date'])

function requestHeaders(headers: IncomingHttpHeaders): Record<string, string | string[]> {
  const kept = Object.entries(headers).filter(([name]) => !notForwarded.has(name))
  return Object.fromEntries(kept.flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])))
}

function responseHeaders(headers: IncomingHttpHeaders): Record<string, string | string[]> {
  const kept = Object.entries(headers).filter(([name]) => !notReturned.has(name))
  return Object.fromEntries(
    kept.flatMap(([name, value]) =>
      value === undefined ? [] : [[name, name === 'location' ? relative(value) : value]],
    ),
  )
}

/** ACR names places by their path alone, and no client can reach the distribution. */
function relative(location: string | string[]): string {
  return String(location).replace(/^https?:\/\/[^/]+/, '')
}
