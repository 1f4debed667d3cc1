import Fastify, { LogController, type FastifyBaseLogger, type FastifyInstance } from 'fastify'
import type { Registry } from 'prom-client'
import { clientErrorHandler } from './client-error.ts'
import type { Config } from './config.ts'
import { limitConnections, type ConnectionLimits } from './connections.ts'
import type { Lifecycle } from './lifecycle.ts'
import { limits, serverLimits } from './limits.ts'
import { catalogue } from './model/catalogue.ts'
import { createMarket } from './model/market.ts'
import { bodiesPlugin } from './plugins/bodies.ts'
import { errorsPlugin, sendError, translate } from './plugins/errors.ts'
import { limitsPlugin } from './plugins/limits.ts'
import { metricsPlugin } from './plugins/metrics.ts'
import { openApiPlugin } from './plugins/openapi.ts'
import { overloadPlugin } from './plugins/overload.ts'
import { createPriceCounts } from './price-counts.ts'
import { healthRoutes } from './routes/health.ts'
import { metricsRoutes } from './routes/metrics.ts'
import { predictRoutes } from './routes/predict.ts'
import { quoteRoutes } from './routes/quote.ts'
import { versionRoutes } from './routes/version.ts'

export interface AppOptions {
  readonly config: Config
  readonly lifecycle: Lifecycle
  readonly registry: Registry
  readonly logger: FastifyBaseLogger
  /** Milliseconds since the epoch. */
  readonly now: () => number
  readonly connectionLimits?: ConnectionLimits
}

/** The whole service but the process around it. */
export async function buildApp(options: AppOptions): Promise<FastifyInstance> {
  const { config, lifecycle, registry, logger, now, connectionLimits = limits.connections } = options
  const app = Fastify({
    ...serverLimits,
    loggerInstance: logger,
    // A logger of its own for each request costs more than the request; what is logged names the request instead.
    childLoggerFactory: (parent) => parent,
    logController: new LogController({ disableRequestLogging: true }),
    clientErrorHandler,
    // No hook of ours is run then, so that neither draining nor a surplus would close the connection.
    frameworkErrors: (error, _request, reply) => void sendError(reply.header('connection', 'close'), translate(error)),
    // Answers on connections that outlive the listening socket are still worth giving; see server.ts.
    return503OnClosing: false,
  })

  const connections = limitConnections(app.server, connectionLimits, registry)
  app.addHook('onSend', (request, reply, payload, next) => {
    if (lifecycle.isDraining || connections.isSurplus(request.raw.socket)) reply.header('connection', 'close')
    next(null, payload)
  })
  // What was answered in part when the draining began had promised to keep its connection.
  app.addHook('onResponse', (request, reply, next) => {
    if (lifecycle.isDraining && reply.raw.getHeader('connection') !== 'close') request.raw.socket.end()
    next()
  })
  if (['debug', 'trace'].includes(config.logLevel)) logRequests(app)

  await app.register(limitsPlugin)
  await app.register(errorsPlugin)
  await app.register(metricsPlugin, { registry })
  await app.register(bodiesPlugin)
  await app.register(openApiPlugin, { revision: config.revision })

  await app.register(healthRoutes, { lifecycle })
  await app.register(versionRoutes, { revision: config.revision })
  await app.register(metricsRoutes, { registry })
  const counts = createPriceCounts(registry, catalogue)
  await app.register(async (prices) => {
    await prices.register(overloadPlugin, { maxEventLoopDelayMs: config.maxEventLoopDelayMs, connections })
    await prices.register(quoteRoutes, { catalogue, counts, now })
    await prices.register(predictRoutes, { market: createMarket(config.seed, catalogue), counts, now })
  })
  return app
}

/** One line for each answer; at info there is none, for the Ingress has the access log, and here it would cost most. */
function logRequests(app: FastifyInstance): void {
  app.addHook('onResponse', (request, reply, next) => {
    const { method, routeOptions } = request
    const { statusCode: status, elapsedTime: durationMs } = reply
    request.log.debug({ reqId: request.id, method, route: routeOptions.url, status, durationMs }, 'request answered')
    next()
  })
}
