import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import { Counter, type Registry } from 'prom-client'

export interface ConnectionLimits {
  /** At a time. */
  readonly served: number
  /** At a time, beyond those that are served. */
  readonly surplus: number
  /** How long one of those may stay, whatever is sent and read on it. */
  readonly surplusMs: number
}

/** Probes and scrapes come to the port that prices are asked for at: they must be answered whoever holds how many. */
export interface Connections {
  /** Whether all that are served were there when it came: it is answered once and closed, and no work is done for it. */
  isSurplus(socket: Socket): boolean
}

/** Takes no more than both together; what comes beyond is closed at once, and counted. */
export function limitConnections(server: Server, limits: ConnectionLimits, registry: Registry): Connections {
  const dropped = new Counter({
    name: 'predictor_dropped_connections_total',
    help: 'Connections that were closed at once, for too many were open.',
    registers: [registry],
  })
  const surplus = new Set<Socket>()
  let open = 0
  server.maxConnections = limits.served + limits.surplus
  server.on('drop', () => dropped.inc())
  server.on('connection', (socket) => {
    open += 1
    socket.once('close', () => {
      open -= 1
    })
    if (open <= limits.served) return
    surplus.add(socket)
    const end = setTimeout(() => socket.destroy(), limits.surplusMs).unref()
    socket.once('close', () => {
      surplus.delete(socket)
      clearTimeout(end)
    })
  })
  // The number first: almost always it is zero, and nothing is looked up for the request.
  return { isSurplus: (socket) => surplus.size > 0 && surplus.has(socket) }
}
