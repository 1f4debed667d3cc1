import type { Builder } from '@grafana/grafana-foundation-sdk/cog'
import type { Panel } from '@grafana/grafana-foundation-sdk/dashboard'
import * as units from '@grafana/grafana-foundation-sdk/units'
import { pollTooOldS } from '../objectives.ts'
import { reconcilerJob } from '../promql/vocabulary.ts'
import { graph } from './panels.ts'

/** `of` selects Deliveries. */
export function registryPanels(of: string): readonly Builder<Panel>[] {
  const common = { span: 12 } as const
  return [
    graph({
      ...common,
      title: 'Requests to registries',
      description: 'Requests a second by registry and answer. 4xx holds the challenges for a token, which are normal.',
      unit: units.RequestsPerSecond,
      queries: [
        {
          expr: 'sum by (registry, result) (rate(windlass_registry_requests_total[$__rate_interval]))',
          legend: '{{registry}} {{result}}',
        },
      ],
      isStacked: true,
    }),
    graph({
      ...common,
      title: 'Budget of requests in use',
      description: 'Share of the requests that may go to a registry in the long run. At 1 polls wait in line.',
      unit: units.PercentUnit,
      queries: [
        {
          expr: `sum by (registry) (rate(windlass_registry_requests_total[$__rate_interval]))
            / max by (registry) (windlass_registry_request_limit_per_second)`,
          legend: '{{registry}}',
        },
      ],
      limit: 1,
    }),
    graph({
      ...common,
      title: 'Polls by result',
      description: 'Polls of repositories a second. "unchanged" is the rule; where "failed" stays, see the log.',
      unit: 'ops',
      queries: [
        {
          expr: 'sum by (registry, result) (rate(windlass_polls_total[$__rate_interval]))',
          legend: '{{registry}} {{result}}',
        },
      ],
      isStacked: true,
    }),
    graph({
      ...common,
      title: 'Polls overdue',
      description:
        'How long ago the registry was to be read for each Delivery, by its schedule, and was not, or not completely.',
      unit: units.Seconds,
      queries: [
        {
          expr: `clamp_min(time() - max by (delivery_namespace, delivery) (windlass_next_poll_timestamp_seconds{${of}}), 0)`,
          legend: '{{delivery_namespace}}/{{delivery}}',
        },
      ],
      limit: pollTooOldS,
    }),
  ]
}

export function loopPanels(): readonly Builder<Panel>[] {
  const common = { span: 8 } as const
  return [
    graph({
      ...common,
      title: 'Leader',
      description: '1 for the replica that leads. A change of leader is a step from one line to another.',
      unit: units.Short,
      queries: [{ expr: `max by (pod) (windlass_leader{${reconcilerJob}})`, legend: '{{pod}}' }],
    }),
    graph({
      ...common,
      title: 'Work queue',
      description:
        'Keys that wait for a worker. It is short but after a start; where it stays long, workers are held up.',
      unit: units.Short,
      queries: [{ expr: 'max by (pod) (windlass_work_queue_depth)', legend: '{{pod}}' }],
    }),
    graph({
      ...common,
      title: 'Reconciles by result',
      description: 'Reconciles that ended, a second. "bug" must not be there, "retry" passes.',
      unit: 'ops',
      queries: [{ expr: 'sum by (result) (rate(windlass_reconciles_total[$__rate_interval]))', legend: '{{result}}' }],
      isStacked: true,
    }),
    graph({
      ...common,
      title: 'Duration of a reconcile',
      description: 'Half and 99 of 100 reconciles were at least so fast. Waiting for a rollout is no part of it.',
      unit: units.Seconds,
      queries: [0.5, 0.99].map((quantile) => ({
        expr: `histogram_quantile(${quantile}, sum by (le) (rate(windlass_reconcile_duration_seconds_bucket[$__rate_interval])))`,
        legend: `p${quantile * 100}`,
      })),
    }),
    graph({
      ...common,
      title: 'Watches that began again',
      description:
        'In each hour, by cause. "ended" and "expired" are normal; "stalled" and "failed" are not if they go on.',
      unit: units.Short,
      queries: [{ expr: 'sum by (cause) (increase(windlass_watch_restarts_total[1h]))', legend: '{{cause}}' }],
    }),
    graph({
      ...common,
      title: 'Bugs and lost Events',
      description:
        'In each hour. A bug stands in the log; an Event that was lost is told nowhere, and nothing else lacks it.',
      unit: units.Short,
      queries: [
        { expr: 'sum(increase(windlass_bugs_total[1h]))', legend: 'bugs' },
        { expr: 'sum(increase(windlass_lost_events_total[1h]))', legend: 'lost Events' },
      ],
    }),
  ]
}
