import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Clock } from './clock.ts'

interface Timer {
  readonly dueMs: number
  readonly callback: () => void
}

/** A clock for tests that stands still until it is told to advance. */
export class FakeClock implements Clock {
  #wallMs: number
  #elapsedMs = 0
  readonly #timers = new Set<Timer>()

  constructor(startMs = Date.UTC(2026, 0, 2, 3, 4, 5)) {
    this.#wallMs = startMs
  }

  nowMs(): number {
    return this.#wallMs
  }

  monotonicMs(): number {
    return this.#elapsedMs
  }

  async sleep(ms: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    await new Promise<void>((resolve, reject) => {
      const cancel = this.after(ms, () => {
        signal.removeEventListener('abort', onAbort)
        resolve()
      })
      const onAbort = () => {
        cancel()
        reject(signal.reason as Error)
      }
      signal.addEventListener('abort', onAbort, { once: true })
    })
  }

  after(ms: number, callback: () => void): () => void {
    const timer = { dueMs: this.#elapsedMs + Math.max(0, ms), callback }
    this.#timers.add(timer)
    return () => this.#timers.delete(timer)
  }

  /** How many timers wait: none may be left when a test ends. */
  get pending(): number {
    return this.#timers.size
  }

  /** Steps the wall clock alone, as an operator or NTP would. */
  stepWall(ms: number): void {
    this.#wallMs += ms
  }

  /** Fires what falls due in order, and lets what that sets going come to rest in between. */
  async advance(ms: number): Promise<void> {
    const endMs = this.#elapsedMs + ms
    await settle()
    for (;;) {
      const next = [...this.#timers].filter(({ dueMs }) => dueMs <= endMs).sort((a, b) => a.dueMs - b.dueMs)[0]
      if (next === undefined) break
      this.#moveTo(next.dueMs)
      this.#timers.delete(next)
      next.callback()
      await settle()
    }
    this.#moveTo(endMs)
  }

  #moveTo(elapsedMs: number): void {
    this.#wallMs += elapsedMs - this.#elapsedMs
    this.#elapsedMs = elapsedMs
  }
}

/** Lets every promise that is ready run on; ten turns are more than the longest chain of the loop's own awaits. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 10; turn += 1) await nextTurn()
}
