import { once } from 'node:events'
import type { RequestListener, Server } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Test } from 'tap'
import { Client } from 'undici'
import { ensurePackages } from '../debian.ts'
import { freePort } from '../free-port.ts'
import type { HaproxySettings } from './haproxy-config.ts'
import { haproxyConfig } from './haproxy-config.ts'
import { Haproxy } from './haproxy.ts'
import type { PathRoute, RoutingTable, Target } from './routing.ts'

export interface Backend {
  readonly port: number
  readonly server: Server
}

export async function startBackend(t: Test, listener: RequestListener, port = 0): Promise<Backend> {
  const server = createServer(listener).listen(port, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return { server, port: (server.address() as AddressInfo).port }
}

export interface Proxy {
  readonly haproxy: Haproxy
  readonly settings: HaproxySettings
  readonly url: string
  readonly exits: readonly Error[]
  readonly failedRequests: readonly string[]
  readonly notices: readonly string[]
  readonly serve: (table: RoutingTable) => ReturnType<Haproxy['apply']>
}

/** Debian's HAProxy on loopback, for one test. */
export async function proxyFor(t: Test): Promise<Proxy> {
  await ensurePackages(['ingress'])
  const settings = { address: '127.0.0.1', httpPort: await freePort(), adminPort: await freePort() }
  const exits: Error[] = []
  const failedRequests: string[] = []
  const notices: string[] = []
  const haproxy = new Haproxy({
    binary: '/usr/sbin/haproxy',
    directory: t.testdir(),
    adminUrl: `http://127.0.0.1:${settings.adminPort}`,
    onFailedRequest: (line) => failedRequests.push(line),
    onNotice: (line) => notices.push(line),
    onExit: (error) => exits.push(error),
  })
  t.teardown(() => haproxy.stop())
  return {
    haproxy,
    settings,
    url: `http://127.0.0.1:${settings.httpPort}`,
    exits,
    failedRequests,
    notices,
    serve: (table) => haproxy.apply(haproxyConfig(table, settings), new AbortController().signal),
  }
}

function loopback(port: number, name = 'a'): Target {
  return { kind: 'service', service: { namespace: 'shop', name }, address: '127.0.0.1', port }
}

/** A table that sends every request to a port of loopback. */
export function everythingTo(port: number, ...extra: readonly PathRoute[]): RoutingTable {
  const all = { match: 'prefix', path: '', target: loopback(port) } as const
  return { hosts: [{ host: '', routes: [...extra, all] }], certificates: [], served: [], problems: [] }
}

/** A table that differs from others by a rule that no request of the tests meets. */
export function variant(port: number, index: number): RoutingTable {
  return everythingTo(port, { match: 'exact', path: `/variant-${index}`, target: { kind: 'unavailable' } })
}

/** What is answered with 200, or else the status. The path is sent as it is, which fetch would normalise. */
export async function get(url: string, host: string, path: string): Promise<string> {
  const client = new Client(url)
  try {
    const { statusCode, body } = await client.request({ path, method: 'GET', headers: { host } })
    const text = await body.text()
    return statusCode === 200 ? text : String(statusCode)
  } finally {
    await client.close()
  }
}
