import { randomUUID } from 'node:crypto'
import { ConfigError, readConfig, type Config } from './config.ts'
import { AppError } from './core/errors.ts'
import { explainMissingAccounts } from './kube/account-check.ts'
import { createObjectStore } from './kube/apply.ts'
import { createKubeClient, type KubeClient } from './kube/client.ts'
import { createElection } from './kube/election.ts'
import { createEventWriter } from './kube/events.ts'
import { createFinalizerWriter } from './kube/finalizer.ts'
import { guardWrites } from './kube/guard-writes.ts'
import { loadKubeConfig } from './kube/kubeconfig.ts'
import { setLeaderLabel } from './kube/leader-label.ts'
import { createPodSource } from './kube/pods.ts'
import { createSnapshotStore } from './kube/snapshots.ts'
import { createStatusWriter } from './kube/status.ts'
import { createTransport } from './kube/transport.ts'
import { createWatchSource } from './kube/watch.ts'
import { AcrTagSource, defaultLimits } from './registry/acr.ts'
import { createDispatcher } from './registry/dispatcher.ts'
import { createWorkloadIdentityCredential } from './registry/identity.ts'
import { systemClock as clock } from './runtime/clock.ts'
import { lead, type LeaderTerm } from './runtime/controller.ts'
import { cronSchedules } from './runtime/schedules.ts'
import { World } from './runtime/world.ts'
import { buildApp } from './server/app.ts'
import { createLog, type Log } from './telemetry/log.ts'
import { createMetrics } from './telemetry/metrics.ts'

// The composition root: everything is built here, and nowhere else.

const random = Math.random

process.exitCode = await main()

async function main(): Promise<number> {
  const config = configOrProblems()
  if (config === undefined) return 2
  const log = createLog({ level: config.logLevel })
  const stopping = new AbortController()
  for (const name of ['SIGTERM', 'SIGINT'] as const) {
    process.once(name, () => {
      log.info({ signal: name }, 'stopping')
      stopping.abort(new AppError({ kind: 'aborted', reason: 'ShuttingDown', message: 'the process is ending' }))
    })
  }
  try {
    await run(config, log, stopping)
    log.info({}, 'stopped')
    return 0
  } catch (error) {
    // Told to end before it had begun.
    if (stopping.signal.aborted && error instanceof AppError && error.kind === 'aborted') return 0
    log.error({ err: error }, 'ended by an error')
    return 1
  }
}

async function run(config: Config, log: Log, stopping: AbortController): Promise<void> {
  const { signal } = stopping
  const { lease, podName, podNamespace } = config
  const metrics = createMetrics({
    registries: config.registries,
    requestsPerMinute: defaultLimits.requests.perMinute,
  })
  const transport = createTransport({
    config: loadKubeConfig(config.kubeconfig === undefined ? {} : { file: config.kubeconfig }),
    userAgent: 'windlass',
    monotonicMs: () => clock.monotonicMs(),
  })
  // No write outlives a lost lease: invariant 6.
  const client = createKubeClient({ transport, requestTimeoutMs: lease.durationMs - lease.renewDeadlineMs })
  const watches = createWatchSource({
    client,
    clock,
    random,
    hooks: {
      restarted(path, cause, error) {
        metrics.watchRestarted(cause)
        if (error === undefined) log.debug({ path, cause }, 'watch began again')
        else log.warn({ path, cause, reason: error.reason, err: error }, 'watch began again')
      },
      bug(path, error) {
        metrics.bug()
        log.error({ path, err: error }, 'watch failed with a bug')
      },
    },
  })
  const world = new World({ watches, ownNamespace: podNamespace, signal })
  const events = createEventWriter({
    client,
    clock,
    instance: podName,
    newSuffix: () => randomUUID().replaceAll('-', '').slice(0, 16),
    hooks: {
      lost({ reason }, error) {
        metrics.eventLost()
        log.warn({ event: reason, err: error }, 'event not written')
      },
    },
  })
  const dispatcher = createDispatcher()
  const tags = new AcrTagSource({
    registries: config.registries,
    credential: (wire) => createWorkloadIdentityCredential(config.identity, wire),
    dispatcher,
    ...(config.registryAudience !== undefined && { audience: config.registryAudience }),
    onRequest: ({ registry, result }) => metrics.registryRequested(registry, result),
  })

  let leading = Promise.resolve()
  const election = createElection({
    client,
    watches,
    clock,
    random,
    namespace: podNamespace,
    leaseName: lease.name,
    podName,
    processId: randomUUID(),
    timing: {
      leaseDurationMs: lease.durationMs,
      renewDeadlineMs: lease.renewDeadlineMs,
      renewIntervalMs: lease.renewIntervalMs,
      retryPeriodMs: lease.retryPeriodMs,
    },
    hooks: {
      elected(term) {
        log.info({ epoch: term.epoch }, 'elected')
        metrics.leading(true)
        void label(client, config, log, { isLeader: true, signal: term.signal })
        // A term ends before the next begins, for they share what is watched.
        leading = leading.then(() => work(term))
      },
      lost(reason) {
        log.info({ reason: reason.reason, detail: reason.message }, 'leadership ended')
        metrics.leading(false)
        if (!signal.aborted) void label(client, config, log, { isLeader: false, signal })
      },
      problem: (error) => log.warn({ reason: error.reason, err: error }, 'election request failed'),
    },
  })
  const guarded = guardWrites(client, election.leadership)
  const ports = {
    world,
    tags,
    objects: explainMissingAccounts(createObjectStore(guarded), client),
    snapshots: createSnapshotStore(guarded),
    pods: createPodSource({ client: guarded, watches }),
    statuses: createStatusWriter(guarded),
    finalizers: createFinalizerWriter(guarded),
    events,
    schedules: cronSchedules(log),
    clock,
    random,
    newId: randomUUID,
    log,
    metrics,
    ownNamespace: podNamespace,
    concurrency: config.concurrency,
    pollJitterMs: config.pollJitterMs,
  }
  async function work(term: LeaderTerm): Promise<void> {
    try {
      await lead(ports, term)
    } catch (error) {
      // The loop contains whatever a reconcile throws: this is a bug of the loop itself, and a new process may not meet it.
      log.error({ err: error }, 'the loop failed with a bug')
      metrics.bug()
      stopping.abort(error)
    }
  }

  const app = buildApp({ log, metrics, waitingFor: () => world.waitingFor() })
  try {
    await app.listen({ host: config.host, port: config.port })
    const writing = events.run(signal)
    await world.start()
    log.info({ registries: config.registries }, 'watching')
    // A process of this pod that was killed while it led has left its mark, and another pod may lead by now.
    await label(client, config, log, { isLeader: false, signal })
    await election.run(signal)
    await Promise.all([leading, writing])
  } finally {
    tags.close()
    await app.close()
    await dispatcher.close()
    await transport.close()
  }
  if (signal.reason instanceof Error && !(signal.reason instanceof AppError)) throw signal.reason
}

/** The label is what the Service of hooks selects by; the work does not wait for it. */
async function label(
  client: KubeClient,
  { podNamespace: namespace, podName }: Config,
  log: Log,
  { isLeader, signal }: { readonly isLeader: boolean; readonly signal: AbortSignal },
): Promise<void> {
  try {
    await setLeaderLabel(client, { namespace, podName, isLeader, signal })
  } catch (error) {
    log.warn({ err: error }, 'leader label not written')
  }
}

function configOrProblems(): Config | undefined {
  try {
    return readConfig()
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    process.stderr.write(`${error.message}\n`)
    return undefined
  }
}
