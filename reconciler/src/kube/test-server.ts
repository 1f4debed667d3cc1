/** In-process HTTP servers for tests of what a network and a broken server do; never of what Kubernetes means. */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { KubeConfig } from '@kubernetes/client-node'
import type { Test } from 'tap'
import { createKubeClient, type KubeClient } from './client.ts'
import { createTransport } from './transport.ts'

export interface FaultyServer {
  readonly url: string
  readonly server: Server
  /** How many connections were ever made. */
  readonly connections: () => number
  readonly client: KubeClient
}

export type Handler = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>

export async function startFaultyServer(t: Test, handler: Handler, requestTimeoutMs = 5_000): Promise<FaultyServer> {
  const server = createServer((request, response) => {
    Promise.resolve(handler(request, response)).catch((error: unknown) => t.error(error))
  })
  let connections = 0
  server.on('connection', () => (connections += 1))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const config = plainConfig(url)
  const transport = createTransport({ config, userAgent: 'windlass-test', monotonicMs: () => performance.now() })
  t.teardown(async () => {
    await transport.close()
    server.closeAllConnections()
    server.close()
  })
  return { url, server, connections: () => connections, client: createKubeClient({ transport, requestTimeoutMs }) }
}

/** client-node speaks plain HTTP only where certificates are not looked at anyway. */
export function plainConfig(url: string, user: Readonly<Record<string, unknown>> = {}): KubeConfig {
  const config = new KubeConfig()
  config.loadFromClusterAndUser({ name: 'test', server: url, skipTLSVerify: true }, { name: 'test', ...user })
  return config
}

export function answerJson(response: ServerResponse, code: number, body: unknown, headers: object = {}): void {
  response.writeHead(code, { 'Content-Type': 'application/json', ...headers })
  response.end(JSON.stringify(body))
}
