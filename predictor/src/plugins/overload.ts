import underPressure from '@fastify/under-pressure'
import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import type { Connections } from '../connections.ts'
import { ApiError } from '../errors.ts'

export interface OverloadOptions {
  readonly maxEventLoopDelayMs: number
  readonly connections: Connections
}

class Overloaded extends ApiError {
  constructor() {
    super('overloaded')
  }
}

const retryAfterS = 1

/**
 * Refuses work with 503 before it queues up behind a late event loop, and on connections that are too many. Only for the
 * routes of the scope it is registered in: probes and metrics must answer most of all then, or a busy process is restarted
 * for being busy.
 */
export const overloadPlugin = fp(async (app: FastifyInstance, options: OverloadOptions) => {
  const { maxEventLoopDelayMs, connections } = options
  app.addHook('onRequest', (request, reply, next) => {
    if (!connections.isSurplus(request.raw.socket)) return next()
    reply.header('retry-after', retryAfterS)
    next(new Overloaded())
  })
  await app.register(underPressure, {
    maxEventLoopDelay: maxEventLoopDelayMs,
    sampleInterval: 500,
    retryAfter: retryAfterS,
    customError: Overloaded,
  })
})
