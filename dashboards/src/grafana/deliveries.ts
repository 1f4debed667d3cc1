import type { Builder } from '@grafana/grafana-foundation-sdk/cog'
import type { Panel } from '@grafana/grafana-foundation-sdk/dashboard'
import * as units from '@grafana/grafana-foundation-sdk/units'
import { pausedTooLongS, pushToReady } from '../objectives.ts'
import { reconcilerJob } from '../promql/vocabulary.ts'
import { pushToReadyP90, slowReleases } from '../rules/reconciler.ts'
import { graph, heatmap, stat, type Limit } from './panels.ts'

const named = '{{delivery_namespace}}/{{delivery}}'
const each = 'by (delivery_namespace, delivery)'

/** `of` selects Deliveries. */
export function glance(of: string): readonly Builder<Panel>[] {
  const number = (title: string, description: string, expr: string, limits?: readonly Limit[]) =>
    stat({
      title,
      description,
      unit: units.Short,
      queries: [{ expr, legend: title }],
      span: 4,
      height: 4,
      ...(limits && { limits }),
    })
  const inState = (state: string) => `sum(max ${each} (windlass_delivery_state{${of}, state="${state}"}))`
  return [
    number('Deliveries', 'How many there are.', `count(max ${each} (windlass_delivery_info{${of}}))`),
    number('Ready', 'Their newest release that may run runs and is healthy.', inState('ready')),
    number('Stalled', 'They do not get better by themselves: somebody must act.', inState('stalled'), [[1, 'red']]),
    number('Rolled back', 'Their newest release failed; the one before runs again.', inState('rolledBack'), [
      [1, 'orange'],
    ]),
    number('Paused', 'An operator holds them; nothing new is released there.', inState('paused'), [[1, 'orange']]),
    number(
      'Leaders',
      'Replicas that lead: one, but for seconds of a change.',
      `sum(windlass_leader{${reconcilerJob}})`,
      [
        [0, 'red'],
        [1, 'green'],
        [2, 'red'],
      ],
    ),
  ]
}

/** `of` selects Deliveries. */
export function deliveryPanels(of: string): readonly Builder<Panel>[] {
  const common = { span: 12 } as const
  return [
    graph({
      ...common,
      title: 'Deliveries by state',
      description: 'How many are in each state. All is well where all are ready, or paused by somebody who knows why.',
      unit: units.Short,
      queries: [
        {
          expr: `sum by (state) (max by (delivery_namespace, delivery, state) (windlass_delivery_state{${of}}))`,
          legend: '{{state}}',
        },
      ],
      isStacked: true,
    }),
    graph({
      ...common,
      title: 'Push to ready',
      description: `Nine of ten releases of a day were ready so soon after their push; ${pushToReady.withinS / 60} minutes are the objective.`,
      unit: units.Seconds,
      queries: [{ expr: `${pushToReadyP90}{${of}}`, legend: named }],
      limit: pushToReady.withinS,
    }),
    heatmap({
      ...common,
      title: 'Releases by the time they took',
      description: 'How many releases took how long from push to ready, in each hour.',
      unit: units.Seconds,
      queries: [{ expr: `sum by (le) (increase(windlass_push_to_ready_seconds_bucket{${of}}[1h]))`, legend: '{{le}}' }],
    }),
    graph({
      ...common,
      title: 'Slow releases',
      description: `Share of a day's releases that took longer than ${pushToReady.withinS / 60} minutes.`,
      unit: units.PercentUnit,
      queries: [{ expr: `${slowReleases}{${of}}`, legend: named }],
      limit: Number((1 - pushToReady.objective).toPrecision(4)),
    }),
    graph({
      ...common,
      title: 'Rollouts that ended',
      description: 'In each hour, by outcome. A superseded one gave way to a newer release.',
      unit: units.Short,
      queries: [
        {
          expr: `sum by (delivery_namespace, delivery, outcome) (increase(windlass_rollouts_total{${of}}[1h]))`,
          legend: `${named} {{outcome}}`,
        },
      ],
      isStacked: true,
    }),
    graph({
      ...common,
      title: 'Goings back that ended',
      description: 'In each hour, by outcome: how often the last good release was put back. One that failed stalls.',
      unit: units.Short,
      queries: [
        {
          expr: `sum by (delivery_namespace, delivery, outcome) (increase(windlass_rollbacks_total{${of}}[1h]))`,
          legend: `${named} {{outcome}}`,
        },
      ],
      isStacked: true,
    }),
    graph({
      ...common,
      title: 'Quarantine',
      description:
        'Releases that failed by their own fault, and are not tried again by themselves; twenty are remembered.',
      unit: units.Short,
      queries: [{ expr: `max ${each} (windlass_delivery_quarantined_releases{${of}})`, legend: named }],
    }),
    graph({
      ...common,
      title: 'Paused for',
      description: 'How long each pause lasts by now, by whom, and why; nothing where nothing is paused.',
      unit: units.Seconds,
      queries: [
        {
          expr: `max by (delivery_namespace, delivery, message) (windlass_delivery_pause_info{${of}})
            * on (delivery_namespace, delivery) group_left ()
            (time() - max ${each} (windlass_delivery_paused_since_timestamp_seconds{${of}}))`,
          legend: `${named}: {{message}}`,
        },
      ],
      limit: pausedTooLongS,
    }),
    graph({
      ...common,
      title: 'Drift taken back',
      description: 'Objects that another hand changed and that were set right, in each hour.',
      unit: units.Short,
      queries: [{ expr: `sum ${each} (increase(windlass_drift_corrections_total{${of}}[1h]))`, legend: named }],
    }),
    graph({
      ...common,
      title: 'Drift that is left',
      description: 'Objects that stay as another hand made them: paused, only reported, or contested.',
      unit: units.Short,
      queries: [
        { expr: `max ${each} (windlass_delivery_drifted_objects{${of}})`, legend: named },
        { expr: `max ${each} (windlass_delivery_drift_contested{${of}})`, legend: `${named} contested` },
      ],
    }),
  ]
}
