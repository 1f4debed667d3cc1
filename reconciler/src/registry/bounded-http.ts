import type { Dispatcher } from 'undici'

export interface BoundedRequest {
  readonly url: URL
  readonly method: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array
  /** An answer with more is refused, and not read further. */
  readonly maxBodyBytes: number
  /** From when the request goes out until its answer is read. */
  readonly timeoutMs: number
  readonly signal: AbortSignal
}

export type AnswerHeaders = Readonly<Record<string, string | string[] | undefined>>

export interface Answer {
  readonly status: number
  readonly headers: AnswerHeaders
  readonly body: Buffer
}

/** What is wrong with an answer, or with where it sends us; said without quoting it. */
export class RefusedAnswer extends Error {
  override readonly name = 'RefusedAnswer'
}

/** One request and its whole answer, within a time and a size. Follows no redirect. Throws RefusedAnswer, and what undici throws. */
export async function exchange(dispatcher: Dispatcher, request: BoundedRequest): Promise<Answer> {
  const { url, method, headers, body, maxBodyBytes, timeoutMs, signal } = request
  const response = await dispatcher.request({
    origin: url.origin,
    path: `${url.pathname}${url.search}`,
    method,
    // Bodies are small, and what is not compressed can't be a decompression bomb.
    headers: { ...headers, 'accept-encoding': 'identity' },
    ...(body !== undefined && { body }),
    signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
  })
  const read = await readBounded(response.body, maxBodyBytes)
  if (read === undefined) throw new RefusedAnswer(`${url.host} answered with more than ${maxBodyBytes} bytes`)
  const encoding = response.headers['content-encoding']
  if (encoding !== undefined && encoding !== 'identity') {
    throw new RefusedAnswer(`${url.host} answered with a content encoding that was not asked for`)
  }
  return { status: response.statusCode, headers: response.headers, body: read }
}

/** Undefined where there is more; the rest is not read then. */
async function readBounded(body: Dispatcher.ResponseData['body'], maxBytes: number): Promise<Buffer | undefined> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of body as AsyncIterable<Uint8Array>) {
    bytes += chunk.byteLength
    if (bytes > maxBytes) return undefined
    chunks.push(chunk)
  }
  return Buffer.concat(chunks, bytes)
}
