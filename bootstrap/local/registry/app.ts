import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { Readable } from 'node:stream'
import Fastify, { LogController } from 'fastify'
import type { FastifyBaseLogger, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { resetConnection } from '../reset-connection.ts'
import type { RegistryConfig } from './config.ts'
import { serveBlob } from './content/blobs.ts'
import { upstreamFailed } from './content/upstream.ts'
import { faultAfter, faultBefore } from './control/apply-fault.ts'
import type { Faults, MetFault, Role } from './control/faults.ts'
import type { RequestLog } from './control/request-log.ts'
import { serveAuthority } from './entra/serve.ts'
import type { AuthorityOptions } from './entra/serve.ts'
import { AcrError, notFound } from './errors.ts'
import type { Answer, Call } from './http.ts'
import { expiredTokenAnswer, serveLogin } from './login-server.ts'
import type { LoginServerOptions } from './login-server.ts'
import { parseOperation } from './operation.ts'
import type { Operation } from './operation.ts'
import { blobOriginFor, roleOf } from './roles.ts'

export interface AppOptions {
  readonly hosts: RegistryConfig['hosts']
  /** PEM; plain HTTP without it. */
  readonly tls: { readonly cert: string; readonly key: string } | undefined
  readonly login: LoginServerOptions
  readonly authority: AuthorityOptions
  readonly faults: Faults
  readonly requests: RequestLog
  readonly logger: FastifyBaseLogger
}

/** A request on its way through the server. */
interface Visit {
  readonly role: Role | undefined
  readonly path: string
  readonly operation: Operation | undefined
  readonly call: Call
  readonly fault: MetFault | undefined
}

/** One server for the registry's login server, its blob host and Entra ID's authority, told apart by the Host header. */
export function buildApp(options: AppOptions): FastifyInstance {
  const app = createServer(options)
  const rawSockets = trackRawSockets(app)
  // Bodies are blobs and forms, which their handlers read.
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', (_request, payload, done) => done(null, payload))
  app.all('/*', async (request, reply) => {
    const visit = await arrive(options, request, reply)
    const before = visit.fault && (await faultBefore(visit.fault, visit.role, visit.call.signal))
    if (before?.kind === 'reset') {
      reply.hijack()
      reset(request, rawSockets)
      return
    }
    const served = before?.kind === 'answer' ? refused(options, visit, before.answer) : await serve(options, visit)
    await respond(reply, visit, served)
  })
  return app
}

function createServer({ tls, logger }: AppOptions): FastifyInstance {
  const shared = {
    loggerInstance: logger,
    logController: new LogController({ disableRequestLogging: true }),
    forceCloseConnections: true,
    exposeHeadRoutes: false,
  }
  // The type of the server is of no matter to those who use it.
  return (tls === undefined ? Fastify(shared) : Fastify({ ...shared, https: tls })) as FastifyInstance
}

async function arrive(options: AppOptions, request: FastifyRequest, reply: FastifyReply): Promise<Visit> {
  const { hosts, authority, login, faults, requests } = options
  const [rawPath = '', rawQuery = ''] = request.raw.url?.split(/\?(.*)/s) ?? []
  const host = request.headers.host ?? ''
  const path = decodePath(rawPath)
  const role = roleOf({ hosts, tenantId: authority.federation.tenantId, blobPrefix: login.urls.prefix }, host, path)
  const operation = role === 'registry' ? parseOperation(path) : undefined
  const repository = operation?.repository
  const fault = faults.meet({ host: role, method: request.method, path, repository })
  let user: string | undefined
  const gone = new AbortController()
  const { socket } = request.raw
  const startBytes = socket.bytesWritten
  const atMs = Date.now()
  const startedAt = performance.now()
  const sequence = requests.begin()
  reply.raw.once('close', () => {
    if (!reply.raw.writableFinished) gone.abort()
    requests.end({
      sequence,
      atMs,
      host,
      method: request.method,
      path,
      query: rawQuery,
      status: reply.raw.headersSent ? reply.raw.statusCode : 0,
      bytesSent: socket.bytesWritten - startBytes,
      durationMs: performance.now() - startedAt,
      ...(user !== undefined && { user }),
      ...(repository !== undefined && { repository }),
      ...(fault !== undefined && { fault: fault.id }),
    })
  })
  const call: Call = {
    method: request.method,
    query: new URLSearchParams(rawQuery),
    headers: request.headers,
    body: request.raw,
    origin: `${options.tls ? 'https' : 'http'}://${host}`,
    signal: gone.signal,
    onUser: (name) => (user = name),
  }
  return { role, path, operation, call, fault }
}

async function serve(options: AppOptions, { role, path, operation, call }: Visit): Promise<Answer> {
  try {
    if (role === 'blobs') return await serveBlob(options.login, call, path)
    if (role === 'entra') return await serveAuthority(options.authority, call, path)
    if (operation === undefined) throw notFound()
    const blobOrigin = blobOriginFor(options.hosts, options.tls ? 'https' : 'http', call.headers.host ?? '')
    return await serveLogin(options.login, call, { operation, path, blobOrigin })
  } catch (error) {
    // Nobody is there to hear of it, and it is no failure of ours.
    if (call.signal.aborted) return { status: 499 }
    return answerOf(options, error)
  }
}

/** A 401 that was asked for still tells the client where to get a token, or the Azure SDK could not read it. */
function refused(options: AppOptions, { operation, call }: Visit, answer: Answer): Answer {
  const challenge = answer.status === 401 && operation && expiredTokenAnswer(options.login, call, operation)
  return challenge ? { ...challenge, headers: { ...challenge.headers, ...answer.headers } } : answer
}

function answerOf({ logger }: AppOptions, error: unknown): Answer {
  const known = error instanceof AcrError ? error : isFromUpstream(error) ? upstreamFailed(error) : undefined
  if (known?.status === 502) logger.warn({ err: known.cause ?? known }, 'distribution failed')
  if (known === undefined) logger.error({ err: error }, 'request failed')
  const { status, headers, body } = known ?? new AcrError(500, 'UNKNOWN', 'unknown error')
  return { status, headers: { 'content-type': 'application/json; charset=utf-8', ...headers }, body }
}

/** Errors of undici, and of the socket below it. */
function isFromUpstream(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const code = 'code' in error ? String(error.code) : ''
  return code.startsWith('UND_ERR_') || ['ECONNREFUSED', 'ECONNRESET', 'ENOENT', 'EPIPE'].includes(code)
}

async function respond(reply: FastifyReply, { fault, call }: Visit, served: Answer): Promise<void> {
  const { answer, breaksOff } = fault ? await faultAfter(fault, served) : { answer: served, breaksOff: false }
  if (call.signal.aborted) {
    if (answer.body instanceof Readable) answer.body.destroy()
    reply.hijack()
    return
  }
  if (breaksOff) {
    reply.hijack()
    breakOff(reply.raw, answer)
    return
  }
  void reply.code(answer.status).headers(mutable(answer.headers))
  // Fastify would add a charset to the type of a text.
  await reply.send(typeof answer.body === 'string' ? Buffer.from(answer.body) : answer.body)
}

/** Sends the head and what there is of the body, and ends the connection. */
function breakOff(response: ServerResponse, { status, headers, body }: Answer): void {
  response.writeHead(status, mutable(headers))
  response.write(body ?? '', () => response.destroy())
}

function mutable(headers: Answer['headers'] = {}): Record<string, string | string[]> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, typeof value === 'string' ? value : [...value]]),
  )
}

/** The TCP connections below TLS, by the client's address: only they can be reset. */
function trackRawSockets(app: FastifyInstance): ReadonlyMap<string, Socket> {
  const sockets = new Map<string, Socket>()
  app.server.on('connection', (socket: Socket) => {
    const peer = peerOf(socket)
    sockets.set(peer, socket)
    socket.once('close', () => sockets.delete(peer))
  })
  return sockets
}

function reset(request: FastifyRequest, rawSockets: ReadonlyMap<string, Socket>): void {
  const rawSocket = rawSockets.get(peerOf(request.raw.socket))
  if (rawSocket !== undefined) resetConnection(rawSocket)
  request.raw.socket.destroy()
}

function peerOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress ?? ''} ${remotePort ?? ''}`
}

function decodePath(path: string): string {
  try {
    return decodeURIComponent(path)
  } catch {
    // Not a percent-encoding: it names nothing, and is logged as it is.
    return path
  }
}
