import underPressure from '@fastify/under-pressure'
import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { ApiError } from '../errors.ts'

export interface OverloadOptions {
  readonly maxEventLoopDelayMs: number
}

class Overloaded extends ApiError {
  constructor() {
    super('overloaded')
  }
}

/**
 * Refuses work with 503 before it queues up behind a late event loop. Only for the routes of the scope it is registered
 * in: probes and metrics must answer most of all then, or a busy process is restarted for being busy.
 */
export const overloadPlugin = fp(async (app: FastifyInstance, { maxEventLoopDelayMs }: OverloadOptions) => {
  await app.register(underPressure, {
    maxEventLoopDelay: maxEventLoopDelayMs,
    sampleInterval: 500,
    retryAfter: 1,
    customError: Overloaded,
  })
})
