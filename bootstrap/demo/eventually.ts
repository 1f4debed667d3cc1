import { setTimeout as sleep } from 'node:timers/promises'
import { notOk, type CheckOptions, type Verdict } from './step.ts'

const pauseMs = 100

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
  try {
    return await look(AbortSignal.any([signal, AbortSignal.timeout(10_000)]))
  } catch (error) {
    return notOk(describe(error))
  }
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message
}
