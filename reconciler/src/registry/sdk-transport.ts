import { Readable } from 'node:stream'
import {
  createHttpHeaders,
  type HttpClient,
  type PipelineRequest,
  type PipelineResponse,
} from '@azure/core-rest-pipeline'
import { RefusedAnswer, type Answer, type BoundedRequest } from './bounded-http.ts'
import { readClaims, readField } from './jwt-claims.ts'
import { hasDigest } from './oci.ts'
import type { RegistryHttp } from './registry-http.ts'

const blobPath = /^\/v2\/.+\/blobs\/(sha(?:256|512):[0-9a-f]+)$/

export interface SdkTransportOptions {
  readonly http: RegistryHttp
  readonly maxBodyBytes: number
  /** Ends the requests that the SDK makes on nobody's behalf: its token requests carry no signal. */
  readonly lifetime: AbortSignal
  /** Told when a refresh token of the registry ends, epoch milliseconds. */
  readonly onRefreshToken: (endsAtMs: number) => void
}

/**
 * The wire under @azure/container-registry. The SDK follows redirects and Link headers to any host, and where a host
 * that it was sent to answers with a challenge, it would hand it the registry's token; so where requests may go is
 * decided below it. Bodies are read whole here, so that limits and timeouts hold for them too.
 */
export function createSdkTransport(options: SdkTransportOptions): HttpClient {
  const { http, maxBodyBytes, lifetime, onRefreshToken } = options
  // The SDK changes the request in place when it follows a redirect; this keeps what was asked for first.
  const askedFor = new WeakMap<PipelineRequest, URL>()
  return {
    async sendRequest(request) {
      const bounded = toBoundedRequest(request, maxBodyBytes, lifetime)
      const first = askedFor.get(request) ?? bounded.url
      askedFor.set(request, first)
      const [, blob] = blobPath.exec(decodeURIComponent(first.pathname)) ?? []
      const isBlobRedirect = http.isRegistry(first) && blob !== undefined
      const answer = await http.send({ ...bounded, requestClass: 'read', isBlobRedirect })
      if (blob !== undefined && request.method === 'GET' && answer.status === 200)
        refuseOtherBytes(answer, blob, bounded.url)
      if (bounded.url.pathname === '/oauth2/exchange') {
        const { exp } = readClaims(readField(answer.body, 'refresh_token') ?? '')
        if (exp !== undefined) onRefreshToken(exp * 1000)
      }
      return toPipelineResponse(request, answer)
    },
  }
}

/** The SDK checks too, but where the bytes are others it throws in a stream's end handler: that ends the process. */
function refuseOtherBytes({ body }: Answer, digest: string, url: URL): void {
  if (hasDigest(body, digest)) return
  throw new RefusedAnswer(`${url.host} sent ${body.byteLength} bytes for ${digest} that are not those that it names`)
}

export function toBoundedRequest(
  request: PipelineRequest,
  maxBodyBytes: number,
  lifetime: AbortSignal,
): Omit<BoundedRequest, 'timeoutMs'> {
  const body = requestBody(request)
  const { abortSignal } = request
  return {
    url: new URL(request.url),
    method: request.method,
    headers: request.headers.toJSON(),
    ...(body !== undefined && { body }),
    maxBodyBytes,
    signal: abortSignal === undefined ? lifetime : AbortSignal.any([abortSignal as AbortSignal, lifetime]),
  }
}

export function toPipelineResponse(request: PipelineRequest, { status, headers, body }: Answer): PipelineResponse {
  const response: PipelineResponse = { request, status, headers: createHttpHeaders() }
  for (const [name, value] of Object.entries(headers)) {
    const first = Array.isArray(value) ? value[0] : value
    if (first !== undefined) response.headers.set(name, first)
  }
  response.headers.set('content-length', body.byteLength)
  const { streamResponseStatusCodes: streamed } = request
  const isStreamed = streamed !== undefined && (streamed.has(status) || streamed.has(Number.POSITIVE_INFINITY))
  if (isStreamed) response.readableStreamBody = Readable.from([body], { objectMode: false })
  else response.bodyAsText = body.toString('utf8')
  return response
}

function requestBody({ body }: PipelineRequest): string | Uint8Array | undefined {
  if (body === undefined || body === null) return undefined
  if (typeof body === 'string' || body instanceof Uint8Array) return body
  throw new TypeError('the SDKs send only texts and buffers')
}
