// The process: configuration, logger, signals. `node src/server.ts` serves the predictor alone.
import { setTimeout as sleep } from 'node:timers/promises'
import closeWithGrace from 'close-with-grace'
import { pino, stdTimeFunctions } from 'pino'
import { collectDefaultMetrics, Registry } from 'prom-client'
import { buildApp } from './app.ts'
import { ConfigError, readConfig, type Config } from './config.ts'
import { createLifecycle } from './lifecycle.ts'

const config = readConfigOrExit()
const logger = pino({
  level: config.logLevel,
  base: { revision: config.revision },
  timestamp: stdTimeFunctions.isoTime,
  formatters: { level: (level) => ({ level }) },
})
const lifecycle = createLifecycle()
const registry = new Registry()
collectDefaultMetrics({ register: registry })

const app = await buildApp({ config, lifecycle, registry, logger, now: Date.now })

closeWithGrace({ delay: config.drainMs + config.closeTimeoutMs, logger }, async ({ signal, err }) => {
  if (err) logger.fatal({ err }, 'ending after an error that nothing handled')
  // Readiness goes first, while all is still served: whoever routes here needs a moment to hear of it. Each answer in
  // that time closes its connection, so that a client with a kept-alive one opens its next elsewhere.
  lifecycle.beginDraining()
  const drainMs = signal === 'SIGTERM' ? config.drainMs : 0
  logger.info({ signal, drainMs }, 'draining')
  await sleep(drainMs)
  // A connection whose answer ends just now counts as idle only a moment later, and closing looks at them once.
  const sweeping = setInterval(() => app.server.closeIdleConnections(), 100)
  await app.close().finally(() => clearInterval(sweeping))
  logger.info('closed')
})

await app.listen({ port: config.port, host: config.host })

function readConfigOrExit(): Config {
  try {
    return readConfig()
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    process.stderr.write(`${error.message}\n`)
    return process.exit(1)
  }
}
