/** A TCP proxy in front of a real server, to do what networks do. */
import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import type { Test } from 'tap'
import { resetConnection } from '../../../bootstrap/local/reset-connection.ts'

export interface FaultyProxy {
  readonly url: string
  readonly connections: () => number
  /** Resets every connection. */
  cut(): void
  /** Keeps every connection open and passes nothing on, in either direction, until `resume`. */
  stall(): void
  resume(): void
  /** Refuses new connections until `accept`. */
  refuse(): void
  accept(): void
}

export async function startProxy(t: Test, target: string): Promise<FaultyProxy> {
  const { hostname, port, protocol } = new URL(target)
  const pairs = new Set<readonly [Socket, Socket]>()
  let connections = 0
  let isStalled = false
  let isRefusing = false
  const server = createServer((client) => {
    if (isRefusing) {
      resetConnection(client)
      return
    }
    connections += 1
    const upstream = connect(Number(port), hostname)
    const pair = [client, upstream] as const
    pairs.add(pair)
    for (const [from, to] of [pair, [upstream, client]] as const) {
      from.pipe(to)
      from.on('error', () => to.destroy())
      from.on('close', () => {
        pairs.delete(pair)
        to.destroy()
      })
      if (isStalled) from.unpipe(to).pause()
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const cut = () => {
    for (const sockets of pairs) for (const socket of sockets) resetConnection(socket)
  }
  t.teardown(() => {
    cut()
    server.close()
  })
  return {
    url: `${protocol}//127.0.0.1:${(server.address() as AddressInfo).port}`,
    connections: () => connections,
    cut,
    stall() {
      isStalled = true
      for (const [client, upstream] of pairs) {
        client.unpipe(upstream).pause()
        upstream.unpipe(client).pause()
      }
    },
    resume() {
      isStalled = false
      for (const [client, upstream] of pairs) {
        client.pipe(upstream)
        upstream.pipe(client)
      }
    },
    refuse() {
      isRefusing = true
    },
    accept() {
      isRefusing = false
    },
  }
}
