import type { Delivery, DeliveryStatus, RolloutStatus } from '../api/delivery.ts'
import type { KubeObject } from '../api/object.ts'
import { parseTime } from '../api/time.ts'
import { announce, endedGoingBack, endedRollout } from '../core/announcements.ts'
import type { Desired } from '../core/desired.ts'
import { AppError } from '../core/errors.ts'
import { pauseMark, readPause, type Pause } from '../core/pause.ts'
import { describeStatus, type StatusUpdate } from '../core/status.ts'
import type { EventSink, StatusWriter, Tenant } from '../kube/ports.ts'
import type { Log } from '../telemetry/log.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import type { Clock } from './clock.ts'
import { keyOf } from './delivery-cache.ts'
import type { Memory } from './memory.ts'
import type { World } from './world.ts'

export interface TurnOptions {
  readonly delivery: Delivery
  readonly desired: Desired
  readonly memory: Memory
  readonly leaseEpoch: number
  /** Aborted when the lease is lost. */
  readonly signal: AbortSignal
  readonly log: Log
  readonly world: World
  readonly statuses: StatusWriter
  readonly events: EventSink
  readonly clock: Clock
  readonly metrics: Pick<Metrics, 'rolloutEnded' | 'wentBack' | 'pushToReady'>
}

export interface StatusWrite extends Pick<StatusUpdate, 'standing' | 'pending'> {
  readonly drift?: StatusUpdate['drift']
}

const outcomes = { Ready: 'ready', Failed: 'failed', Superseded: 'superseded' } as const
const backOutcomes = { ...outcomes, RolledBack: 'ready' } as const

/** One reconcile of one Delivery: what it works on, and the only way by which it writes status. */
export class Turn {
  readonly key: string
  readonly desired: Desired
  readonly memory: Memory
  readonly leaseEpoch: number
  readonly signal: AbortSignal
  readonly log: Log
  readonly tenant: Tenant
  readonly #options: TurnOptions
  #delivery: Delivery
  #unwritten: unknown

  constructor(options: TurnOptions) {
    const { delivery, desired, memory, leaseEpoch, signal, log } = options
    this.#options = options
    this.#delivery = delivery
    this.key = keyOf(delivery)
    this.desired = desired
    this.memory = memory
    this.leaseEpoch = leaseEpoch
    this.signal = signal
    this.log = log
    this.tenant = { namespace: delivery.metadata.namespace, serviceAccountName: delivery.spec.serviceAccountName }
  }

  /** As of the last write. */
  get delivery(): Delivery {
    return this.#delivery
  }

  get status(): DeliveryStatus {
    return this.#delivery.status ?? {}
  }

  nowMs(): number {
    return this.#options.clock.nowMs()
  }

  /** Says in status how it stands; nothing is sent where status says so already. */
  async write(status: DeliveryStatus, { standing, pending, drift = [] }: StatusWrite): Promise<void> {
    const nowMs = this.nowMs()
    await this.store(describeStatus(status, { desired: this.desired, standing, pending, drift, nowMs }))
  }

  /** Goes on with the Delivery as another write of ours left it. */
  wrote(delivery: Delivery): void {
    this.#delivery = delivery
    this.#options.world.deliveries.wrote(delivery)
  }

  /** Writes status as it is given, under the version that was read; tells what is worth an Event. */
  async store(status: DeliveryStatus): Promise<void> {
    const { events } = this.#options
    const before = this.#delivery
    const written = await this.#send(before, status)
    if (written === before) return
    this.wrote(written)
    for (const announcement of announce(before.status ?? {}, status)) {
      events.emit({ regarding: toObject(written), ...announcement })
    }
    this.#measure(before.status ?? {}, status)
  }

