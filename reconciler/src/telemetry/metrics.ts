import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client'
import { deliveryStates, type DeliveryMeasures } from '../core/delivery-measures.ts'

/** Tags, digests and messages of releases would make series without end, and are no label. */
export interface DeliveryLabels {
  readonly namespace: string
  readonly name: string
}

export const reconcileResults = ['done', 'waiting', 'retry', 'stalled', 'aborted', 'bug'] as const
export type ReconcileResult = (typeof reconcileResults)[number]

export const pollResults = ['unchanged', 'changed', 'empty', 'tooMany', 'notFound', 'failed'] as const
export type PollResult = (typeof pollResults)[number]

export const rolloutOutcomes = ['ready', 'failed', 'superseded'] as const
export type RolloutOutcome = (typeof rolloutOutcomes)[number]

export const watchRestartCauses = ['ended', 'expired', 'stalled', 'failed'] as const
export type WatchRestartCause = (typeof watchRestartCauses)[number]

export const registryResults = ['2xx', '3xx', '4xx', '5xx', 'timeout', 'failed', 'aborted'] as const

export interface MetricsOptions {
  /** Hosts that are asked; what is counted of each begins at zero. */
  readonly registries?: readonly string[]
  /** How many requests a minute may go to each. */
  readonly requestsPerMinute?: number
}

/** The metrics of one process; docs/metrics.md describes each. */
export interface Metrics {
  /** What a scrape reads. */
  expose(): Promise<{ readonly contentType: string; readonly body: string }>
  reconciled(result: ReconcileResult, durationMs: number): void
  polled(registry: string, result: PollResult): void
  /** The registry was read completely. */
  pollSucceeded(delivery: DeliveryLabels, atMs: number): void
  /** The registry answered, and is to be read again then. */
  nextPollAt(delivery: DeliveryLabels, atMs: number): void
  /** It is not to be read any more. */
  noNextPoll(delivery: DeliveryLabels): void
  /** `result` is a class of answers, as `2xx` or `network`, never a text of the registry's. */
  registryRequested(registry: string, result: string): void
  watchRestarted(cause: WatchRestartCause): void
  eventLost(): void
  bug(): void
  queueDepth(depth: number): void
  leading(isLeader: boolean): void
  rolloutEnded(delivery: DeliveryLabels, outcome: RolloutOutcome): void
  /** Going back to the last good release ended. */
  wentBack(delivery: DeliveryLabels, outcome: RolloutOutcome): void
  pushToReady(delivery: DeliveryLabels, durationMs: number): void
  driftCorrected(delivery: DeliveryLabels, objects: number): void
  /** Says how it stands with a Delivery; the first time, before anything is counted of it, begins its series at zero. */
  describe(delivery: DeliveryLabels, measures: DeliveryMeasures): void
  /** Ends the series of a Delivery that is gone, or of which another process tells from now on. */
  forget(delivery: DeliveryLabels): void
}

