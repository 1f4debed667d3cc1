import type { IncomingHttpHeaders } from 'node:http'
import type { Readable } from 'node:stream'
import { AcrError } from './errors.ts'

/** A request, without the server that took it. */
export interface Call {
  readonly method: string
  readonly query: URLSearchParams
  readonly headers: IncomingHttpHeaders
  readonly body: Readable
  /** Where this client reaches this server, e.g. `https://registry.windlass.test`. */
  readonly origin: string
  /** Aborted when the client goes away. */
  readonly signal: AbortSignal
  /** To be told which identity the request comes from, for the request log. */
  readonly onUser: (name: string) => void
}

export interface Answer {
  readonly status: number
  readonly headers?: Readonly<Record<string, string | readonly string[]>>
  readonly body?: string | Buffer | Readable
}

export type JsonAnswer = Answer & { readonly body: string }

/** What every answer of the login server carries; the OCI distribution specification keeps it for old clients. */
export const registryHeaders = { 'docker-distribution-api-version': 'registry/2.0' } as const

export function jsonAnswer(status: number, value: unknown, headers: Readonly<Record<string, string>> = {}): JsonAnswer {
  return {
    status,
    headers: { 'content-type': 'application/json; charset=utf-8', ...headers },
    // ACR ends a body with a line feed, so that sizes compare.
    body: `${JSON.stringify(value)}\n`,
  }
}

/** Reads a whole body; throws 413 once it is longer than allowed. */
export async function readBody(body: Readable, limitBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of body as AsyncIterable<Buffer>) {
    length += chunk.byteLength
    if (length > limitBytes) throw new AcrError(413, 'SIZE_INVALID', `the body is longer than ${limitBytes} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

/** Reads a body of the type `application/x-www-form-urlencoded`. */
export async function readForm(body: Readable): Promise<URLSearchParams> {
  return new URLSearchParams((await readBody(body, 256 * 1024)).toString('utf8'))
}
