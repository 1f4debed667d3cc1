import { parseArgs } from 'node:util'
import { pino } from 'pino'
import { ConfigError, readConfigFile } from './config.ts'
import { startRegistryStandIn } from './stand-in.ts'

/**
 * The registry as a process: `node main.ts --config FILE.json`. Logs JSON lines; ends on SIGTERM or SIGINT, and with 1
 * when the distribution that it has started ends.
 */
async function main(): Promise<void> {
  const { values } = parseArgs({ options: { config: { type: 'string' } } })
  if (values.config === undefined) throw new ConfigError(['--config FILE.json is missing'])
  const logger = pino({ base: null, timestamp: pino.stdTimeFunctions.isoTime })
  const registry = await startRegistryStandIn(await readConfigFile(values.config), { logger })
  logger.info({ url: registry.url }, 'registry ready')
  const ending = Promise.withResolvers<NodeJS.Signals>()
  process.once('SIGTERM', ending.resolve)
  process.once('SIGINT', ending.resolve)
  const cause = await Promise.race([ending.promise, registry.failed.then((how) => ({ how }))])
  if (typeof cause === 'object') {
    logger.error({ reason: cause.how }, 'distribution ended')
    process.exitCode = 1
  }
  await registry.stop()
}

try {
  await main()
} catch (error) {
  const message = error instanceof ConfigError ? error.message : error instanceof Error ? error.stack : String(error)
  process.stderr.write(`${message}\n`)
  process.exitCode = 1
}
