import { Type, type FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import { ApiError, commonErrors, drainingError } from '../errors.ts'
import type { Lifecycle } from '../lifecycle.ts'

export interface HealthOptions {
  readonly lifecycle: Lifecycle
}

const tags = ['operation']

function status<const Word extends string>(word: Word) {
  return Type.Object({ status: Type.Literal(word) }, { additionalProperties: false })
}

export const healthRoutes: FastifyPluginCallbackTypebox<HealthOptions> = (app, { lifecycle }, done) => {
  app.get(
    '/health',
    {
      schema: {
        tags,
        summary: 'Whether the service answers',
        response: { 200: status('ok'), ...commonErrors },
      },
    },
    () => ({ status: 'ok' as const }),
  )
  app.get(
    '/livez',
    {
      schema: {
        tags,
        summary: 'Liveness: the event loop turns',
        description: 'Fails only by not answering, and then the process should be restarted. True while it drains.',
        response: { 200: status('alive'), ...commonErrors },
      },
    },
    () => ({ status: 'alive' as const }),
  )
  app.get(
    '/readyz',
    {
      schema: {
        tags,
        summary: 'Readiness: wants traffic',
        description: 'Withdrawn first of all when the process is asked to end; requests are still served then.',
        response: { 200: status('ready'), ...commonErrors, 503: drainingError },
      },
    },
    () => {
      if (lifecycle.isDraining) throw new ApiError('draining')
      return { status: 'ready' as const }
    },
  )
  done()
}
