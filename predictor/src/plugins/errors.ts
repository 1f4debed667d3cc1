import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { ApiError, codeOfStatus, errorBody } from '../errors.ts'

/** Answers every failure of a request as `{ "detail": { "error": code, … } }`, whoever raised it. */
export const errorsPlugin = fp((app: FastifyInstance, _options: object, done: () => void) => {
  const methods = new Map<string, string[]>()
  app.addHook('onRoute', ({ url, method }) => {
    methods.set(url, [...(methods.get(url) ?? []), ...[method].flat()])
  })

  app.setErrorHandler((error: FastifyError | ApiError, request, reply) => {
    const answer = translate(error)
    if (answer.statusCode >= 500 && !(error instanceof ApiError)) {
      request.log.error({ reqId: request.id, route: request.routeOptions.url, err: error }, 'request failed')
    }
    return sendError(reply, answer)
  })

  const refuse = (request: FastifyRequest, reply: FastifyReply) => {
    const allowed = methods.get(pathOf(request))
    if (allowed === undefined) return sendError(reply, new ApiError('not_found'))
    return sendError(reply.header('allow', allowed.join(', ')), new ApiError('method_not_allowed'))
  }
  app.setNotFoundHandler(refuse)
  // Before its body is read: what is wrong with that is beside the point.
  app.addHook('onRequest', (request, reply, next) => {
    if (request.is404) refuse(request, reply)
    else next()
  })
  done()
})

export function sendError(reply: FastifyReply, error: ApiError): FastifyReply {
  return reply.code(error.statusCode).type('application/json; charset=utf-8').send(errorBody(error))
}

/** What a client may know of an error: of the framework's own its kind, of all others nothing. */
export function translate(error: FastifyError | ApiError): ApiError {
  if (error instanceof ApiError) return error
  if (error.validation) {
    const issues = error.validation.map(({ instancePath, params: { missingProperty }, message }) => ({
      in: error.validationContext ?? 'request',
      field: typeof missingProperty === 'string' ? missingProperty : instancePath.slice(1),
      message: message ?? 'is malformed',
    }))
    return new ApiError('invalid_request', { message: new ApiError('invalid_request').message, issues })
  }
  return new ApiError(codeOfStatus(error.statusCode ?? 500))
}

function pathOf(request: FastifyRequest): string {
  const queryAt = request.url.indexOf('?')
  return queryAt === -1 ? request.url : request.url.slice(0, queryAt)
}