export function createMetrics({ registries = [], requestsPerMinute = 0 }: MetricsOptions = {}): Metrics {
  const registry = new Registry()
  const series = defineSeries(registry)
  const repository = createLastValue(series.info, 'repository')
  const pause = createLastValue(series.pauseInfo, 'message')
  const begun = new Set<string>()
  collectDefaultMetrics({ register: registry })
  for (const result of reconcileResults) series.reconciles.inc({ result }, 0)
  for (const cause of watchRestartCauses) series.watchRestarts.inc({ cause }, 0)
  for (const host of registries) {
    series.registryLimit.set({ registry: host }, requestsPerMinute / 60)
    for (const result of registryResults) series.registryRequests.inc({ registry: host, result }, 0)
    for (const result of pollResults) series.polls.inc({ registry: host, result }, 0)
  }

  function forget(delivery: DeliveryLabels): void {
    const labels = labelsOf(delivery)
    begun.delete(keyOf(delivery))
    repository.set(delivery, undefined)
    pause.set(delivery, undefined)
    for (const outcome of rolloutOutcomes) {
      series.rollouts.remove({ ...labels, outcome })
      series.rollbacks.remove({ ...labels, outcome })
    }
    for (const state of deliveryStates) series.state.remove({ ...labels, state })
    for (const metric of Object.values(series.perDelivery)) metric.remove(labels)
  }

  /** A series that begins with its first observation hides it: a rate is seen between two values. */
  function beginAtZero(delivery: DeliveryLabels): void {
    const labels = labelsOf(delivery)
    begun.add(keyOf(delivery))
    for (const outcome of rolloutOutcomes) {
      series.rollouts.inc({ ...labels, outcome }, 0)
      series.rollbacks.inc({ ...labels, outcome }, 0)
    }
    series.perDelivery.corrections.inc(labels, 0)
    series.perDelivery.pushToReady.zero(labels)
  }

  return {
    expose: async () => ({ contentType: registry.contentType, body: await registry.metrics() }),
    reconciled(result, durationMs) {
      series.reconciles.inc({ result })
      series.reconcileDuration.observe(durationMs / 1000)
    },
    polled: (name, result) => series.polls.inc({ registry: name, result }),
    pollSucceeded: (delivery, atMs) => series.perDelivery.lastGoodPoll.set(labelsOf(delivery), atMs / 1000),
    nextPollAt: (delivery, atMs) => series.perDelivery.nextPoll.set(labelsOf(delivery), atMs / 1000),
    noNextPoll: (delivery) => series.perDelivery.nextPoll.remove(labelsOf(delivery)),
    registryRequested: (name, result) => series.registryRequests.inc({ registry: name, result }),
    watchRestarted: (cause) => series.watchRestarts.inc({ cause }),
    eventLost: () => series.lostEvents.inc(),
    bug: () => series.bugs.inc(),
    queueDepth: (depth) => series.depth.set(depth),
    leading: (isLeader) => series.leader.set(Number(isLeader)),
    rolloutEnded: (delivery, outcome) => series.rollouts.inc({ ...labelsOf(delivery), outcome }),
    wentBack: (delivery, outcome) => series.rollbacks.inc({ ...labelsOf(delivery), outcome }),
    pushToReady: (delivery, durationMs) =>
      series.perDelivery.pushToReady.observe(labelsOf(delivery), durationMs / 1000),
    driftCorrected: (delivery, objects) => series.perDelivery.corrections.inc(labelsOf(delivery), objects),
    describe(delivery, measures) {
      const labels = labelsOf(delivery)
      if (!begun.has(keyOf(delivery))) beginAtZero(delivery)
      repository.set(delivery, measures.repository)
      pause.set(delivery, measures.pause)
      for (const state of deliveryStates) series.state.set({ ...labels, state }, Number(state === measures.state))
      const { ready, stalled, paused, pausedSince, pinned, quarantined, drifted, contested } = series.perDelivery
      ready.set(labels, Number(measures.isReady))
      stalled.set(labels, Number(measures.isStalled))
      paused.set(labels, Number(measures.isPaused))
      pausedSince.set(labels, measures.pausedSinceMs / 1000)
      pinned.set(labels, Number(measures.isPinned))
      quarantined.set(labels, measures.quarantinedReleases)
      drifted.set(labels, measures.driftedObjects)
      contested.set(labels, Number(measures.isDriftContested))
    },
    forget,
  }
}

/** Not `namespace` and `name`: Prometheus gives a pod's series the pod's own `namespace`, and would rename ours. */
const deliveryLabels = ['delivery_namespace', 'delivery'] as const

