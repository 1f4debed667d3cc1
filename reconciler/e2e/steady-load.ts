/** Requests through the Ingress that come at a fixed rate, whatever became of those before them, and what was answered. */
import type { Test } from 'tap'
import { Agent, Pool, type Dispatcher } from 'undici'

export interface LoadTarget {
  readonly url: string
  /** The Ingress goes by it. */
  readonly host: string
}

export interface LoadOptions extends LoadTarget {
  readonly keptPerSecond: number
  readonly newPerSecond: number
  /** It ends by itself then. */
  readonly mostMs: number
}

export interface LoadCounts {
  /** On connections that are kept, and on one of its own each. */
  readonly kept: number
  readonly fresh: number
  /** What was no 200 with the right answer, in the words of the client. */
  readonly failures: readonly string[]
  /** Answers by the revision that gave them. */
  readonly revisions: ReadonlyMap<string, number>
}

export interface SteadyLoad {
  /** Waits for the answers that are still to come. */
  stop(): Promise<LoadCounts>
}

const tickMs = 20
const patienceMs = 15_000

/** It ends with the test, too. */
export function startSteadyLoad(t: Test, options: LoadOptions): SteadyLoad {
  const bounds = { headersTimeout: patienceMs, bodyTimeout: patienceMs, connect: { timeout: patienceMs } }
  const kept = new Pool(options.url, { ...bounds, connections: 8, pipelining: 1 })
  const fresh = new Agent({ ...bounds, pipelining: 0 })
  const counts = { kept: 0, fresh: 0, failures: [] as string[], revisions: new Map<string, number>() }
  const underWay = new Set<Promise<void>>()
  const startedAt = performance.now()

  // Late ticks send what they owe: the rate is that of the clock.
  const timer = setInterval(() => {
    const seconds = (performance.now() - startedAt) / 1_000
    if (seconds * 1_000 > options.mostMs) clearInterval(timer)
    while (counts.kept < seconds * options.keptPerSecond) send(kept, false, (counts.kept += 1))
    while (counts.fresh < seconds * options.newPerSecond) send(fresh, true, (counts.fresh += 1))
  }, tickMs)

  function send(dispatcher: Dispatcher, reset: boolean, number: number): void {
    const asking = count(dispatcher, reset, number)
    underWay.add(asking)
    void asking.finally(() => underWay.delete(asking))
  }

  async function count(dispatcher: Dispatcher, reset: boolean, number: number): Promise<void> {
    try {
      const revision = await ask(dispatcher, options, { reset, isPost: number % 2 === 0 })
      if (revision !== undefined) counts.revisions.set(revision, (counts.revisions.get(revision) ?? 0) + 1)
    } catch (error) {
      const at = Math.round(performance.now() - startedAt)
      counts.failures.push(`${reset ? 'new' : 'kept'} connection, after ${at} ms: ${String(error)}`)
    }
  }

  async function end(): Promise<LoadCounts> {
    clearInterval(timer)
    await Promise.all(underWay)
    await Promise.all([kept.close(), fresh.close()])
    return counts
  }

  let ended: Promise<LoadCounts> | undefined
  const stop = () => (ended ??= end())
  t.teardown(stop)
  return { stop }
}

/** A POST may not be sent again by anyone on the way, so that nothing hides that it was lost. Answers the revision. */
async function ask(
  dispatcher: Dispatcher,
  { url, host }: LoadTarget,
  { reset, isPost }: { readonly reset: boolean; readonly isPost: boolean },
): Promise<string | undefined> {
  const asked = isPost
    ? ({ method: 'POST', path: '/predict?symbol=BTC' } as const)
    : ({ method: 'GET', path: '/version' } as const)
  const { statusCode, body } = await dispatcher.request({ origin: url, ...asked, headers: { host }, reset })
  const text = await body.text()
  if (statusCode !== 200) throw new Error(`${asked.method} ${asked.path}: ${statusCode} ${text}`)
  const answer = JSON.parse(text) as { readonly revision?: string; readonly symbol?: string }
  if (isPost && answer.symbol !== 'BTC') throw new Error(`${asked.method} ${asked.path}: ${text}`)
  return answer.revision
}
