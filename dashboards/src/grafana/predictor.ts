import type { Builder } from '@grafana/grafana-foundation-sdk/cog'
import { DashboardBuilder, RowBuilder, type Dashboard, type Panel } from '@grafana/grafana-foundation-sdk/dashboard'
import * as units from '@grafana/grafana-foundation-sdk/units'
import { availability, latency } from '../objectives.ts'
import { predictorJob, priceRoutes } from '../promql/vocabulary.ts'
import { ratioOver, windows } from '../rules/burn-rate.ts'
import { durationQuantile, errorRatio, quantiles, slowRatio } from '../rules/predictor.ts'
import { processPanels } from './process.ts'
import { graph, heatmap, stat } from './panels.ts'
import { releaseTimeline, rolloutMarks } from './releases.ts'
import { datasourceVariable, labelVariable } from './variables.ts'

const pods = `${predictorJob}, namespace=~"$namespace"`
const prices = `${pods}, ${priceRoutes}`
const ofNamespace = 'namespace=~"$namespace"'
const deliveries = 'delivery_namespace=~"$namespace"'

export function predictorDashboard(): Dashboard {
  const dashboard = new DashboardBuilder('Predictor')
    .uid('windlass-predictor')
    .description('What users of the predictor see, what it uses, and what was released meanwhile.')
    .tags(['windlass'])
    .readonly()
    .timezone('browser')
    .refresh('30s')
    .time({ from: 'now-3h', to: 'now' })
    .withVariable(datasourceVariable())
    .withVariable(
      labelVariable('namespace', 'Namespace', `label_values(http_requests_total{${predictorJob}}, namespace)`),
    )
  for (const mark of rolloutMarks(deliveries)) dashboard.annotation(mark)
  const rows: ReadonlyArray<readonly [title: string, panels: readonly Builder<Panel>[]]> = [
    ['At a glance', glance()],
    ['Rate, errors, duration', red()],
    ['Releases', [releaseTimeline(deliveries, 5)]],
    ['By symbol', bySymbol()],
    ['Saturation', [...processPanels(pods), refusals()]],
  ]
  for (const [title, panels] of rows) {
    dashboard.withRow(new RowBuilder(title))
    for (const panel of panels) dashboard.withPanel(panel)
  }
  return dashboard.build()
}

function glance(): readonly Builder<Panel>[] {
  const common = { span: 6, height: 4 } as const
  return [
    stat({
      ...common,
      title: 'Pods that answer',
      description: 'Pods that Prometheus could scrape last time. Two at least are meant to be there.',
      unit: units.Short,
      queries: [{ expr: `sum(up{${pods}})`, legend: 'pods' }],
      limits: [
        [0, 'red'],
        [1, 'orange'],
        [2, 'green'],
      ],
    }),
    stat({
      ...common,
      title: 'Requests',
      description: 'Requests for prices that are answered each second, errors among them.',
      unit: units.RequestsPerSecond,
      queries: [{ expr: `sum(rate(http_requests_total{${prices}}[$__rate_interval]))`, legend: 'requests' }],
    }),
    stat({
      ...common,
      title: 'Error budget, last hour',
      description: `How fast the budget of ${percent(1 - availability)} errors is spent: at 1 it lasts just a month, at 14.4 it is gone in two days.`,
      unit: units.Short,
      queries: [
        {
          expr: `max(${ratioOver(errorRatio, '1h')}{${ofNamespace}}) / ${remainder(availability)}`,
          legend: 'burn rate',
        },
      ],
      limits: [
        [1, 'orange'],
        [14.4, 'red'],
      ],
    }),
    stat({
      ...common,
      title: `Answers within ${latency.withinS * 1_000} ms`,
      description: `Share of the last hour's answers on prices; the objective is ${percent(latency.objective)}.`,
      unit: units.PercentUnit,
      queries: [{ expr: `1 - max(${ratioOver(slowRatio, '1h')}{${ofNamespace}})`, legend: 'in time' }],
      limits: [
        [0, 'red'],
        [latency.objective, 'green'],
      ],
    }),
  ]
}

