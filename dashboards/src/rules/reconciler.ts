import {
  failedPolls,
  pausedTooLongS,
  pinnedTooLongS,
  pollTooOldS,
  pushToReady,
  waitingTooLongS,
} from '../objectives.ts'
import { bucketWithin, oneLine, reconcilerJob } from '../promql/vocabulary.ts'
import type { AlertRule, RuleGroup } from './rule.ts'

/**
 * A change of leader is another pod, and the same Delivery. Between the last scrape of the one and the first of the next
 * there is nothing: without the two minutes every alert that fires would end there and begin anew.
 */
function ofDelivery(metric: string): string {
  return `max by (delivery_namespace, delivery) (max_over_time(${metric}[2m]))`
}
const named = '{{ $labels.delivery_namespace }}/{{ $labels.delivery }}'

export const slowReleases = 'delivery:windlass_push_to_ready_slow:ratio_increase1d'
export const pushToReadyP90 = 'delivery:windlass_push_to_ready_seconds:p90_increase1d'

const perDelivery: readonly AlertRule[] = [
  {
    alert: 'WindlassDeliveryStalled',
    expr: oneLine(`${ofDelivery('windlass_delivery_stalled')} == 1
      unless ${ofDelivery('windlass_delivery_drift_contested')} == 1`),
    forS: 300,
    severity: 'warning',
    summary: `Delivery ${named} is stalled.`,
    description: 'It does not get better by itself: somebody must change something.',
  },
  {
    alert: 'WindlassDeliveryWaiting',
    // No other alert sees a release that is refused or not allowed: it never becomes ready, so it is not slow either.
    expr: `${ofDelivery('windlass_delivery_state{state="waiting"}')} == 1`,
    forS: waitingTooLongS,
    severity: 'warning',
    summary: `Delivery ${named} has been waiting for somebody for more than ${waitingTooLongS / 60} minutes.`,
    description: 'What was pushed last does not run. It goes on by itself once what it waits for is there.',
  },
  {
    alert: 'WindlassDeliveryRolledBack',
    expr: `${ofDelivery('windlass_delivery_state{state="rolledBack"}')} == 1`,
    forS: 0,
    severity: 'warning',
    summary: `The newest release of ${named} failed; the last good one runs again.`,
    description: 'What runs is well, but it is not what was asked for.',
  },
  {
    alert: 'WindlassDeliveryPausedTooLong',
    // Series are there for as long as the pause; the message says who and why.
    expr: oneLine(`max by (delivery_namespace, delivery, message) (max_over_time(windlass_delivery_pause_info[2m]))
      * on (delivery_namespace, delivery) group_left ()
      (time() - ${ofDelivery('windlass_delivery_paused_since_timestamp_seconds')} > ${pausedTooLongS})`),
    forS: 0,
    severity: 'warning',
    summary: `Delivery ${named} has been paused for more than ${pausedTooLongS / 3_600} hours.`,
    description: '{{ $labels.message }}. Nothing new is released meanwhile; perhaps the pause was forgotten.',
  },
  {
    alert: 'WindlassDeliveryPinnedTooLong',
    expr: `${ofDelivery('windlass_delivery_pinned')} == 1`,
    forS: pinnedTooLongS,
    severity: 'warning',
    summary: `Delivery ${named} has been pinned for more than a day.`,
    description: 'What is pushed is not released meanwhile; perhaps the pin was forgotten.',
  },
  {
    alert: 'WindlassDriftContested',
    expr: `${ofDelivery('windlass_delivery_drift_contested')} == 1`,
    forS: 0,
    severity: 'warning',
    summary: `Another hand undoes what ${named} delivers, again and again.`,
    description: 'Five corrections of one object were undone within ten minutes; it is left as the other hand made it.',
  },
  {
    alert: 'WindlassPollTooOld',
    // By its schedule, however seldom that is. The second half is a Delivery that this leader never read for: a new one
    // begins to count anew. What is not polled at all, as for SpecInvalid or TooManyTags, has no series: it is stalled.
    expr: oneLine(`time() - ${ofDelivery('windlass_next_poll_timestamp_seconds')} > ${pollTooOldS}
      or max by (delivery_namespace, delivery) (time() - max_over_time(windlass_next_poll_timestamp_seconds[2m]) > 0
      unless max_over_time(windlass_last_good_poll_timestamp_seconds[2m]))`),
    forS: 300,
    severity: 'warning',
    summary: `The registry has not been read completely for ${named} for too long.`,
    description: 'What was pushed since is not seen. What runs goes on running.',
  },
  {
    alert: 'WindlassPushToReadySlow',
    expr: `${slowReleases} > ${Number((1 - pushToReady.objective).toPrecision(4))}`,
    forS: 0,
    severity: 'warning',
    summary: `Releases of ${named} take too long from push to ready.`,
    description: `The objective is ${pushToReady.objective * 100} % of a day's releases within ${pushToReady.withinS / 60} minutes.`,
  },
]

const perProcess: readonly AlertRule[] = [
  {
    alert: 'WindlassNoLeader',
    // By job: a pod that is scraped by its annotations, too, would lead twice.
    expr: `sum(windlass_leader{${reconcilerJob}}) != 1`,
    forS: 120,
    severity: 'critical',
    summary: '{{ $value }} replicas of the reconciler lead, where one should.',
    description: 'Without a leader nothing is released, gone back from or corrected. What runs goes on running.',
  },
  {
    alert: 'WindlassRegistryFailing',
    // Of each: one of two that is away is polled less and less often, and would be a small part of all. A repository to
    // which nothing was pushed yet says nothing of its registry.
    expr: oneLine(`sum by (registry) (rate(windlass_polls_total{result="failed"}[10m]))
      / sum by (registry) (rate(windlass_polls_total{result!="notFound"}[10m])) > ${failedPolls}`),
    forS: 300,
    severity: 'warning',
    summary: 'More than half of the polls of {{ $labels.registry }} fail.',
    description: 'No new release is seen where they fail. What runs goes on running.',
  },
  {
    alert: 'WindlassInternalError',
    expr: 'increase(windlass_bugs_total[1h]) > 0',
    forS: 0,
    severity: 'warning',
    summary: 'The reconciler {{ $labels.pod }} met a bug of its own.',
    description: 'Something escaped that should not have; it is tried again by itself, and stands in the log.',
  },
  {
    alert: 'WindlassMetricsAbsent',
    expr: `absent(windlass_reconciles_total{${reconcilerJob}})`,
    forS: 600,
    severity: 'critical',
    summary: 'Prometheus has no metrics of the reconciler.',
    description: 'It does not run, or is not scraped: every other alert on it is blind meanwhile.',
  },
]

export const reconcilerGroups: readonly RuleGroup[] = [
  {
    name: 'windlass-deliveries',
    component: 'reconciler',
    recording: [
      {
        record: slowReleases,
        expr: oneLine(`1 - sum by (delivery_namespace, delivery)
            (increase(windlass_push_to_ready_seconds_bucket{${bucketWithin(pushToReady.withinS)}}[1d]))
          / sum by (delivery_namespace, delivery) (increase(windlass_push_to_ready_seconds_count[1d]))`),
      },
      {
        record: pushToReadyP90,
        expr: oneLine(`histogram_quantile(0.9,
          sum by (delivery_namespace, delivery, le) (increase(windlass_push_to_ready_seconds_bucket[1d])))`),
      },
    ],
    alerts: perDelivery,
  },
  { name: 'windlass-process', component: 'reconciler', recording: [], alerts: perProcess },
]
