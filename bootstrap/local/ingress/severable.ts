import { once } from 'node:events'
import type { AddressInfo, Socket } from 'node:net'
import { connect, createServer } from 'node:net'
import type { Test } from 'tap'

export interface Severable {
  readonly url: string
  /** Cuts every connection and refuses new ones, as an API server that restarts does. */
  close(): Promise<void>
  open(): Promise<void>
}

/** A TCP forwarder on loopback in front of another server, for tests of what holds when that goes away. */
export async function openSeverable(t: Test, target: string): Promise<Severable> {
  const { hostname, port: targetPort } = new URL(target)
  const sockets = new Set<Socket>()
  const server = createServer((inner) => {
    const outer = connect(Number(targetPort), hostname)
    for (const [one, other] of [
      [inner, outer],
      [outer, inner],
    ] as const) {
      sockets.add(one)
      one.once('close', () => {
        sockets.delete(one)
        other.destroy()
      })
      one.once('error', () => other.destroy())
    }
    inner.pipe(outer).pipe(inner)
  })
  let port = 0
  const open = async (): Promise<void> => {
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
    port = (server.address() as AddressInfo).port
  }
  const close = async (): Promise<void> => {
    if (!server.listening) return
    const closed = once(server, 'close')
    server.close()
    for (const socket of sockets) socket.destroy()
    await closed
  }
  await open()
  t.teardown(close)
  return { url: `https://127.0.0.1:${port}`, open, close }
}
