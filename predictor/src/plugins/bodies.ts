import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { ApiError } from '../errors.ts'

/**
 * No operation takes a body, yet clients send some: an empty one of any type is let pass, JSON is read and ignored, as
 * clients of the service before this one expect; anything else is refused.
 */
export const bodiesPlugin = fp((app: FastifyInstance, _options: object, done: () => void) => {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser<string>('application/json', { parseAs: 'string' }, (_request, body, next) => {
    if (body === '') return next(null, undefined)
    try {
      next(null, JSON.parse(body))
    } catch {
      const issues = [{ in: 'body', field: '', message: 'is not JSON' }]
      next(new ApiError('invalid_request', { message: new ApiError('invalid_request').message, issues }))
    }
  })
  app.addContentTypeParser('*', (request, _payload, next) => {
    const { 'content-length': length, 'transfer-encoding': encoding } = request.headers
    if (encoding === undefined && (length === undefined || length === '0')) return next(null, undefined)
    next(new ApiError('unsupported_media_type'))
  })
  done()
})
