import { AppError } from '../src/core/errors.ts'
import type { Clock } from '../src/runtime/clock.ts'
import { lead } from '../src/runtime/controller.ts'
import type { FakeClock } from '../src/runtime/fake-clock.ts'
import { World } from '../src/runtime/world.ts'
import type { Log } from '../src/telemetry/log.ts'
import type { Metrics } from '../src/telemetry/metrics.ts'
import { ownNamespace } from './cluster.ts'
import { kubePorts } from './kube-ports.ts'
import type { Occurrence } from './occurrence.ts'
import { tagSource } from './registry-port.ts'
import type { Surroundings } from './surroundings.ts'
import { WatchFeed } from './watch-feed.ts'
import { Wire } from './wire.ts'

export interface ProgramHooks {
  /** Killed by a mishap of its wire. */
  readonly killed: () => void
  /** It stands still with a request on the wire. */
  readonly held: (land: () => void) => void
  /** An operator pauses in the midst of its work. */
  readonly paused: () => void
}

/** One process that leads: the real loop, from the watches to the last write, over ports in memory. */
export class Program {
  readonly wire: Wire
  readonly feed: WatchFeed
  readonly epoch: number
  readonly #clock: OwnClock
  readonly #stopping = new AbortController()
  readonly #surroundings: Surroundings
  readonly #ticks = new Set<() => void>()
  #isLeader = true

  constructor(epoch: number, surroundings: Surroundings, hooks: ProgramHooks) {
    this.epoch = epoch
    this.#surroundings = surroundings
    this.#clock = new OwnClock(surroundings.clock)
    this.feed = new WatchFeed(surroundings.cluster)
    this.wire = new Wire({ ...hooks, isLeader: () => this.#isLeader })
  }

  async start(): Promise<void> {
    const { tell } = this.#surroundings
    const { signal } = this.#stopping
    const { feed, wire, epoch } = this
    const world = new World({ watches: feed, ownNamespace, signal })
    await world.start()
    let ids = 0
    const ports = {
      ...kubePorts({ actor: { epoch }, wire, feed, ...this.#surroundings }),
      world,
      tags: tagSource({ epoch }, wire, this.#surroundings),
      events: { emit: () => {} },
      schedules: { problemOf: () => undefined, follow: this.#follow, untilNextMs: () => 0 },
      clock: this.#clock,
      random: () => 0,
      newId: () => String((ids += 1)),
      log: logOf(tell),
      metrics,
      ownNamespace,
      concurrency: 4,
      pollJitterMs: 0,
    }
    await lead(ports, { epoch, signal })
  }

  /** As its schedule would. */
  poll(): void {
    for (const tick of this.#ticks) tick()
  }

  /** Killed or deposed: what it still throws is nobody's matter. */
  get isEnded(): boolean {
    return this.#stopping.signal.aborted || this.wire.isCut
  }

  /** It knows that it does not lead any more. */
  depose(): void {
    this.#isLeader = false
    this.#stopping.abort(new AppError({ kind: 'aborted', reason: 'LeaseLost', message: 'another leads' }))
    this.feed.close()
  }

  /** SIGKILL: nothing of it goes on. */
  kill(): void {
    this.wire.cut()
    this.feed.close()
    this.#clock.stop()
  }

  readonly #follow = (_: string, __: string, onTime: (untilNextMs: number) => void): (() => void) => {
    const tick = () => onTime(0)
    this.#ticks.add(tick)
    return () => this.#ticks.delete(tick)
  }
}

/** The common clock, with the timers that die with the process. */
class OwnClock implements Clock {
  readonly #clock: FakeClock
  readonly #cancels = new Set<() => void>()

  constructor(clock: FakeClock) {
    this.#clock = clock
  }

  nowMs(): number {
    return this.#clock.nowMs()
  }

  monotonicMs(): number {
    return this.#clock.monotonicMs()
  }

  async sleep(ms: number, signal: AbortSignal): Promise<void> {
    return this.#clock.sleep(ms, signal)
  }

  after(ms: number, callback: () => void): () => void {
    const cancel = this.#clock.after(ms, () => {
      this.#cancels.delete(cancel)
      callback()
    })
    this.#cancels.add(cancel)
    return () => {
      this.#cancels.delete(cancel)
      cancel()
    }
  }

  stop(): void {
    for (const cancel of this.#cancels) cancel()
    this.#cancels.clear()
  }
}

/** What is logged as an error is a bug. */
function logOf(tell: (occurrence: Occurrence) => void): Log {
  const silent = () => {}
  const log: Log = {
    debug: silent,
    info: silent,
    warn: silent,
    error: (fields, message) => tell({ kind: 'bug', error: fields.err ?? message }),
    child: () => log,
  }
  return log
}

const metrics: Metrics = {
  expose: async () => ({ contentType: 'text/plain', body: '' }),
  reconciled: () => {},
  polled: () => {},
  pollSucceeded: () => {},
  nextPollAt: () => {},
  noNextPoll: () => {},
  registryRequested: () => {},
  watchRestarted: () => {},
  eventLost: () => {},
  bug: () => {},
  queueDepth: () => {},
  leading: () => {},
  rolloutEnded: () => {},
  wentBack: () => {},
  pushToReady: () => {},
  driftCorrected: () => {},
  describe: () => {},
  forget: () => {},
}
