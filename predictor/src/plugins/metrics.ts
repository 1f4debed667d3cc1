import type { FastifyInstance, RouteOptions } from 'fastify'
import fp from 'fastify-plugin'
import { Counter, Histogram, type Registry } from 'prom-client'

export interface MetricsOptions {
  readonly registry: Registry
}

const methods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])

/** Counts and times every answer, by route pattern, method and status: sets that no client can make grow. */
export const metricsPlugin = fp((app: FastifyInstance, { registry }: MetricsOptions, done: () => void) => {
  const labelNames = ['method', 'route', 'status'] as const
  const requests = new Counter({
    name: 'http_requests_total',
    help: 'Answered HTTP requests.',
    labelNames,
    registers: [registry],
  })
  const durations = new Histogram({
    name: 'http_request_duration_seconds',
    help: 'Time from the arrival of a request to the end of its answer.',
    labelNames,
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
    registers: [registry],
  })

  const series = new Map<string, { readonly count: () => void; readonly time: (seconds: number) => void }>()
  const seriesOf = (method: string, route: string, status: number) => {
    const key = `${status} ${method} ${route}`
    let found = series.get(key)
    if (found === undefined) {
      const labels = [methods.has(method) ? method : 'other', route, String(status)]
      const [counter, histogram] = [requests.labels(...labels), durations.labels(...labels)]
      found = { count: () => counter.inc(), time: (seconds) => histogram.observe(seconds) }
      series.set(key, found)
    }
    return found
  }

  // What a route says it may answer is counted from zero, so that the first error is seen: a rate lies between two values.
  app.addHook('onRoute', ({ method, url, schema }) => {
    for (const status of documentedStatuses(schema)) {
      for (const one of [method].flat()) {
        if (one !== 'HEAD') requests.inc({ method: one, route: url, status }, 0)
      }
    }
  })
  app.addHook('onResponse', (request, reply, next) => {
    const route = request.routeOptions.url ?? 'unmatched'
    const { count, time } = seriesOf(request.method, route, reply.statusCode)
    count()
    time(reply.elapsedTime / 1_000)
    next()
  })
  done()
})

function documentedStatuses(schema: RouteOptions['schema']): readonly string[] {
  const { response } = schema ?? {}
  return typeof response === 'object' && response !== null ? Object.keys(response) : []
}
