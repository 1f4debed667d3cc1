import type { KubeObject } from '../api/object.ts'
import { AppError } from '../core/errors.ts'
import { findCulprit, judgePods, unexplained, type Culprit, type PodFault } from '../core/pod-faults.ts'
import { freshReplicaSet, type WorkloadView } from '../core/pod-revision.ts'
import { stuckPods } from '../core/stuck-pods.ts'
import type { PodSource, Tenant, Watch } from '../kube/ports.ts'
import type { Clock } from './clock.ts'

export interface RolloutPodsOptions {
  readonly pods: PodSource
  readonly clock: Clock
  /** The pods of this Delivery's rollout changed: it is to be reconciled. */
  readonly onChange: (key: string) => void
  /** What could not be read, and is done without. */
  readonly onProblem: (key: string, error: AppError) => void
  /** Ends all watches. */
  readonly signal: AbortSignal
}

export interface LookRequest {
  /** As they were just read; of kinds that make no pods there is nothing to see. */
  readonly workloads: readonly KubeObject[]
  /** What the release holds, as `ConfigMap/name`. */
  readonly bundled: ReadonlySet<string>
  readonly sinceMs: number
  readonly isGoingBack?: boolean
  /** Nothing was ever well before. */
  readonly isFirst?: boolean
  readonly tenant: Tenant
}

/** What the pods of a rollout tell. */
export interface PodsLook {
  readonly fault?: PodFault
  /** The container whose log tells most, also where no fault is known. */
  readonly culprit?: Culprit
  /** Pods to delete, or their StatefulSet will never go on. */
  readonly stuck: readonly KubeObject[]
  /** Why not all could be looked at, in words; then an absent fault says little. */
  readonly blind?: string
}

interface Watched {
  readonly tenant: Tenant
  readonly watch: Watch<KubeObject>
  readonly stopping: AbortController
  isAwaited: boolean
  replicaSets: readonly KubeObject[]
  /** By uid of what they regard. */
  readonly warnings: Map<string, Warnings>
}

interface Warnings {
  /** Since when nothing but an Event can explain it, by the monotonic clock. */
  readonly sinceMs: number
  readAtMs?: number
  events: readonly KubeObject[]
}

const podKinds: ReadonlySet<string> = new Set(['Deployment', 'StatefulSet', 'DaemonSet'])
/** Each watch holds a connection, of which there are so many for all rollouts (kube/transport.ts): a quarter at most. */
export const mostWatchedOfNamespace = 48
const firstListMs = 5_000
/** A node takes a while to prepare a pod; only then its Events are read, and no more often. */
const patienceMs = 15_000
const logAgainMs = 1_000

/**
 * The pods of all rollouts under way in a term of leadership. They are watched for as long as their rollout is awaited,
 * so that a look at them costs no request; Events, which come without end, are read instead, and only where a pod is
 * held up and nothing else tells why.
 */
export class RolloutPods {
  readonly #options: RolloutPodsOptions
  /** By the key of the Delivery, then by the workload's uid. */
  readonly #watched = new Map<string, Map<string, Watched>>()
  readonly #timers = new Map<string, () => void>()

  constructor(options: RolloutPodsOptions) {
    this.#options = options
  }

