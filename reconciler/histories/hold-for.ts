import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import type { Test } from 'tap'
import type { Drawn, Played } from './drawn-histories.ts'
import type { Weights } from './happening.ts'

/** As many as eight files need for ten thousand. */
const runs = Number(process.env['HISTORIES_RUNS'] ?? 1_250)
const seed = Number(process.env['HISTORIES_SEED'] ?? 1)

export interface Histories {
  readonly weights: Weights
  /** What status must have said in some of them, or they went nowhere. */
  readonly reasons: readonly string[]
}

/**
 * Plays drawn histories, the same in every run, so that a change is judged by what it changes; HISTORIES_SEED=N draws
 * others. What breaks an invariant is shrunk and told with its seed.
 */
export async function holdFor(t: Test, { weights, reasons }: Histories): Promise<void> {
  const { count, reasons: seen, failure } = await play({ weights, runs, seed })
  t.equal(failure, undefined, 'no invariant broke')
  if (failure !== undefined) return
  t.ok(count >= runs, `${count} histories`)
  if (runs < 1_000) return
  t.same(
    reasons.filter((reason) => !seen.has(reason)),
    [],
    'each of these was met',
  )
}

async function play(drawn: Drawn): Promise<Played> {
  // What tap has each program load is left out.
  const env = { ...process.env, NODE_OPTIONS: '' }
  const worker = new Worker(new URL('drawn-histories.ts', import.meta.url), { workerData: drawn, execArgv: [], env })
  // Either rejects where the worker throws.
  const ended = once(worker, 'exit').then(([code]) => {
    throw new Error(`the worker ended with ${code} and said nothing`)
  })
  try {
    const [played] = (await Promise.race([once(worker, 'message'), ended])) as [Played]
    return played
  } finally {
    ended.catch(() => {})
    await worker.terminate()
  }
}