function defineSeries(registry: Registry) {
  const registers = [registry]
  const gauge = <L extends string>(name: string, help: string, labelNames: readonly L[] = []) =>
    new Gauge({ name, help, labelNames, registers })
  const counter = <L extends string>(name: string, help: string, labelNames: readonly L[] = []) =>
    new Counter({ name, help, labelNames, registers })

  return {
    perDelivery: definePerDelivery(registry),
    reconcileDuration: new Histogram({
      name: 'windlass_reconcile_duration_seconds',
      help: 'How long one reconcile took.',
      buckets: [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30],
      registers,
    }),
    reconciles: counter('windlass_reconciles_total', 'Reconciles that ended, by result.', ['result']),
    polls: counter('windlass_polls_total', 'Polls of a repository that ended, by result.', ['registry', 'result']),
    registryRequests: counter('windlass_registry_requests_total', 'Requests to a registry that ended, by result.', [
      'registry',
      'result',
    ]),
    registryLimit: gauge(
      'windlass_registry_request_limit_per_second',
      'How many requests a second may go to a registry, in the long run.',
      ['registry'],
    ),
    watchRestarts: counter('windlass_watch_restarts_total', 'Watches that began again, by cause.', ['cause']),
    lostEvents: counter('windlass_lost_events_total', 'Kubernetes Events that could not be written.'),
    bugs: counter('windlass_bugs_total', 'What escaped and should not have; each is in the log.'),
    depth: gauge('windlass_work_queue_depth', 'Keys that wait for a worker.'),
    leader: gauge('windlass_leader', '1 where this process is the leader.'),
    info: gauge('windlass_delivery_info', '1 for each Delivery that is not being deleted.', [
      ...deliveryLabels,
      'repository',
    ]),
    pauseInfo: gauge('windlass_delivery_pause_info', '1 for each Delivery that is paused: by whom, and why.', [
      ...deliveryLabels,
      'message',
    ]),
    state: gauge('windlass_delivery_state', '1 for the state that it is in, 0 for the others.', [
      ...deliveryLabels,
      'state',
    ]),
    rollouts: counter('windlass_rollouts_total', 'Rollouts that ended, by outcome.', [...deliveryLabels, 'outcome']),
    rollbacks: counter('windlass_rollbacks_total', 'Goings back to the last good release that ended, by outcome.', [
      ...deliveryLabels,
      'outcome',
    ]),
  }
}

/** Of a Delivery, with no other label. */
function definePerDelivery(registry: Registry) {
  const common = { labelNames: deliveryLabels, registers: [registry] }
  const gauge = (name: string, help: string) => new Gauge({ name, help, ...common })

  return {
    pushToReady: new Histogram({
      name: 'windlass_push_to_ready_seconds',
      help: 'From the creation of the tag to its release being ready.',
      buckets: [1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600],
      ...common,
    }),
    ready: gauge('windlass_delivery_ready', '1 where the condition Ready is True.'),
    stalled: gauge('windlass_delivery_stalled', '1 where the condition Stalled is True.'),
    paused: gauge('windlass_delivery_paused', '1 where an annotation pauses it.'),
    pausedSince: gauge(
      'windlass_delivery_paused_since_timestamp_seconds',
      'Since when an annotation pauses it; 0 where none does.',
    ),
    pinned: gauge('windlass_delivery_pinned', '1 where an annotation pins it to one release.'),
    quarantined: gauge('windlass_delivery_quarantined_releases', 'Releases in quarantine.'),
    drifted: gauge('windlass_delivery_drifted_objects', 'Objects that are left as another hand made them.'),
    contested: gauge('windlass_delivery_drift_contested', '1 where another hand undid five corrections in a row.'),
    lastGoodPoll: gauge(
      'windlass_last_good_poll_timestamp_seconds',
      'When the registry was last read completely for it.',
    ),
    nextPoll: gauge(
      'windlass_next_poll_timestamp_seconds',
      'When the registry was or is to be read for it: once after it was last read completely, or had no such repository; before that, at once.',
    ),
    corrections: new Counter({
      name: 'windlass_drift_corrections_total',
      help: 'Objects whose drift was taken back.',
      ...common,
    }),
  }
}

interface InfoGauge {
  set(labels: Record<string, string>, value: number): void
  remove(labels: Record<string, string>): void
}

/** The one series of a Delivery whose label says a text: another text takes its place, and none ends it. */
function createLastValue(gauge: InfoGauge, label: string) {
  const lastLabels = new Map<string, Record<string, string>>()
  return {
    set(delivery: DeliveryLabels, text: string | undefined): void {
      const key = keyOf(delivery)
      const before = lastLabels.get(key)
      if (before?.[label] === text) return
      if (before !== undefined) gauge.remove(before)
      lastLabels.delete(key)
      if (text === undefined) return
      const labels = { ...labelsOf(delivery), [label]: text }
      lastLabels.set(key, labels)
      gauge.set(labels, 1)
    },
  }
}

function labelsOf({ namespace, name }: DeliveryLabels): Record<(typeof deliveryLabels)[number], string> {
  return { delivery_namespace: namespace, delivery: name }
}

function keyOf({ namespace, name }: DeliveryLabels): string {
  return `${namespace}/${name}`
}
