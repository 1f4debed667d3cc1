import { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { acrErrorBody } from '../errors.ts'
import type { Answer } from '../http.ts'
import type { FaultEffect, MetFault, Role } from './faults.ts'

/** What is left to do with a request that has met a fault before it was served. */
export type BeforeServing =
  | { readonly kind: 'serve' }
  | { readonly kind: 'answer'; readonly answer: Answer }
  /** End the connection without an answer. */
  | { readonly kind: 'reset' }

/** How an answer that a fault has changed is to be sent. */
export interface FaultyAnswer {
  readonly answer: Answer
  /** End the connection once the body has been sent, though more was announced. */
  readonly breaksOff: boolean
}

/** The part of a fault that comes before the request is served. `gone` is aborted when the client goes away. */
export async function faultBefore(
  { effect, cleared }: MetFault,
  host: Role | undefined,
  gone: AbortSignal,
): Promise<BeforeServing> {
  if (effect.kind === 'status') return { kind: 'answer', answer: statusAnswer(effect, host) }
  if (effect.kind === 'reset') return { kind: 'reset' }
  if (effect.kind === 'delay') await sleepUntil(effect.ms, AbortSignal.any([gone, cleared]))
  if (effect.kind === 'stall' && effect.after === 'nothing') await aborted(AbortSignal.any([gone, cleared]))
  return { kind: 'serve' }
}

/** The part of a fault that changes an answer. */
export async function faultAfter({ effect, cleared }: MetFault, answer: Answer): Promise<FaultyAnswer> {
  if (effect.kind === 'dropLink') return { answer: without(answer, 'link'), breaksOff: false }
  if (effect.kind === 'malformed') {
    const body = half(await bufferOf(answer.body))
    return { answer: { ...without(answer, 'content-length'), body }, breaksOff: false }
  }
  if (effect.kind === 'truncate') {
    return { answer: announced(answer, await bufferOf(answer.body), half), breaksOff: true }
  }
  if (effect.kind === 'stall' && effect.after === 'half') {
    const body = await bufferOf(answer.body)
    return { answer: announced(answer, body, (whole) => pausing(whole, cleared)), breaksOff: false }
  }
  return { answer, breaksOff: false }
}

/** In the words of the host that answers; of the login server's, whatever else is not known. */
function statusAnswer(
  { status, retryAfterSeconds }: Extract<FaultEffect, { kind: 'status' }>,
  host: Role | undefined,
): Answer {
  const retryAfter = retryAfterSeconds === undefined ? {} : { 'retry-after': String(retryAfterSeconds) }
  const message = `the registry was told to answer ${status}`
  if (host === 'blobs') {
    return {
      status,
      headers: { 'content-type': 'application/xml', ...retryAfter },
      body: `<?xml version="1.0" encoding="utf-8"?><Error><Code>ServerBusy</Code><Message>${message}</Message></Error>`,
    }
  }
  const body =
    host === 'entra'
      ? JSON.stringify({ error: 'temporarily_unavailable', error_description: `AADSTS90033: ${message}` })
      : acrErrorBody(codes[status] ?? 'UNKNOWN', message)
  return { status, headers: { 'content-type': 'application/json; charset=utf-8', ...retryAfter }, body }
}

const codes: Readonly<Record<number, string>> = {
  401: 'UNAUTHORIZED',
  403: 'DENIED',
  404: 'NOT_FOUND',
  429: 'TOOMANYREQUESTS',
}

/** The head announces the whole body, whatever is then sent of it. */
function announced(answer: Answer, body: Buffer, send: (body: Buffer) => Buffer | Readable): Answer {
  return { ...answer, headers: { ...answer.headers, 'content-length': String(body.byteLength) }, body: send(body) }
}

function half(body: Buffer): Buffer {
  return body.subarray(0, Math.floor(body.byteLength / 2))
}

function pausing(body: Buffer, cleared: AbortSignal): Readable {
  return Readable.from(
    (async function* send() {
      yield half(body)
      await aborted(cleared)
      yield body.subarray(half(body).byteLength)
    })(),
    { objectMode: false },
  )
}

function without(answer: Answer, header: string): Answer {
  const headers = Object.entries(answer.headers ?? {}).filter(([name]) => name !== header)
  return { ...answer, headers: Object.fromEntries(headers) }
}

async function bufferOf(body: Answer['body']): Promise<Buffer> {
  if (body instanceof Readable) return Buffer.concat((await body.toArray()) as Buffer[])
  return Buffer.from(body ?? '')
}

async function sleepUntil(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await sleep(ms, undefined, { signal })
  } catch (error) {
    if (!signal.aborted) throw error
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
