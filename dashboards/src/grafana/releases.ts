/** Releases as they are seen over time: the state of each Delivery, and marks on the graphs of what is released. */
import type { Builder } from '@grafana/grafana-foundation-sdk/cog'
import { AnnotationQueryBuilder, type Panel } from '@grafana/grafana-foundation-sdk/dashboard'
import { deliveryStates, type DeliveryState } from '../../../reconciler/src/core/delivery-measures.ts'
import { oneLine } from '../promql/vocabulary.ts'
import { stateTimeline, type Named } from './panels.ts'
import { datasource } from './variables.ts'

const names: Readonly<Record<DeliveryState, Named>> = {
  paused: { text: 'paused', color: 'purple' },
  goingBack: { text: 'going back', color: 'orange' },
  rollingOut: { text: 'rolling out', color: 'blue' },
  stalled: { text: 'stalled', color: 'red' },
  rolledBack: { text: 'rolled back', color: 'dark-orange' },
  ready: { text: 'ready', color: 'green' },
  waiting: { text: 'waiting', color: 'yellow' },
}

/** `of` selects Deliveries: matchers of `delivery_namespace` and `delivery`. */
export function releaseTimeline(of: string, height = 8): Builder<Panel> {
  const numbered = deliveryStates.map(
    (state, index) => `${index + 1} * windlass_delivery_state{${of}, state="${state}"}`,
  )
  return stateTimeline({
    title: 'Releases over time',
    description:
      'What each Delivery did, as STATE of kubectl get deliveries tells it. A release rolls out and is ready; one that ' +
      'failed goes back, and stays rolled back until a newer one comes.',
    unit: 'none',
    states: deliveryStates.map((state) => names[state]),
    queries: [
      {
        expr: `max by (delivery_namespace, delivery) (${numbered.join(' or ')})`,
        legend: '{{delivery_namespace}}/{{delivery}}',
      },
    ],
    span: 24,
    height,
  })
}

/** Marks the time of each rollout, and of each going back. Grafana draws where the value is not 0. */
export function rolloutMarks(of: string): readonly AnnotationQueryBuilder[] {
  const mark = (name: string, color: string, expr: string, text: string) =>
    new AnnotationQueryBuilder()
      .name(name)
      .datasource(datasource)
      .enable(true)
      .iconColor(color)
      .expr(oneLine(expr))
      .step('15s')
      .titleFormat(name)
      .textFormat(text)
  const inState = (state: DeliveryState) =>
    `max by (delivery_namespace, delivery) (windlass_delivery_state{${of}, state="${state}"})`
  const delivery = '{{delivery_namespace}}/{{delivery}}'
  return [
    mark('Rolling out', 'blue', inState('rollingOut'), delivery),
    mark('Going back', 'orange', inState('goingBack'), delivery),
    // Shorter than two scrapes, a rollout is seen by nothing but its count.
    mark(
      'Rollout ended',
      'green',
      `sum by (delivery_namespace, delivery, outcome) (increase(windlass_rollouts_total{${of}}[2m]))`,
      `${delivery}: {{outcome}}`,
    ),
  ]
}