  async #send(before: Delivery, status: DeliveryStatus): Promise<Delivery> {
    const { statuses, world } = this.#options
    try {
      return await world.writing(this.key, () => statuses.write(before, status, this.signal))
    } catch (error) {
      this.#unwritten = error
      throw error
    }
  }

  /** Whether this is what a write of status failed by. */
  isUnwritten(error: unknown): boolean {
    return this.#unwritten === error
  }

  /** Reads the Delivery, where what the watch told of it is not what the API server holds. */
  async readAgain(): Promise<void> {
    const { world, statuses } = this.#options
    const take = world.deliveries.readBegins(this.key)
    const now = await statuses.read(this.#delivery, this.signal)
    if (now !== undefined) take(now)
  }

  #measure(before: DeliveryStatus, after: DeliveryStatus): void {
    const { metrics } = this.#options
    const back = endedGoingBack(before, after)
    if (back !== undefined) metrics.wentBack(this.desired, backOutcomes[back])
    const ended = endedRollout(before, after)
    if (ended === undefined || ended.outcome === 'RolledBack' || back !== undefined) return
    metrics.rolloutEnded(this.desired, outcomes[ended.outcome])
    const pushedAtMs = parseTime(ended.pushedAt ?? '')
    // What an operator pins may have been pushed long ago.
    if (ended.outcome !== 'Ready' || pushedAtMs === undefined || this.desired.pin !== undefined) return
    metrics.pushToReady(this.desired, Math.max(0, this.nowMs() - pushedAtMs))
  }

  /** Rendered objects are kept for the time of a rollout only: a thousand Deliveries have a thousand of them. */
  forgetRollout(): void {
    delete this.memory.rendered
    delete this.memory.trouble
    this.memory.healths.clear()
  }

  warn(reason: string, note: string): void {
    this.#options.events.emit({ regarding: toObject(this.#delivery), type: 'Warning', reason, action: 'Decide', note })
  }

  tell(reason: string, action: string, note: string): void {
    this.#options.events.emit({ regarding: toObject(this.#delivery), type: 'Normal', reason, action, note })
  }

  /**
   * Looked at again before each write, for an operator may have come in between: throws AppError (`aborted`) where the
   * lease is lost, the Delivery goes, or a pause covers the object.
   */
  assertWritable({ kind, metadata: { name } }: Pick<KubeObject, 'kind' | 'metadata'>): void {
    const pause = this.#pauseNow()
    if (pause.kind === 'running') return
    if (pause.mode === 'all' || pause.objects.includes(`${kind}/${name}`)) throw pausedError(pause)
  }

  /** By its own annotations: no watch tells of a paused object whose label another hand took away. */
  ownPauseOf({ kind, metadata: { name, annotations } }: KubeObject): Pause {
    const mark = pauseMark(`${kind} ${name}`, annotations, `${kind}/${name}`)
    return readPause(mark === undefined ? [] : [mark], this.nowMs())
  }

  /** Throws AppError where the object itself says that it is not to be written. */
  assertNotPaused(object: KubeObject): void {
    const pause = this.ownPauseOf(object)
    if (pause.kind === 'running' || !pause.objects.includes(`${object.kind}/${object.metadata.name}`)) return
    throw new AppError({ kind: 'waiting', reason: 'Paused', message: pause.message })
  }

  /** Looked at again before a release is begun in status, for to prepare one takes a while: throws likewise. */
  assertBeginnable(): void {
    const pause = this.#pauseNow()
    if (pause.kind === 'paused') throw pausedError(pause)
  }

  #pauseNow(): Pause {
    const { world } = this.#options
    if (this.signal.aborted) throw this.signal.reason
    const latest = world.deliveries.get(this.key)
    // One that was made anew under its name is another, and nothing was decided for it.
    const isGone = latest?.metadata.uid !== this.#delivery.metadata.uid
    if (latest === undefined || isGone || latest.metadata.deletionTimestamp !== undefined) {
      throw new AppError({ kind: 'aborted', reason: 'Deleting', message: `Delivery ${this.key} is being deleted` })
    }
    return readPause(world.pausesOf(latest), this.nowMs())
  }
}

export function rolloutOf({ status: { rollout } }: Turn): RolloutStatus {
  if (rollout === undefined) throw new Error('a step of a rollout was planned where status has none')
  return rollout
}

function pausedError({ message }: Extract<Pause, { kind: 'paused' }>): AppError {
  return new AppError({ kind: 'aborted', reason: 'Paused', message })
}

function toObject({ apiVersion, kind, metadata }: Delivery): KubeObject {
  return { apiVersion, kind, metadata: { ...metadata } }
}
