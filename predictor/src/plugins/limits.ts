import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { answerOnSocket } from '../client-error.ts'
import { ApiError } from '../errors.ts'
import { limits } from '../limits.ts'

/** Refuses what the HTTP server lets pass, or would answer with an empty body or none at all. */
export const limitsPlugin = fp((app: FastifyInstance, _options: object, done: () => void) => {
  app.addHook('onRequest', ({ raw }, _reply, next) => {
    if ((raw.url?.length ?? 0) > limits.url) return next(new ApiError('uri_too_long'))
    // RFC 9112, section 3.2.
    if (raw.headers.host === undefined && raw.httpVersion === '1.1') return next(new ApiError('bad_request'))
    next()
  })
  // RFC 9110, section 10.1.1: an expectation that is not known may be passed over.
  app.server.on('checkExpectation', (request, response) => app.server.emit('request', request, response))
  app.server.on('connect', (_request, socket) => answerOnSocket(socket, new ApiError('method_not_allowed')))
  done()
})
