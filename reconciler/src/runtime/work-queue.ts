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
  readonly #waiting = new Set<string>()
  readonly #running = new Set<string>()
  /** How many of each group run. */
  readonly #places = new Map<string, number>()
  readonly #dirty = new Set<string>()
  readonly #delayed = new Map<string, { readonly dueMs: number; readonly cancel: () => void }>()
  #pump: () => void = () => {}

  constructor({ clock, concurrency, groupOf = () => '', onDepth = () => {} }: WorkQueueOptions) {
    this.#clock = clock
    this.#concurrency = concurrency
    this.#groupOf = groupOf
    this.#onDepth = onDepth
  }

  get depth(): number {
    return this.#waiting.size
  }

  add(key: string): void {
    if (this.#running.has(key)) {
      this.#dirty.add(key)
      return
    }
    this.#waiting.add(key)
    this.#onDepth(this.depth)
    this.#pump()
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

    this.#pump = () => {
      for (const key of this.#waiting) {
        if (signal.aborted) return
        if (this.#placesOf(key) >= this.#concurrency) continue
        this.#take(key)
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
    this.#pump()

    try {
      await Promise.race([ended.promise, failed.promise])
    } finally {
      this.#pump = () => {}
      this.#clear()
      await Promise.all(running)
      this.#clear()
    }
  }

  #take(key: string): void {
    this.#waiting.delete(key)
    this.#running.add(key)
    this.#places.set(this.#groupOf(key), this.#placesOf(key) + 1)
    this.#delayed.get(key)?.cancel()
    this.#delayed.delete(key)
    this.#onDepth(this.depth)
  }

  #release(key: string): void {
    this.#running.delete(key)
    const left = this.#placesOf(key) - 1
    if (left > 0) this.#places.set(this.#groupOf(key), left)
    else this.#places.delete(this.#groupOf(key))
    if (this.#dirty.delete(key)) this.add(key)
    else this.#pump()
  }

  #placesOf(key: string): number {
    return this.#places.get(this.#groupOf(key)) ?? 0
  }

  #clear(): void {
    this.#waiting.clear()
    this.#dirty.clear()
    for (const { cancel } of this.#delayed.values()) cancel()
    this.#delayed.clear()
    this.#onDepth(0)
  }
}
