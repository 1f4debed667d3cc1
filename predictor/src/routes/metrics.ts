import { Type, type FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import type { Registry } from 'prom-client'
import { commonErrors } from '../errors.ts'

export interface MetricsRouteOptions {
  readonly registry: Registry
}

export const metricsRoutes: FastifyPluginCallbackTypebox<MetricsRouteOptions> = (app, { registry }, done) => {
  app.get(
    '/metrics',
    {
      schema: {
        tags: ['operation'],
        summary: 'Metrics in the text format of Prometheus',
        response: {
          200: {
            description: 'Prometheus text exposition format 0.0.4.',
            content: { 'text/plain': { schema: Type.String() } },
          },
          ...commonErrors,
        },
      },
    },
    async (_request, reply) => reply.type(registry.contentType).send(await registry.metrics()),
  )
  done()
}
