import type { FastifyInstance } from 'fastify'
import { pino } from 'pino'
import { Registry } from 'prom-client'
import { buildApp, type AppOptions } from './app.ts'
import { readConfig } from './config.ts'
import { createLifecycle } from './lifecycle.ts'

export const noon = Date.parse('2026-03-01T12:00:00.000Z')

/** So that a slow machine is not taken for an overloaded service. */
export const calm = { PREDICTOR_MAX_EVENT_LOOP_DELAY_MS: '0' } as const

/** The service as it is shipped, silent, never overloaded, with its clock at {@link noon}; closed when the test ends. */
export async function openApp(
  t: { teardown: (clear: () => Promise<void>) => void },
  overrides: Partial<AppOptions> = {},
): Promise<FastifyInstance> {
  const app = await buildApp({
    config: readConfig(calm),
    lifecycle: createLifecycle(),
    registry: new Registry(),
    logger: pino({ level: 'silent' }),
    now: () => noon,
    ...overrides,
  })
  t.teardown(() => app.close())
  return app
}