  /** Waits for the first list where a workload is new to it. Throws AppError where the signal aborts, never else. */
  async look(key: string, request: LookRequest, signal: AbortSignal): Promise<PodsLook> {
    const wanted = request.workloads.filter(({ kind, metadata }) => podKinds.has(kind) && metadata.uid !== undefined)
    const workloads = this.#withinBound(key, wanted, request.tenant)
    this.#keepOnly(key, workloads, request.tenant)
    const blind = new Set<string>()
    if (workloads.length < wanted.length) {
      blind.add(
        `of a Namespace the pods of ${mostWatchedOfNamespace} workloads are followed at a time, and there are more`,
      )
      this.#comeBack(key)
    }
    const views = await Promise.all(
      workloads.map((workload) => this.#view(key, workload, { tenant: request.tenant, blind, signal })),
    )
    const view = { ...request, workloads: views }
    const fault = judgePods(view)
    const culprit = fault?.culprit ?? findCulprit(view)
    return {
      ...(fault !== undefined && { fault }),
      ...(culprit !== undefined && { culprit }),
      stuck: views.flatMap((view) => stuckPods(view, request)),
      ...(blind.size > 0 && { blind: [...blind].join('; ') }),
    }
  }

  /** The last lines that a container wrote; undefined where none can be had. Throws where the signal aborts, never else. */
  async lastLog(key: string, culprit: Culprit, tenant: Tenant, signal: AbortSignal): Promise<string | undefined> {
    const read = async (request: Culprit) =>
      (await this.#try(key, signal, () => this.#options.pods.lastLog(request, tenant, signal))).value
    // Meanwhile it may have been started anew, or what ran before cleared away.
    const readEither = async () =>
      (await read(culprit)) ?? (await read({ ...culprit, wantsPreviousLog: !culprit.wantsPreviousLog }))
    const log = await readEither()
    if (log !== undefined || !culprit.wantsPreviousLog) return log
    // Both at once: what ran before is cleared away, and what runs since has not written yet.
    await this.#options.clock.sleep(logAgainMs, signal)
    return readEither()
  }

  /** A rollout that is not awaited needs no watch. */
  release(key: string): void {
    for (const { stopping } of this.#watched.get(key)?.values() ?? []) stopping.abort()
    this.#watched.delete(key)
    this.#timers.get(key)?.()
    this.#timers.delete(key)
  }

  /** Ends everything; the signal would leave timers behind. */
  close(): void {
    for (const key of new Set([...this.#watched.keys(), ...this.#timers.keys()])) this.release(key)
  }

  async #view(
    key: string,
    workload: KubeObject,
    { tenant, blind, signal }: { readonly tenant: Tenant; readonly blind: Set<string>; readonly signal: AbortSignal },
  ): Promise<WorkloadView> {
    const name = `${workload.kind}/${workload.metadata.name}`
    const watched = this.#watchedOf(key, workload, tenant)
    await this.#firstList(watched, signal)
    const { problem } = watched.watch
    if (problem !== undefined) blind.add(`the pods of ${name} could not be followed: ${problem.message}`)

    const isNewKnown = freshReplicaSet(workload, watched.replicaSets) !== undefined
    if (workload.kind === 'Deployment' && !isNewKnown) {
      const read = await this.#try(key, signal, () => this.#options.pods.replicaSets(workload, tenant, signal))
      watched.replicaSets = read.value ?? []
      if (read.error !== undefined) blind.add(`the pods of ${name} could not be told apart: ${read.error.message}`)
    }
    const view = { workload, pods: watched.watch.list(), replicaSets: watched.replicaSets, warnings: [] }
    const puzzles = unexplained(view)
    const found = await Promise.all(puzzles.map((object) => this.#warningsOf(key, object, watched, signal)))
    this.#forgetWarnings(watched, puzzles)
    for (const { error } of found) {
      if (error !== undefined) blind.add(`the Events of ${name} could not be read: ${error.message}`)
    }
    return { ...view, warnings: found.flatMap(({ value }) => value ?? []) }
  }

  async #warningsOf(
    key: string,
    object: KubeObject,
    { tenant, warnings }: Watched,
    signal: AbortSignal,
  ): Promise<Attempt<readonly KubeObject[]>> {
    const { clock, pods } = this.#options
    const nowMs = clock.monotonicMs()
    const uid = object.metadata.uid ?? ''
    const known = warnings.get(uid) ?? { sinceMs: nowMs, events: [] }
    warnings.set(uid, known)
    this.#comeBack(key)
    if (nowMs - (known.readAtMs ?? known.sinceMs) < patienceMs) return { value: known.events }
    known.readAtMs = nowMs
    const read = await this.#try(key, signal, () => pods.warnings(object, tenant, signal))
    if (read.value !== undefined) known.events = read.value
    return { ...read, value: known.events }
  }

  /** A pod that is held up changes no more, so that no event brings its rollout back. */
  #comeBack(key: string): void {
    const { clock, onChange, signal } = this.#options
    // A look may outlast the term.
    if (this.#timers.has(key) || signal.aborted) return
    const cancel = clock.after(patienceMs, () => {
      this.#timers.delete(key)
      onChange(key)
    })
    this.#timers.set(key, cancel)
  }

  #forgetWarnings({ warnings }: Watched, puzzles: readonly KubeObject[]): void {
    const uids = new Set(puzzles.map(({ metadata }) => metadata.uid))
    for (const uid of warnings.keys()) if (!uids.has(uid)) warnings.delete(uid)
  }

  #watchedOf(key: string, workload: KubeObject, tenant: Tenant): Watched {
    const { pods, onChange, signal } = this.#options
    const ofKey = this.#watched.get(key) ?? new Map<string, Watched>()
    this.#watched.set(key, ofKey)
    const uid = workload.metadata.uid ?? ''
    const known = ofKey.get(uid)
    if (known !== undefined) return known

    const stopping = new AbortController()
    const ends = AbortSignal.any([signal, stopping.signal])
    const watch = pods.watchPods(workload, tenant, () => onChange(key), ends)
    const watched: Watched = { tenant, watch, stopping, isAwaited: false, replicaSets: [], warnings: new Map() }
    ofKey.set(uid, watched)
    return watched
  }

  /** Those that are followed already come first: a workload that is ready leaves, and makes room for the next. */
  #withinBound(key: string, wanted: readonly KubeObject[], { namespace }: Tenant): readonly KubeObject[] {
    let room = mostWatchedOfNamespace
    for (const [other, watches] of this.#watched) {
      for (const { tenant } of other === key ? [] : watches.values()) room -= tenant.namespace === namespace ? 1 : 0
    }
    const isFollowed = ({ metadata }: KubeObject) => this.#watched.get(key)?.has(metadata.uid ?? '') === true
    const [followed, others] = [wanted.filter(isFollowed), wanted.filter((workload) => !isFollowed(workload))]
    return [...followed, ...others].slice(0, Math.max(room, 0))
  }

  #keepOnly(key: string, workloads: readonly KubeObject[], tenant: Tenant): void {
    const uids = new Set(workloads.map(({ metadata }) => metadata.uid))
    const ofKey = this.#watched.get(key) ?? new Map<string, Watched>()
    for (const [uid, watched] of ofKey) {
      if (uids.has(uid) && watched.tenant.serviceAccountName === tenant.serviceAccountName) continue
      watched.stopping.abort()
      ofKey.delete(uid)
    }
  }

  /** Once and bounded: a tenant without the right to list pods must not hold up its Delivery. */
  async #firstList(watched: Watched, signal: AbortSignal): Promise<void> {
    if (watched.isAwaited) return
    watched.isAwaited = true
    const { clock } = this.#options
    const { synced } = watched.watch
    const stopping = new AbortController()
    const late = clock.sleep(firstListMs, AbortSignal.any([signal, stopping.signal]))
    try {
      await Promise.race([synced, late])
    } catch (error) {
      if (signal.aborted) throw signal.reason
      // The watch itself ended: the term did.
      if (!this.#options.signal.aborted) throw error
    } finally {
      stopping.abort()
      late.catch(() => {})
    }
  }

  async #try<T>(key: string, signal: AbortSignal, read: () => Promise<T>): Promise<Attempt<T>> {
    try {
      return { value: await read() }
    } catch (error) {
      if (!(error instanceof AppError) || error.kind === 'aborted' || signal.aborted) throw error
      this.#options.onProblem(key, error)
      return { error }
    }
  }
}

interface Attempt<T> {
  readonly value?: T
  readonly error?: AppError
}
