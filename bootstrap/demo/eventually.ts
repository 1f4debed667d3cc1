import { setTimeout as sleep } from 'node:timers/promises'
import { notOk, type CheckOptions, type Verdict } from './step.ts'

const pauseMs = 100
const lookTimeoutMs = 10_000

/** Looks again and again until a look is ok or the time is up, then answers the last look; a look that throws is not ok. */
export async function eventually(
  look: (signal: AbortSignal) => Promise<Verdict>,
  { timeoutMs, signal }: CheckOptions,
): Promise<Verdict> {
  const deadline = performance.now() + timeoutMs
  for (;;) {
    const verdict = await attempt(look, signal)
    signal.throwIfAborted()
    if (verdict.ok || performance.now() >= deadline) return verdict
    await sleep(pauseMs, undefined, { signal })
  }
}

async function attempt(look: (signal: AbortSignal) => Promise<Verdict>, signal: AbortSignal): Promise<Verdict> {
  const bounded = AbortSignal.any([signal, AbortSignal.timeout(lookTimeoutMs)])
  try {
    return await Promise.race([look(bounded), rejectOnAbort(bounded)])
  } catch (error) {
    return notOk(describe(error))
  }
}

/** Not every client takes a signal, and a look that never ends must not hold the story up. */
function rejectOnAbort(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const abort = (): void => reject(signal.reason instanceof Error ? signal.reason : new Error('aborted'))
    if (signal.aborted) abort()
    else signal.addEventListener('abort', abort, { once: true })
  })
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message
}
