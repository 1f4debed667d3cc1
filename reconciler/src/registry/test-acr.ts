import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type Server } from 'node:https'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { Agent } from 'undici'
import { openAuthority } from '../../../bootstrap/local/certificates.ts'
import { AcrTagSource, type AcrOptions } from './acr.ts'
import { digestOf } from './oci.ts'

/**
 * A server that answers what a test tells it to, also what no registry should: for faults and hostile answers. How a
 * registry really behaves is tested against the stand-in.
 */
export interface TestAcr {
  /** `localhost:PORT` */
  readonly host: string
  /** All requests so far, in order. */
  readonly requests: readonly RecordedRequest[]
  /** Entra ID tokens that were asked for. */
  readonly entraTokens: () => number
  readonly dispatcher: Agent
  /** An adapter that may talk to this server alone, with limits that don't slow a test down. */
  source(options?: Partial<AcrOptions>): AcrTagSource
}

export interface RecordedRequest {
  readonly method: string
  /** With its query. */
  readonly path: string
  readonly authorization: string | undefined
  readonly body: string
}

export interface TestAnswer {
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Buffer | Readonly<Record<string, unknown>>
  /** Sends that many bytes of the body, and then cuts the connection. */
  readonly cutAfter?: number
  /** Sends headers and that many bytes of the body, and then nothing. */
  readonly stallAfter?: number
}

export type Answerer = (request: RecordedRequest) => TestAnswer | undefined | Promise<TestAnswer | undefined>

export const testLimits = {
  requests: { perMinute: 600_000, burst: 10_000 },
  referrers: { perMinute: 600_000, burst: 10_000 },
  concurrency: 16,
  longestPauseMs: 1_000,
  longestLineMs: 1_000,
  timeoutMs: 5_000,
} as const

/** Answers token requests by itself, and 401 with a challenge to whatever has no token. */
export async function startTestAcr(t: Test, answer: Answerer = () => undefined): Promise<TestAcr> {
  const { cert, key, dispatcher } = await testTls(t)
  const requests: RecordedRequest[] = []
  let entraTokens = 0
  const server = createServer({ cert, key }, (request, response) => {
    void respond(request, response)
  })

  async function respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const recorded = {
      method: request.method ?? '',
      path: request.url ?? '',
      authorization: request.headers.authorization,
      body: Buffer.concat(chunks).toString(),
    }
    requests.push(recorded)
    send(response, (await answer(recorded)) ?? ordinary(recorded))
  }

  const host = `localhost:${await listen(t, server)}`
  return {
    host,
    requests,
    entraTokens: () => entraTokens,
    dispatcher,
    source(options = {}) {
      const source = new AcrTagSource({
        registries: [host],
        credential: () => ({
          getToken() {
            entraTokens += 1
            return Promise.resolve({ token: `entra-secret-${entraTokens}`, expiresOnTimestamp: Date.now() + 3_600_000 })
          },
        }),
        dispatcher,
        ...options,
        limits: { ...testLimits, ...options.limits },
      })
      t.teardown(() => source.close())
      return source
    },
  }
}

function ordinary({ path, authorization }: RecordedRequest): TestAnswer {
  const [bare = ''] = path.split('?')
  if (bare === '/oauth2/exchange') return { body: { refresh_token: token('refresh-secret') } }
  if (bare === '/oauth2/token') return { body: { access_token: token('access-secret') } }
  if (authorization === undefined) return challenge()
  return { status: 404, body: { errors: [{ code: 'NAME_UNKNOWN', message: 'repository name not known' }] } }
}

export function challenge(realm = 'https://realm.invalid/oauth2/token'): TestAnswer {
  return {
    status: 401,
    headers: {
      'www-authenticate': `Bearer realm="${realm}",service="registry.test",scope="repository:predictor:pull"`,
    },
    body: { errors: [{ code: 'UNAUTHORIZED', message: 'authentication required' }] },
  }
}

/** In the form of a JWT, for the SDK reads its expiry; nobody checks the signature. */
export function token(subject: string, lifetimeSeconds = 3_600): string {
  const now = Math.floor(Date.now() / 1000)
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  return `${part({ alg: 'none' })}.${part({ sub: subject, iat: now, exp: now + lifetimeSeconds })}.c2ln`
}

export function tagProperties(name: string, updatedAtMs: number, createdAtMs = updatedAtMs): Record<string, unknown> {
  return {
    name,
    digest: digestOf(Buffer.from(name)),
    createdTime: new Date(createdAtMs).toISOString().replace('Z', '1234Z'),
    lastUpdateTime: new Date(updatedAtMs).toISOString().replace('Z', '1234Z'),
    signed: false,
    changeableAttributes: { deleteEnabled: true, writeEnabled: true, readEnabled: true, listEnabled: true },
  }
}

export function tagList(tags: ReadonlyArray<Record<string, unknown>>, link?: string): TestAnswer {
  return {
    body: { registry: 'registry.test', imageName: 'predictor', tags },
    ...(link !== undefined && { headers: { link: `<${link}>; rel="next"` } }),
  }
}

export function manifestAnswer(bytes: Buffer, mediaType = 'application/vnd.oci.image.manifest.v1+json'): TestAnswer {
  return { body: bytes, headers: { 'content-type': mediaType, 'docker-content-digest': digestOf(bytes) } }
}

function send(
  response: ServerResponse,
  { status = 200, headers = {}, body = '', cutAfter, stallAfter }: TestAnswer,
): void {
  const bytes = Buffer.isBuffer(body) ? body : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body))
  response.writeHead(status, {
    'content-type': 'application/json; charset=utf-8',
    'content-length': bytes.byteLength,
    ...headers,
  })
  const part = cutAfter ?? stallAfter
  if (part === undefined) {
    response.end(bytes)
    return
  }
  response.write(bytes.subarray(0, part), () => {
    if (cutAfter !== undefined) response.destroy()
  })
}

async function listen(t: Test, server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(
    () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  )
  return (server.address() as AddressInfo).port
}

async function testTls(t: Test): Promise<{ cert: string; key: string; dispatcher: Agent }> {
  const dir = await mkdtemp(join(tmpdir(), 'windlass-acr-'))
  t.teardown(() => rm(dir, { recursive: true, force: true }))
  const authority = await openAuthority(dir, 'ca', 'windlass-test-ca')
  const { certPem, keyPem } = await authority.issue({
    commonName: 'localhost',
    dnsNames: ['localhost'],
    ipAddresses: ['127.0.0.1'],
  })
  const dispatcher = new Agent({ connect: { ca: authority.certPem } })
  t.teardown(() => dispatcher.destroy())
  return { cert: certPem, key: keyPem, dispatcher }
}
