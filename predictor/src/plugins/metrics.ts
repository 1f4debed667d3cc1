import type { Socket } from 'node:net'
import type { FastifyInstance, RouteOptions } from 'fastify'
import fp from 'fastify-plugin'
import { Counter, Histogram, type Registry } from 'prom-client'
import { refusalOf } from '../client-error.ts'
import { errorCodes } from '../errors.ts'

export interface MetricsOptions {
  readonly registry: Registry
}

const methods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])

/** What any operation may be answered and none answers itself: see client-error.ts. */
const refusedBefore: readonly number[] = [errorCodes.request_timeout.status, errorCodes.headers_too_large.status]

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

  // What a route says it may answer is counted from zero, and timed where it is well, so that the first error and the first
  // slow answer are seen: a rate lies between two values.
  app.addHook('onRoute', ({ method, url, schema }) => {
    for (const status of documentedStatuses(schema)) {
      for (const one of [method].flat()) {
        if (one === 'HEAD') continue
        requests.inc({ method: one, route: url, status }, 0)
        if (status === '200') durations.zero({ method: one, route: url, status })
      }
    }
  })
  // What is refused before it is a request has no route, nor a time at which it came.
  const countRefused = (status: number) => requests.inc({ method: 'other', route: 'unmatched', status }, 1)
  for (const status of refusedBefore) requests.inc({ method: 'other', route: 'unmatched', status }, 0)
  // The handler that answers it listens already, and leaves a socket that tells no more what it was answered.
  app.server.prependListener('clientError', (error, socket) => {
    const refusal = refusalOf(error, socket as Socket)
    if (refusal !== undefined) countRefused(refusal.statusCode)
  })
  app.server.on('connect', () => countRefused(errorCodes.method_not_allowed.status))
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
  const statuses = typeof response === 'object' && response !== null ? Object.keys(response) : []
  return statuses.filter((status) => !refusedBefore.includes(Number(status)))
}
