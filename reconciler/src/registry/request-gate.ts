import { setTimeout as delay } from 'node:timers/promises'
import { AppError } from '../core/errors.ts'
import { fullBudget, pauseUntil, spend, type BudgetLimits, type RequestBudget } from '../core/request-budget.ts'
import { abortable } from './abortable.ts'

export interface GateOptions {
  readonly registry: string
  readonly limits: BudgetLimits
  /** Referrers are looked up once a release, and the registry finds them dearer than tags. */
  readonly referrerLimits: BudgetLimits
  readonly concurrency: number
  /** While the registry has asked us to wait, whoever would wait longer is sent away with the time to come back. */
  readonly longestPauseMs: number
  /** The same for those in line for our own budget: a large scan stands there, and had better be let finish. */
  readonly longestLineMs: number
  readonly clock?: GateClock
}

export interface GateClock {
  /** Monotonic milliseconds. */
  now(): number
  sleep(ms: number, signal: AbortSignal): Promise<void>
  random(): number
}

export type RequestClass = 'read' | 'referrers'

const systemClock: GateClock = {
  now: () => performance.now(),
  sleep: (ms, signal) =>
    delay(ms, undefined, { signal }).catch((error: unknown) => {
      signal.throwIfAborted()
      throw error
    }),
  random: Math.random,
}

/**
 * The one way out to a registry, shared by all its repositories: so many requests a minute, so many at once, and none
 * at all while the registry has asked us to wait.
 */
export class RequestGate {
  readonly #options: GateOptions
  readonly #clock: GateClock
  readonly #reads: Lane
  readonly #referrers: Lane
  readonly #free: Array<() => void> = []
  #underWay = 0
  #pausedUntilMs = Number.NEGATIVE_INFINITY

  constructor(options: GateOptions) {
    this.#options = options
    this.#clock = options.clock ?? systemClock
    this.#reads = new Lane(options.limits)
    this.#referrers = new Lane(options.referrerLimits)
  }

  /** Resolves when a request may go out, to the function that must be called when it has ended. */
  async enter(requestClass: RequestClass, signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted()
    if (requestClass === 'referrers') await this.#takeTurn(this.#referrers, signal)
    await this.#takeTurn(this.#reads, signal)
    await this.#takePlace(signal)
    return this.#leaveOnce()
  }

  /** The registry asked us, in any answer, to wait: it means all requests. */
  pause(forMs: number): void {
    const untilMs = this.#clock.now() + forMs
    this.#pausedUntilMs = Math.max(this.#pausedUntilMs, untilMs)
    this.#reads.pauseUntil(untilMs)
    this.#referrers.pauseUntil(untilMs)
  }

  /** One waits for the budget at a time, the others in line behind it, so that none is passed over. */
  async #takeTurn(lane: Lane, signal: AbortSignal): Promise<void> {
    this.#refuseLongWait(lane.expectedWaitMs(this.#clock.now()))
    const endTurn = await lane.turn(signal)
    try {
      for (;;) {
        const waitMs = lane.spend(this.#clock.now())
        if (waitMs === 0) return
        this.#refuseLongWait(waitMs)
        await this.#clock.sleep(waitMs, signal)
      }
    } finally {
      endTurn()
    }
  }

  #refuseLongWait(waitMs: number): void {
    const { registry, longestPauseMs, longestLineMs } = this.#options
    const isPaused = this.#pausedUntilMs > this.#clock.now()
    if (waitMs <= (isPaused ? longestPauseMs : longestLineMs)) return
    // Up to a tenth later for each, so that those who were sent away don't come back together.
    const retryAfterMs = Math.ceil(waitMs * (1 + this.#clock.random() / 10))
    const why = isPaused ? 'asked us to slow down' : 'has more asked of it than its budget'
    throw new AppError({
      kind: 'retryable',
      reason: 'RegistryThrottled',
      message: `${registry} ${why}; the next request goes out in ${Math.ceil(waitMs / 1000)} s`,
      retryAfterMs,
    })
  }

  async #takePlace(signal: AbortSignal): Promise<void> {
    if (this.#underWay < this.#options.concurrency) {
      this.#underWay += 1
      return
    }
    // Whoever leaves hands its place on, so the count stays as it is.
    await new Promise<void>((resolve, reject) => {
      const abandon = () => {
        this.#free.splice(this.#free.indexOf(enter), 1)
        reject(signal.reason as Error)
      }
      const enter = () => {
        signal.removeEventListener('abort', abandon)
        resolve()
      }
      signal.addEventListener('abort', abandon, { once: true })
      this.#free.push(enter)
    })
  }

  #leaveOnce(): () => void {
    let hasLeft = false
    return () => {
      if (hasLeft) return
      hasLeft = true
      const next = this.#free.shift()
      if (next === undefined) this.#underWay -= 1
      else next()
    }
  }
}

/** One budget and the line of those who wait for it. */
class Lane {
  readonly #limits: BudgetLimits
  #budget: RequestBudget = fullBudget
  #last: Promise<void> = Promise.resolve()
  #waiting = 0

  constructor(limits: BudgetLimits) {
    this.#limits = limits
  }

  /** Resolves when all who came before have had their turn, to the function that ends this one's. */
  async turn(signal: AbortSignal): Promise<() => void> {
    const before = this.#last
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#last = promise
    this.#waiting += 1
    const end = () => {
      this.#waiting -= 1
      resolve()
    }
    try {
      await abortable(before, signal)
    } catch (error) {
      // Those behind still wait for those before.
      void before.then(end)
      throw error
    }
    return end
  }

  /** Zero where a request was granted, else how long until one can be. */
  spend(nowMs: number): number {
    const step = spend(this.#budget, this.#limits, nowMs)
    if (step.kind === 'wait') return step.waitMs
    this.#budget = step.budget
    return 0
  }

  expectedWaitMs(nowMs: number): number {
    const step = spend(this.#budget, this.#limits, nowMs)
    const ownMs = step.kind === 'wait' ? step.waitMs : 0
    return ownMs + (this.#waiting * 60_000) / this.#limits.perMinute
  }

  pauseUntil(untilMs: number): void {
    this.#budget = pauseUntil(this.#budget, this.#limits, untilMs)
  }
}
