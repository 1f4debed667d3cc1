import type { Clock } from './clock.ts'

export interface WorkQueueOptions {
  readonly clock: Clock
  /** How many keys of one group are handled at once. */
  readonly concurrency: number
  /** Keys of one group wait for each other's places alone; without it, all are one group. */
  readonly groupOf?: (key: string) => string
  /** Told the number of keys that wait for a worker whenever it changes. */
  readonly onDepth?: (depth: number) => void
}

/** The keys of one group. */
interface Lane {
  readonly waiting: Set<string>
  readonly running: Set<string>
}

/**
 * Keys, never events: a key that waits is not added twice, a key added while it is handled is handled once more, and
 * no key is handled twice at once. A key has at most one delay, the earliest; handling it drops that, for the handler
 * looks at the world anew and says when it wants to be back.
 */
export class WorkQueue {
  readonly #clock: Clock
  readonly #concurrency: number
  readonly #groupOf: (key: string) => string
  readonly #onDepth: (depth: number) => void
  /** By group. */
  readonly #lanes = new Map<string, Lane>()
  readonly #dirty = new Set<string>()
  readonly #delayed = new Map<string, { readonly dueMs: number; readonly cancel: () => void }>()
  #pump: (lane: Lane) => void = () => {}

  constructor({ clock, concurrency, groupOf = () => '', onDepth = () => {} }: WorkQueueOptions) {
    this.#clock = clock
    this.#concurrency = concurrency
    this.#groupOf = groupOf
    this.#onDepth = onDepth
  }

  get depth(): number {
    let depth = 0
    for (const { waiting } of this.#lanes.values()) depth += waiting.size
    return depth
  }

  add(key: string): void {
    const lane = this.#laneOf(key)
    if (lane.running.has(key)) {
      this.#dirty.add(key)
      return
    }
    lane.waiting.add(key)
    this.#onDepth(this.depth)
    this.#pump(lane)
  }

  addAfter(key: string, delayMs: number): void {
    const dueMs = this.#clock.monotonicMs() + delayMs
    const earlier = this.#delayed.get(key)
    if (earlier !== undefined && earlier.dueMs <= dueMs) return

    earlier?.cancel()
    const cancel = this.#clock.after(delayMs, () => {
      this.#delayed.delete(key)
      this.add(key)
    })
    this.#delayed.set(key, { dueMs, cancel })
  }

  /**
   * Hands keys to the handler, which must not throw, until the signal aborts; then forgets what waits, and resolves
   * when what runs has ended.
   */
  async run(handle: (key: string) => Promise<void>, signal: AbortSignal): Promise<void> {
    const running = new Set<Promise<void>>()
    const failed = Promise.withResolvers<never>()
    const ended = Promise.withResolvers<void>()

    this.#pump = (lane) => {
      for (const key of lane.waiting) {
        if (signal.aborted || lane.running.size >= this.#concurrency) return
        this.#take(key, lane)
        const work = handle(key)
          .catch(failed.reject)
          .finally(() => {
            running.delete(work)
            this.#release(key)
          })
        running.add(work)
      }
    }
    signal.addEventListener('abort', () => ended.resolve(), { once: true })
    if (signal.aborted) ended.resolve()
    for (const lane of this.#lanes.values()) this.#pump(lane)

    try {
      await Promise.race([ended.promise, failed.promise])
    } finally {
      this.#pump = () => {}
      this.#clear()
      await Promise.all(running)
      this.#clear()
    }
  }

  #take(key: string, { waiting, running }: Lane): void {
    waiting.delete(key)
    running.add(key)
    this.#delayed.get(key)?.cancel()
    this.#delayed.delete(key)
    this.#onDepth(this.depth)
  }

  #release(key: string): void {
    const lane = this.#laneOf(key)
    lane.running.delete(key)
    if (this.#dirty.delete(key)) this.add(key)
    else this.#pump(lane)
    if (lane.waiting.size + lane.running.size === 0) this.#lanes.delete(this.#groupOf(key))
  }

  #laneOf(key: string): Lane {
    const group = this.#groupOf(key)
    const lane = this.#lanes.get(group) ?? { waiting: new Set(), running: new Set() }
    this.#lanes.set(group, lane)
    return lane
  }

  #clear(): void {
    for (const { waiting } of this.#lanes.values()) waiting.clear()
    this.#dirty.clear()
    for (const { cancel } of this.#delayed.values()) cancel()
    this.#delayed.clear()
    this.#onDepth(0)
  }
}
