import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { startApiServer } from '../../../bootstrap/local/api-server.ts'
import {
  endOfAuditLog,
  isWrite,
  readAuditLog,
  readAuditLogFrom,
  type AuditEvent,
} from '../../../bootstrap/local/audit-log.ts'
import { waitFor } from '../../../bootstrap/local/wait.ts'
import { operatorAnnotations } from '../api/annotations.ts'
import { apiVersion, kind, plural, type Delivery, type DeliverySpec } from '../api/delivery.ts'
import type { KubeObject } from '../api/object.ts'
import { formatTime } from '../api/time.ts'
import { createObjectStore } from '../kube/apply.ts'
import { createEventWriter } from '../kube/events.ts'
import { createFinalizerWriter } from '../kube/finalizer.ts'
import { createPodSource } from '../kube/pods.ts'
import { createSnapshotStore } from '../kube/snapshots.ts'
import { createStatusWriter } from '../kube/status.ts'
import { deliveryCrd, testCluster, type Rule, type TestCluster } from '../kube/test-cluster.ts'
import { createWatchSource } from '../kube/watch.ts'
import type { TagSource } from '../registry/tag-source.ts'
import { createLog } from '../telemetry/log.ts'
import { createMetrics, type Metrics } from '../telemetry/metrics.ts'
import { systemClock } from './clock.ts'
import { lead } from './controller.ts'
import { TestRegistry } from './test-registry.ts'
import { World } from './world.ts'

const ownNamespace = 'windlass-system'
const host = 'contoso.azurecr.io'
const patienceMs = 90_000

/** What a test says of a spec; the server gives the rest its defaults. */
export type TestSpec = Partial<Omit<DeliverySpec, 'rollout'>> & { readonly rollout?: Partial<DeliverySpec['rollout']> }

/**
 * The whole loop on a real API server of its own, whose only controller is the test: it plays those that a cluster has
 * by patching the status of workloads. The registry is in memory; polls come when the test says so.
 */
export class TestLoop {
  readonly cluster: TestCluster
  readonly #repositories = new Map<string, TestRegistry>()
  readonly #t: Test
  readonly #auditLog: string
  #schedules = new Map<string, () => void>()
  #process:
    | {
        readonly stop: () => Promise<void>
        readonly metrics: Metrics
        readonly lines: string[]
        readonly world: World
      }
    | undefined

  constructor(t: Test, cluster: TestCluster, auditLog: string) {
    this.#t = t
    this.cluster = cluster
    this.#auditLog = auditLog
  }

  static async open(t: Test): Promise<TestLoop> {
    const dir = await mkdtemp(join(tmpdir(), 'windlass-loop-'))
    t.teardown(() => rm(dir, { recursive: true, force: true }))
    const server = await startApiServer({ dir })
    t.teardown(() => server.stop())
    let names = 0
    const namespaceName = (purpose: string) => `${purpose.replaceAll(/[^a-z]+/g, '-').slice(0, 40)}-${(names += 1)}`
    const cluster = testCluster(t, { ...server, namespaceName })
    await cluster.install(deliveryCrd)
    await cluster.create('/api/v1/namespaces', { metadata: { name: ownNamespace } })
    const loop = new TestLoop(t, cluster, server.auditLog)
    t.teardown(() => loop.stop())
    return loop
  }

