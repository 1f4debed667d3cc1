/**
 * An HTTP proxy in front of a real API server that sees each request before it is sent on and each answer before it is
 * handed over, and does with it what a test says. It speaks plain HTTP to whoever is tested, TLS to the server.
 */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type OutgoingHttpHeaders, type ServerResponse } from 'node:http'
import { Agent, request } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { createInterface } from 'node:readline'
import type { Test } from 'tap'
import { resetConnection } from '../../bootstrap/local/reset-connection.ts'

export interface Asked {
  readonly method: string
  /** Path and query, as they were asked. */
  readonly url: string
  readonly path: string
  readonly body: string
  readonly isWatch: boolean
  /** Changes something if it is taken: neither a read nor a dry run. */
  readonly isWrite: boolean
}

/** `lost` ends the connection without a word, `reset` breaks it; an answer is given in the server's place. */
export type Fate =
  | { readonly kind: 'pass' }
  | { readonly kind: 'lost' }
  | { readonly kind: 'reset' }
  | {
      readonly kind: 'answer'
      readonly code: number
      readonly headers?: OutgoingHttpHeaders
      readonly body?: object
    }

export interface ProxyHooks {
  /** Before a request is sent on. */
  onRequest?(asked: Asked): Fate | Promise<Fate>
  /** After the server has answered; a watch has no such point. */
  onAnswer?(asked: Asked, code: number, body: string): 'pass' | 'lost' | Promise<'pass' | 'lost'>
  /** Another path and query to ask for. */
  rewrite?(url: string): string
  /** What a watch hands over, line for line. */
  watchLines?(asked: Asked, lines: AsyncIterable<string>): AsyncIterable<string>
}

export interface ProxyOptions {
  readonly target: { readonly url: string; readonly caPem: string }
  /** Who asks, for the audit log; what the client says of itself is replaced. */
  readonly userAgent?: () => string
  readonly hooks?: ProxyHooks
}

export interface HttpProxy {
  readonly url: string
  /** Ends every connection that is open now. */
  cut(): void
  /** Ends those alone on which something is watched. */
  cutWatches(): void
  close(): Promise<void>
}

export const pass: Fate = { kind: 'pass' }
export const lost: Fate = { kind: 'lost' }
export const reset: Fate = { kind: 'reset' }

/** What the API server answers where it refuses, as a Status object (meta/v1). */
export function refuse(code: number, reason: string, headers: OutgoingHttpHeaders = {}): Fate {
  const body = { kind: 'Status', apiVersion: 'v1', status: 'Failure', code, reason, message: `told to answer ${code}` }
  return { kind: 'answer', code, headers, body }
}

/** Sooner than the API server ends a connection that is idle, which may cross a request. */
const idleMs = 30_000

/** By the server's certificate. A connection outlives its proxy: to make one anew costs more than what is asked on it. */
const agents = new Map<string, Agent>()

function agentOf({ caPem }: ProxyOptions['target']): Agent {
  const agent = agents.get(caPem) ?? new Agent({ keepAlive: true, timeout: idleMs, ca: caPem })
  agents.set(caPem, agent)
  return agent
}

export async function startHttpProxy(t: Test, { target, userAgent, hooks = {} }: ProxyOptions): Promise<HttpProxy> {
  const agent = agentOf(target)
  const sockets = new Set<Socket>()
  const watching = new Set<Socket>()
  const server = createServer((message, response) => {
    handle(message, response).catch(() => response.destroy())
  })
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  // Whoever is tested keeps its connections as long as the API server would.
  server.keepAliveTimeout = 90_000
  server.requestTimeout = 0

  async function handle(message: IncomingMessage, response: ServerResponse): Promise<void> {
    const asked = await read(message)
    const fate = (await hooks.onRequest?.(asked)) ?? pass
    if (fate.kind === 'lost') return void response.destroy()
    if (fate.kind === 'reset') {
      resetConnection(message.socket)
      return
    }
    if (fate.kind === 'answer') {
      const body = JSON.stringify(fate.body ?? {})
      response.writeHead(fate.code, { 'Content-Type': 'application/json', ...fate.headers })
      return void response.end(body)
    }
    const answer = await send(asked, message)
    if (asked.isWatch && answer.statusCode === 200) {
      watching.add(message.socket)
      return relay(asked, answer, response).finally(() => watching.delete(message.socket))
    }
    const body = await textOf(answer)
    const code = answer.statusCode ?? 500
    if ((await hooks.onAnswer?.(asked, code, body)) === 'lost') return void response.destroy()
    const { 'transfer-encoding': _, ...headers } = answer.headers
    response.writeHead(code, { ...headers, 'content-length': Buffer.byteLength(body) })
    response.end(body)
  }

  async function send(asked: Asked, message: IncomingMessage): Promise<IncomingMessage> {
    const { host: _, connection: __, 'accept-encoding': ___, ...headers } = message.headers
    // Nobody would end it. A write goes on its way, also of somebody who is gone by now.
    if (asked.isWatch && message.socket.destroyed) throw new Error('who asked for the watch is gone')
    const upstream = request(new URL(hooks.rewrite?.(asked.url) ?? asked.url, target.url), {
      method: asked.method,
      agent,
      headers: { ...headers, ...(userAgent !== undefined && { 'user-agent': userAgent() }) },
    })
    if (asked.isWatch) message.socket.on('close', () => upstream.destroy())
    upstream.end(asked.body === '' ? undefined : asked.body)
    const [answer] = (await once(upstream, 'response')) as [IncomingMessage]
    return answer
  }

  async function relay(asked: Asked, answer: IncomingMessage, response: ServerResponse): Promise<void> {
    response.on('close', () => answer.destroy())
    response.writeHead(200, { 'Content-Type': answer.headers['content-type'] })
    response.flushHeaders()
    const lines = createInterface({ input: answer, crlfDelay: Infinity })
    for await (const line of hooks.watchLines?.(asked, lines) ?? lines) response.write(`${line}\n`)
    response.end()
  }

  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const resetAll = (some: ReadonlySet<Socket>) => {
    for (const socket of some) resetConnection(socket)
  }
  const cut = () => resetAll(sockets)
  const close = async () => {
    cut()
    if (!server.listening) return
    server.close()
    await once(server, 'close')
  }
  t.teardown(close)
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    cut,
    cutWatches: () => resetAll(watching),
    close,
  }
}

async function read(message: IncomingMessage): Promise<Asked> {
  const { method = '', url = '' } = message
  const { pathname, searchParams } = new URL(url, 'http://localhost')
  return {
    method,
    url,
    path: pathname,
    body: await textOf(message),
    isWatch: searchParams.get('watch') === 'true',
    isWrite: method !== 'GET' && searchParams.get('dryRun') !== 'All',
  }
}

async function textOf(message: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of message) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString('utf8')
}
