import { availability, latency } from '../objectives.ts'
import { bucketWithin, predictorJob, priceRoutes } from '../promql/vocabulary.ts'
import { burnRateAlerts, ratioRules } from './burn-rate.ts'
import type { RecordingRule, RuleGroup } from './rule.ts'

const onPrices = `${predictorJob}, ${priceRoutes}`

export const errorRatio = 'namespace:predictor_errors'
export const slowRatio = 'namespace:predictor_slow'
export const requestRate = 'namespace:predictor_requests:rate5m'
export const quantiles = { p50: 0.5, p90: 0.9, p99: 0.99 } as const

export function durationQuantile(name: keyof typeof quantiles): string {
  return `namespace:predictor_duration_seconds:${name}_rate5m`
}

function errorShare(window: string): string {
  return `sum by (namespace) (rate(http_requests_total{${onPrices}, status=~"5.."}[${window}]))
    / sum by (namespace) (rate(http_requests_total{${onPrices}}[${window}]))`
}

function errors(window: string): string {
  return `sum by (namespace) (increase(http_requests_total{${onPrices}, status=~"5.."}[${window}]))`
}

function slow(window: string): string {
  const within = `http_request_duration_seconds_bucket{${onPrices}, ${bucketWithin(latency.withinS)}}`
  return `sum by (namespace) (increase(http_request_duration_seconds_count{${onPrices}}[${window}]))
    - sum by (namespace) (increase(${within}[${window}]))`
}

function slowShare(window: string): string {
  const within = `http_request_duration_seconds_bucket{${onPrices}, ${bucketWithin(latency.withinS)}}`
  return `1 - sum by (namespace) (rate(${within}[${window}]))
    / sum by (namespace) (rate(http_request_duration_seconds_count{${onPrices}}[${window}]))`
}

const summaries: readonly RecordingRule[] = [
  { record: requestRate, expr: `sum by (namespace) (rate(http_requests_total{${onPrices}}[5m]))` },
  ...(Object.keys(quantiles) as ReadonlyArray<keyof typeof quantiles>).map((name) => ({
    record: durationQuantile(name),
    expr: `histogram_quantile(${quantiles[name]}, sum by (namespace, le) (rate(http_request_duration_seconds_bucket{${onPrices}}[5m])))`,
  })),
]

/** Azure takes twenty rules a group at most, hence three. */
export const predictorGroups: readonly RuleGroup[] = [
  {
    name: 'predictor-availability',
    component: 'predictor',
    recording: ratioRules(errorRatio, errorShare),
    alerts: burnRateAlerts({
      name: 'PredictorErrorBudget',
      ratio: errorRatio,
      objective: availability,
      badWithin: errors,
      what: 'answers on prices are errors of the service',
    }),
  },
  {
    name: 'predictor-latency',
    component: 'predictor',
    recording: ratioRules(slowRatio, slowShare),
    alerts: burnRateAlerts({
      name: 'PredictorLatencyBudget',
      ratio: slowRatio,
      objective: latency.objective,
      badWithin: slow,
      what: `answers on prices take longer than ${latency.withinS} s`,
    }),
  },
  {
    name: 'predictor-presence',
    component: 'predictor',
    recording: summaries,
    alerts: [
      {
        alert: 'PredictorDown',
        expr: `absent(up{${predictorJob}} == 1)`,
        forS: 120,
        severity: 'critical',
        summary: 'No pod of the predictor answers Prometheus.',
        description: 'None is there, or none can be scraped: users get no answer, or nobody can tell.',
      },
      {
        alert: 'PredictorUnready',
        // Kubelet asks each pod. Scraping goes on whatever it is answered, so that all else looks well.
        expr: `sum by (namespace) (rate(http_requests_total{${predictorJob}, route="/readyz", status="200"}[3m])) == 0`,
        forS: 60,
        severity: 'critical',
        summary: 'The pods of the predictor in {{ $labels.namespace }} run, and none is ready.',
        description: 'The Ingress has nobody to send requests to: users are answered 503.',
      },
      {
        alert: 'PredictorMetricsAbsent',
        expr: `absent(http_requests_total{${predictorJob}})`,
        forS: 600,
        severity: 'warning',
        summary: 'Prometheus has no metrics of the predictor.',
        description: 'Every alert on its errors and its latency is blind meanwhile.',
      },
    ],
  },
]
