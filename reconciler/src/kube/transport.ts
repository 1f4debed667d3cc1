/**
 * The authenticated way to the API server, on client-node's KubeConfig and HTTP library.
 *
 * client-node 2.0.1 makes a new agent for every request (`applySecurityAuthentication`), which costs a TLS handshake
 * each, sets no bound on sockets, and lets HTTP/2 be chosen, where one dead connection holds up every request on it.
 * So its parts are used and its agent is not: KubeConfig reads CA, client certificate and token (a mounted token is
 * read anew once a minute), and sockets come from agents of ours, made anew only when the TLS material has changed.
 */
import { createHash } from 'node:crypto'
import type { RequestOptions } from 'node:https'
import {
  IsomorphicFetchHttpLibrary,
  RequestContext,
  type HttpMethod,
  type KubeConfig,
  type ResponseContext,
} from '@kubernetes/client-node'
import { Agent, type buildConnector } from 'undici'

/** Requests of one lane never wait for a socket behind those of another. */
export type Lane = keyof typeof sockets

export interface TransportOptions {
  readonly config: KubeConfig
  readonly userAgent: string
  readonly monotonicMs: () => number
}

export interface TransportRequest {
  readonly method: HttpMethod
  /** Path and query. */
  readonly target: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
  readonly lane: Lane
  /** Ends the request, and the reading of its body. */
  readonly signal: AbortSignal
}

export interface Transport {
  /** Rejects with whatever the network or the reading of credentials throws. */
  send(request: TransportRequest): Promise<ResponseContext>
  /** Closes every socket at once; requests under way fail. */
  close(): Promise<void>
}

const sockets = {
  requests: 16,
  /** One for each watch: the kinds, Deliveries, namespaces. */
  watches: 64,
  /**
   * One for each workload of a rollout under way: however many there are, other watches go on. No Namespace has more
   * than a quarter of them (runtime/rollout-pods.ts).
   */
  pods: 192,
  /** A renewal is never queued behind other work. */
  lease: 2,
} as const

const credentialsMaxAgeMs = 30_000
// Below the 90 s after which the API server closes an idle connection, so that it is not closed as we write to it.
const keepAliveMs = 45_000
const connectTimeoutMs = 4_000

interface Credentials {
  readonly readAtMs: number
  readonly headers: Readonly<Record<string, string>>
  /** Of the TLS material: while it stays the same, so do the agents. */
  readonly fingerprint: string
  readonly agents: Readonly<Record<Lane, Agent>>
}

export function createTransport({ config, userAgent, monotonicMs }: TransportOptions): Transport {
  const baseUrl = serverOf(config)
  const http = new IsomorphicFetchHttpLibrary()
  let current: Credentials | undefined
  let reading: Promise<Credentials> | undefined
  let isClosed = false

  async function credentials(): Promise<Credentials> {
    if (isClosed) throw new Error('the transport to the API server is closed')
    if (current !== undefined && monotonicMs() - current.readAtMs < credentialsMaxAgeMs) return current
    reading ??= readCredentials(config, current, monotonicMs()).finally(() => {
      reading = undefined
    })
    current = await reading
    return current
  }

  return {
    async send({ method, target, headers, body, lane, signal }) {
      const { headers: authentication, agents } = await credentials()
      const context = new RequestContext(`${baseUrl}${target}`, method)
      const all = { 'User-Agent': userAgent, ...headers, ...authentication }
      for (const [name, value] of Object.entries(all)) context.setHeaderParam(name, value)
      if (body !== undefined) context.setBody(body)
      context.setSignal(signal)
      context.setDispatcher(agents[lane])
      return http.send(context).toPromise()
    },
    async close() {
      isClosed = true
      await Promise.all(Object.values(current?.agents ?? {}).map((agent) => agent.destroy()))
    },
  }
}

async function readCredentials(
  config: KubeConfig,
  before: Credentials | undefined,
  readAtMs: number,
): Promise<Credentials> {
  const options: RequestOptions & { headers: Record<string, string> } = { headers: {} }
  await config.applyToHTTPSOptions(options)
  const connect = connectOptions(config, options)
  const fingerprint = createHash('sha256').update(JSON.stringify(connect)).digest('hex')
  const { headers } = options
  // client-node hands a user name and password over as one string, which only its own agent understands.
  if (options.auth) headers['Authorization'] = `Basic ${Buffer.from(options.auth).toString('base64')}`
  // A mounted token that ends with a line break would make a header that cannot be sent.
  for (const [name, value] of Object.entries(headers)) headers[name] = value.trim()
  if (before?.fingerprint === fingerprint) return { ...before, headers, readAtMs }
  if (before !== undefined) retire(before)
  return { readAtMs, headers, fingerprint, agents: createAgents(connect) }
}

function connectOptions(config: KubeConfig, options: RequestOptions): buildConnector.BuildOptions {
  const { ca, cert, key, pfx, passphrase, rejectUnauthorized, servername } = options
  const tls = Object.entries({ ca, cert, key, pfx, passphrase, rejectUnauthorized, servername })
  const chosen = config.createDispatcherOptions(
    config.getCurrentCluster(),
    Object.fromEntries(tls.filter(([, value]) => value !== undefined)),
  )
  if (chosen.type === 'agent') return chosen.connect as buildConnector.BuildOptions
  if (chosen.type === 'none') return {}
  throw new Error(`the kubeconfig reaches its cluster through a proxy (${chosen.type}), which is not supported`)
}

function createAgents(connect: buildConnector.BuildOptions): Record<Lane, Agent> {
  const agent = (connections: number) =>
    new Agent({
      connections,
      pipelining: 1,
      // An aborted request then closes its socket, so that a dead connection is never used twice.
      allowH2: false,
      keepAliveTimeout: keepAliveMs,
      keepAliveMaxTimeout: keepAliveMs,
      // Every request has a deadline of its own, and every watch its stall detection.
      headersTimeout: 0,
      bodyTimeout: 0,
      connect: { ...connect, timeout: connectTimeoutMs },
    })
  return {
    requests: agent(sockets.requests),
    watches: agent(sockets.watches),
    pods: agent(sockets.pods),
    lease: agent(sockets.lease),
  }
}

/** What is under way on the old sockets comes to its end; nothing new is sent there. */
function retire({ agents }: Credentials): void {
  for (const agent of Object.values(agents)) {
    agent.close().catch(() => agent.destroy())
  }
}

function serverOf(config: KubeConfig): string {
  const cluster = config.getCurrentCluster()
  if (cluster === null) throw new Error('the kubeconfig has no current context, or that names no cluster')
  return cluster.server.replace(/\/+$/, '')
}
