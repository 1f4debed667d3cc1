import { setTimeout as sleep } from 'node:timers/promises'

export interface WaitOptions {
  readonly timeoutMs: number
  readonly everyMs?: number
  readonly signal?: AbortSignal
}

/**
 * Calls `check` until it answers something other than undefined, and returns that. `check` throws to give up early;
 * when the time is over, `describe` says what was waited for and how it stands.
 */
export async function waitFor<T>(
  check: () => Promise<T | undefined>,
  describe: () => string | Promise<string>,
  options: WaitOptions,
): Promise<T> {
  const deadline = performance.now() + options.timeoutMs
  for (;;) {
    options.signal?.throwIfAborted()
    const answer = await check()
    if (answer !== undefined) return answer
    if (performance.now() > deadline) {
      throw new Error(`gave up after ${Math.round(options.timeoutMs / 1000)} s: ${await describe()}`)
    }
    // The sleep's own AbortError would hide the reason that the caller gave.
    await sleep(options.everyMs ?? 100, undefined, options.signal && { signal: options.signal }).catch((error) => {
      options.signal?.throwIfAborted()
      throw error
    })
  }
}
