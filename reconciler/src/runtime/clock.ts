import { setTimeout as sleep } from 'node:timers/promises'

/** Time as a port, so that the loop can be tested without waiting. */
export interface Clock {
  /** Wall clock, epoch milliseconds: what is written into status and compared across processes. */
  nowMs(): number
  /** Never steps; for durations and for how long ago something was. */
  monotonicMs(): number
  /** Rejects with the signal's reason when it aborts first. */
  sleep(ms: number, signal: AbortSignal): Promise<void>
  /** Calls back once, unless cancelled by the function it answers. */
  after(ms: number, callback: () => void): () => void
}

// setTimeout fires at once when told to wait longer than this.
const maxTimerMs = 2 ** 31 - 1

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  async sleep(ms, signal) {
    signal.throwIfAborted()
    await sleep(Math.min(ms, maxTimerMs), undefined, { signal }).catch((error: unknown) => {
      throw signal.aborted ? signal.reason : error
    })
  },
  after(ms, callback) {
    const timer = setTimeout(callback, Math.min(ms, maxTimerMs))
    return () => clearTimeout(timer)
  },
}
