import { fastify, type FastifyInstance } from 'fastify'
import type { Log } from '../telemetry/log.ts'
import type { Metrics } from '../telemetry/metrics.ts'

export interface AppOptions {
  readonly log: Log
  readonly metrics: Pick<Metrics, 'expose'>
  /** What is still missing before this replica can do its work; empty where it can. */
  readonly waitingFor: () => readonly string[]
}

/** What kubelet and Prometheus ask; both replicas answer. */
export function buildApp({ log, metrics, waitingFor }: AppOptions): FastifyInstance {
  const app = fastify({ logger: false, requestTimeout: 10_000, bodyLimit: 1024 })

  app.get('/healthz', async () => ({ status: 'ok' }))

  app.get('/readyz', async (_request, reply) => {
    const missing = waitingFor()
    if (missing.length === 0) return { status: 'ok' }
    return reply.code(503).send({ status: 'waiting', waitingFor: missing })
  })

  app.get('/metrics', async (_request, reply) => {
    const { contentType, body } = await metrics.expose()
    return reply.header('content-type', contentType).send(body)
  })

  app.setNotFoundHandler((_request, reply) => reply.code(404).send({ error: 'not found' }))
  app.setErrorHandler((error, request, reply) => {
    const status = hasStatus(error) && error.statusCode < 500 ? error.statusCode : 500
    if (status === 500) log.error({ err: error, path: request.routeOptions.url }, 'request failed')
    return reply.code(status).send({ error: status === 500 ? 'internal error' : 'bad request' })
  })
  return app
}

function hasStatus(error: unknown): error is { readonly statusCode: number } {
  return typeof error === 'object' && error !== null && 'statusCode' in error && typeof error.statusCode === 'number'
}