function red(): readonly Builder<Panel>[] {
  const common = { span: 12 } as const
  return [
    graph({
      ...common,
      title: 'Rate by route',
      description: 'Answered requests a second, of all routes: probes and scrapes too.',
      unit: units.RequestsPerSecond,
      queries: [
        {
          expr: `sum by (method, route) (rate(http_requests_total{${pods}}[$__rate_interval]))`,
          legend: '{{method}} {{route}}',
        },
      ],
      isStacked: true,
    }),
    graph({
      ...common,
      title: 'Errors by status',
      description:
        'Answers a second with a status of 400 and above. 4xx are the clients’, 5xx the service’s. Not of /readyz, which says 503 in each rollout.',
      unit: units.RequestsPerSecond,
      queries: [
        {
          expr: `sum by (status) (rate(http_requests_total{${pods}, route!="/readyz", status=~"[45].."}[$__rate_interval]))`,
          legend: '{{status}}',
        },
      ],
    }),
    graph({
      ...common,
      title: 'Duration of answers on prices',
      description: 'Half, nine tenths and 99 of 100 answers were at least so fast, over five minutes.',
      unit: units.Seconds,
      queries: (Object.keys(quantiles) as ReadonlyArray<keyof typeof quantiles>).map((name) => ({
        expr: `max(${durationQuantile(name)}{${ofNamespace}})`,
        legend: name,
      })),
      limit: latency.withinS,
    }),
    heatmap({
      ...common,
      title: 'Durations over time',
      description: 'How many answers on prices took how long: the darker, the more.',
      unit: units.Seconds,
      queries: [
        {
          expr: `sum by (le) (increase(http_request_duration_seconds_bucket{${prices}}[$__rate_interval]))`,
          legend: '{{le}}',
        },
      ],
    }),
    graph({
      ...common,
      title: 'Share of errors by window',
      description:
        'What the alerts on the error budget look at: long windows say that it matters, short ones that it goes on.',
      unit: units.PercentUnit,
      queries: windows.map((window) => ({
        expr: `max(${ratioOver(errorRatio, window)}{${ofNamespace}})`,
        legend: window,
      })),
      limit: 1 - availability,
    }),
    graph({
      ...common,
      title: 'Share of slow answers by window',
      description: `Answers on prices that took longer than ${latency.withinS * 1_000} ms: what the alerts on latency look at.`,
      unit: units.PercentUnit,
      queries: windows.map((window) => ({
        expr: `max(${ratioOver(slowRatio, window)}{${ofNamespace}})`,
        legend: window,
      })),
      limit: 1 - latency.objective,
    }),
  ]
}

function bySymbol(): readonly Builder<Panel>[] {
  return [
    graph({
      title: 'Prices by symbol',
      description: 'Quotes and predictions a second, by symbol. "unsupported" is all that the catalogue does not hold.',
      unit: units.RequestsPerSecond,
      queries: [
        {
          expr: `sum by (symbol, operation) (rate(predictor_prices_total{${pods}}[$__rate_interval]))`,
          legend: '{{operation}} {{symbol}}',
        },
      ],
      span: 16,
      isStacked: true,
    }),
    graph({
      title: 'Symbols that nobody knows',
      description:
        'Share of requests for a symbol that the catalogue does not hold: a client that is misled, or a scan.',
      unit: units.PercentUnit,
      queries: [
        {
          expr: `sum(rate(predictor_prices_total{${pods}, symbol="unsupported"}[$__rate_interval]))
            / sum(rate(predictor_prices_total{${pods}}[$__rate_interval]))`,
          legend: 'unsupported',
        },
      ],
      span: 8,
    }),
  ]
}

function refusals(): Builder<Panel> {
  return graph({
    title: 'Refused for overload',
    description:
      'Answers of 503 on prices a second: the event loop was late, or connections were too many, and work was refused before it queued up; and connections closed at once, where far too many were open.',
    unit: units.RequestsPerSecond,
    queries: [
      {
        expr: `sum by (pod) (rate(http_requests_total{${prices}, status="503"}[$__rate_interval]))`,
        legend: '{{pod}}',
      },
      {
        expr: `sum by (pod) (rate(predictor_dropped_connections_total{${pods}}[$__rate_interval]))`,
        legend: '{{pod}}: connections',
      },
    ],
    span: 8,
  })
}

function remainder(objective: number): number {
  return Number((1 - objective).toPrecision(4))
}

function percent(share: number): string {
  return `${Number((share * 100).toPrecision(4))} %`
}