  /** Begins as a new process would, with nothing in memory, as the leader of that epoch; its clock may be ahead. */
  async start(epoch = 1, aheadMs = 0): Promise<void> {
    const clock = { ...systemClock, nowMs: () => systemClock.nowMs() + aheadMs }
    const lines: string[] = []
    const log = createLog({ level: 'debug', destination: { write: (line) => void lines.push(line) } })
    const metrics = createMetrics()
    const { admin: client } = this.cluster
    const stopping = new AbortController()
    const { signal } = stopping
    const hooks = {
      restarted: () => {},
      bug: (path: string, error: unknown) => log.error({ err: error, path }, 'watch bug'),
    }
    const watches = createWatchSource({ client, clock, random: Math.random, hooks })
    const world = new World({ watches, ownNamespace, signal })
    const events = createEventWriter({
      client,
      clock,
      instance: 'windlass-test',
      newSuffix: () => randomUUID().slice(0, 8),
      hooks: { lost: (_, error) => log.error({ err: error }, 'event lost') },
    })
    await world.start()
    const running = Promise.all([
      events.run(signal),
      lead(
        {
          world,
          tags: this.#tags(),
          objects: createObjectStore(client),
          snapshots: createSnapshotStore(client),
          pods: createPodSource({ client, watches }),
          statuses: createStatusWriter(client),
          finalizers: createFinalizerWriter(client),
          events,
          schedules: {
            problemOf: () => undefined,
            untilNextMs: () => 0,
            follow: (schedule, _, onTime) => {
              this.#schedules.set(schedule, () => onTime(0))
              return () => this.#schedules.delete(schedule)
            },
          },
          clock,
          random: () => 0,
          newId: () => randomUUID(),
          log,
          metrics,
          ownNamespace,
          concurrency: 4,
          pollJitterMs: 0,
        },
        { epoch, signal },
      ),
    ])
    running.catch((error: unknown) => this.#t.fail('the loop ended by an error', { error }))
    const stop = async () => {
      stopping.abort()
      await running.catch(() => {})
    }
    this.#process = { stop, metrics, lines, world }
  }

  async stop(): Promise<void> {
    await this.#process?.stop()
    this.#process = undefined
  }

  /** A namespace with an account that may do what a tenant needs, and one Delivery in it. */
  async deliver(purpose: string, spec: TestSpec = {}, rules?: readonly Rule[]): Promise<Tenancy> {
    const namespace = await this.cluster.namespace(purpose)
    await this.cluster.tenant(namespace, 'deployer', rules)
    const registry = new TestRegistry(namespace)
    this.#repositories.set(`${host}/${namespace}`, registry)
    const schedule = `at the will of ${namespace}`
    const tenancy = new Tenancy(this.cluster, namespace, registry, () => this.#schedules.get(schedule)?.())
    await this.cluster.create(tenancy.deliveries, {
      apiVersion,
      kind,
      metadata: { name: 'web' },
      spec: {
        image: { repository: `${host}/${namespace}`, tags: '^r[0-9]+$' },
        manifests: { attached: {} },
        serviceAccountName: 'deployer',
        poll: { schedule },
        ...spec,
      },
    })
    return tenancy
  }

  /** Each Delivery has a repository of its own. */
  #tags(): TagSource {
    const of = (name: string) => {
      const found = this.#repositories.get(name)
      if (found === undefined) throw new Error(`no test has a repository ${name}`)
      return found
    }
    return {
      scan: async (request, signal) => of(request.repository).scan(request, signal),
      tag: async (name, tag, signal) => of(name).tag(name, tag, signal),
      image: async (name, digest, signal) => of(name).image(name, digest, signal),
      bundles: async (name, digest, signal) => of(name).bundles(name, digest, signal),
      bundle: async (name, reference, signal) => of(name).bundle(name, reference, signal),
    }
  }

  async until(isSo: () => boolean | Promise<boolean>, describe: string): Promise<void> {
    const options = { timeoutMs: patienceMs, everyMs: 10 }
    await waitFor(
      async () => (await isSo()) || undefined,
      () => describe,
      options,
    )
  }

  async metrics(): Promise<string> {
    return (await this.#process?.metrics.expose())?.body ?? ''
  }

  /** As another tool that uses server-side apply. */
  async applyAs(manager: string, { namespace }: Tenancy, object: object): Promise<void> {
    const { kind, metadata } = object as KubeObject
    await this.cluster.admin.request({
      method: 'PATCH',
      path: `/api/v1/namespaces/${namespace}/${kind.toLowerCase()}s/${metadata.name}`,
      query: { fieldManager: manager, force: true },
      contentType: 'application/apply-patch+yaml',
      body: object,
      what: `apply as ${manager}`,
      signal: this.cluster.signal,
    })
  }

  /** Whether the process's own watch has told it of the annotation of a Delivery. */
  hasSeen({ namespace }: Tenancy, annotation: string): boolean {
    const delivery = this.#process?.world.deliveries.get(`${namespace}/web`)
    return delivery?.metadata.annotations?.[annotation] !== undefined
  }

  /** Log lines of the process, newest last. */
  lines(): readonly string[] {
    return this.#process?.lines ?? []
  }

  /** What was written to the API server while the work was done, Events and our own set-up left aside. */
  async writesDuring(work: () => Promise<void>): Promise<readonly AuditEvent[]> {
    const from = await endOfAuditLog(this.#auditLog)
    await work()
    const events = await readAuditLogFrom(this.#auditLog, from)
    return events.filter((event) => isWrite(event) && event.objectRef?.resource !== 'events')
  }

  /** Waits until so much was asked of a resource of the tenant, and answers it; impersonation shows in answers only. */
  async answered({ namespace }: Tenancy, resource: string, verbs: readonly string[]): Promise<readonly AuditEvent[]> {
    const isWanted = ({ stage, objectRef }: AuditEvent) =>
      stage === 'ResponseComplete' && objectRef?.namespace === namespace && objectRef.resource === resource
    return waitFor(
      async () => {
        const found = await readAuditLog(this.#auditLog, isWanted)
        return found.length >= verbs.length ? found : undefined
      },
      () => `${verbs.join(', ')} of ${resource}`,
      { timeoutMs: patienceMs, everyMs: 50 },
    )
  }

  /** Every request, by what it asked. */
  async requestsDuring(work: () => Promise<void>): Promise<readonly AuditEvent[]> {
    const from = await endOfAuditLog(this.#auditLog)
    await work()
    const events = await readAuditLogFrom(this.#auditLog, from)
    return events.filter(({ stage }) => stage === 'RequestReceived')
  }
}

/** One namespace with its Delivery, as an operator and the cluster's controllers see it. */
export class Tenancy {
  readonly namespace: string
  readonly deliveries: string
  /** Its own repository. */
  readonly registry: TestRegistry
  /** Polls, as its schedule would. */
  readonly poll: () => void
  readonly #cluster: TestCluster

  constructor(cluster: TestCluster, namespace: string, registry: TestRegistry, poll: () => void) {
    this.#cluster = cluster
    this.namespace = namespace
    this.registry = registry
    this.poll = poll
    this.deliveries = `/apis/${apiVersion}/namespaces/${namespace}/${plural}`
  }

  async delivery(): Promise<Delivery> {
    return this.#request<Delivery>('GET', `${this.deliveries}/web`)
  }

  /** Waits until the Delivery is so. */
  async until(describe: string, isSo: (delivery: Delivery) => boolean): Promise<Delivery> {
    return waitFor(
      async () => {
        const delivery = await this.delivery()
        return isSo(delivery) ? delivery : undefined
      },
      async () => `${describe}; status is ${JSON.stringify((await this.delivery()).status, undefined, 1)}`,
      { timeoutMs: patienceMs, everyMs: 20 },
    )
  }

  /** Waits until the condition Ready has that reason. */
  async untilReason(reason: string): Promise<Delivery> {
    return this.until(
      `Ready to have the reason ${reason}`,
      (delivery) => conditionOf(delivery, 'Ready')?.reason === reason,
    )
  }

  async object(path: string): Promise<KubeObject | undefined> {
    const answer = await this.#cluster.admin.send<KubeObject>({
      method: 'GET',
      path: this.#pathOf(path),
      what: `read ${path}`,
      signal: this.#cluster.signal,
    })
    return answer.ok ? answer.body : undefined
  }

  async untilObject(path: string, isSo: (object: KubeObject | undefined) => boolean): Promise<void> {
    await waitFor(
      async () => isSo(await this.object(path)) || undefined,
      async () => `${path} is ${JSON.stringify(await this.object(path))}`,
      { timeoutMs: patienceMs, everyMs: 20 },
    )
  }

  /** As `kubectl edit` and the like: by an update manager of another name. */
  async edit(path: string, patch: object, type: 'merge' | 'strategic-merge' = 'merge'): Promise<void> {
    await this.#request('PATCH', this.#pathOf(path), patch, `application/${type}-patch+json`)
  }

  async annotate(annotations: Readonly<Record<string, string | null>>, path = `${this.deliveries}/web`): Promise<void> {
    await this.#request('PATCH', path, { metadata: { annotations } }, 'application/merge-patch+json')
  }

  /** Asks for a reconcile, and waits until it is noted. */
  async reconcileNow(value = 'now'): Promise<Delivery> {
    await this.annotate({ [operatorAnnotations.reconcileRequestedAt]: value })
    return this.until('the request to be noted', ({ status }) => status?.lastHandledReconcileRequest === value)
  }

  async annotateNamespace(
    annotations: Readonly<Record<string, string | null>>,
    namespace = this.namespace,
  ): Promise<void> {
    await this.annotate(annotations, `/api/v1/namespaces/${namespace}`)
  }

  async editSpec(spec: object): Promise<void> {
    await this.#request('PATCH', `${this.deliveries}/web`, { spec }, 'application/merge-patch+json')
  }

  async remove(path: string): Promise<void> {
    await this.#request('DELETE', this.#pathOf(path))
  }

  async removeDelivery(): Promise<void> {
    await this.#request('DELETE', `${this.deliveries}/web`)
  }

  async create(path: string, object: object): Promise<void> {
    await this.#cluster.create(this.#pathOf(path), object)
  }

  /** Plays the Deployment controller: all pods are new and available. */
  async rollOut(name = 'web'): Promise<void> {
    const path = `apps/v1/deployments/${name}`
    await this.untilObject(path, (object) => object !== undefined)
    const { metadata, spec } = (await this.object(path)) as KubeObject & { spec: { replicas: number } }
    const { replicas } = spec
    await this.edit(`${path}/status`, {
      status: {
        observedGeneration: metadata.generation,
        replicas,
        updatedReplicas: replicas,
        readyReplicas: replicas,
        availableReplicas: replicas,
        conditions: [],
      },
    })
  }

  /** Plays the Deployment controller: it gives up, with no new pod that is available. */
  async fail(name = 'web'): Promise<void> {
    const path = `apps/v1/deployments/${name}`
    const { metadata, spec } = (await this.object(path)) as KubeObject & { spec: { replicas: number } }
    const { replicas } = spec
    const condition = { type: 'Progressing', status: 'False', reason: 'ProgressDeadlineExceeded', message: 'too slow' }
    const at = formatTime(Date.now())
    await this.edit(`${path}/status`, {
      status: {
        observedGeneration: metadata.generation,
        replicas,
        updatedReplicas: replicas,
        readyReplicas: 0,
        availableReplicas: 0,
        conditions: [{ ...condition, lastUpdateTime: at, lastTransitionTime: at }],
      },
    })
  }

  /** Waits until the last good release runs again and all is told. */
  async untilRolledBack(): Promise<Delivery> {
    return this.until(
      'the last good release to run again',
      (delivery) => delivery.status?.rollout === undefined && conditionOf(delivery, 'Ready')?.reason === 'RolledBack',
    )
  }

  /** Waits until the last good release was written again, and its workloads are awaited. */
  async untilGoingBack(): Promise<Delivery> {
    return this.until('going back to be awaited', isGoingBack)
  }

  /** Waits for that, and plays the controllers until it runs again. */
  async goBack(): Promise<Delivery> {
    await this.untilGoingBack()
    await this.rollOut()
    return this.untilRolledBack()
  }

  async untilAwaited(tag: string): Promise<Delivery> {
    return this.until(`${tag} to be awaited`, ({ status }) => isAwaited(status?.rollout, tag))
  }

  /** Waits for the newest release to be awaited, and plays the controllers until it runs. */
  async release(tag = this.registry.latest): Promise<Delivery> {
    await this.untilAwaited(tag)
    await this.rollOut()
    return this.until(`${tag} to run`, ({ status }) => status?.current?.tag === tag && status.rollout === undefined)
  }

  /** Waits for an Event of that type and reason, and that says so. */
  async untilEvent(event: string, says = /(?:)/): Promise<void> {
    await waitFor(
      async () => (await this.#events()).some(({ what, note }) => what === event && says.test(note)) || undefined,
      async () => `no ${event} that says ${says} among ${JSON.stringify(await this.#events())}`,
      { timeoutMs: patienceMs, everyMs: 20 },
    )
  }

  async #events(): Promise<ReadonlyArray<{ readonly what: string; readonly note: string }>> {
    const path = `/apis/events.k8s.io/v1/namespaces/${this.namespace}/events`
    const { items } = await this.#request<{ items: { type: string; reason: string; note?: string }[] }>('GET', path)
    return items.map(({ type, reason, note = '' }) => ({ what: `${type} ${reason}`, note }))
  }

  /** `apps/v1/deployments/web` or `v1/configmaps/settings` in this namespace. */
  #pathOf(path: string): string {
    const [group = '', ...rest] = path.split('/')
    const [root, parts] = group === 'v1' ? ['/api/v1', rest] : [`/apis/${group}/${rest[0]}`, rest.slice(1)]
    return `${root}/namespaces/${this.namespace}/${parts.join('/')}`
  }

  #request<T = unknown>(
    method: 'GET' | 'PATCH' | 'DELETE',
    path: string,
    body?: object,
    contentType?: string,
  ): Promise<T> {
    return this.#cluster.admin.request<T>({
      method,
      path,
      what: `${method} ${path}`,
      ...(method === 'PATCH' && { query: { fieldManager: 'kubectl-edit' } }),
      ...(body !== undefined && { body }),
      ...(contentType !== undefined && { contentType }),
      signal: this.#cluster.signal,
    })
  }
}

export function isGoingBack({ status }: Delivery): boolean {
  return status?.rollout?.purpose === 'GoBack' && status.rollout.phase === 'Waiting'
}

export function conditionOf({ status }: Delivery, type: string) {
  return status?.conditions?.find((condition) => condition.type === type)
}

function isAwaited(rollout: { phase: string; revision: { tag: string } } | undefined, tag: string): boolean {
  return rollout?.phase === 'Waiting' && rollout.revision.tag === tag
}
