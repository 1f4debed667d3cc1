// `node offered-load.ts URL RATE SECONDS`: POSTs at a fixed rate, whatever the server makes of it. Each is timed from when
// it was due, not from when it could be sent, so that a server that stalls is charged for all that waited.
import { Pool } from 'undici'

export interface OfferedFigures {
  readonly answered: number
  readonly p50Ms: number
  readonly p99Ms: number
}

/** The value that so great a share of all is not above. Throws where there is none. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  const found = sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)]
  if (found === undefined) throw new Error('nothing was measured')
  return found
}

async function offer(url: string, rate: number, seconds: number): Promise<OfferedFigures> {
  const { origin, pathname, search } = new URL(url)
  const pool = new Pool(origin, { connections: 32, pipelining: 1 })
  const latencies: number[] = []
  const startedAt = performance.now()
  const ask = async (dueAt: number): Promise<void> => {
    const { statusCode, body } = await pool.request({ method: 'POST', path: `${pathname}${search}` })
    await body.dump()
    if (statusCode !== 200) throw new Error(`${url} answered ${statusCode}`)
    latencies.push(performance.now() - dueAt)
  }
  const all: Promise<void>[] = []
  while (all.length < rate * seconds) {
    const dueAt = startedAt + (all.length * 1_000) / rate
    if (dueAt <= performance.now()) all.push(ask(dueAt))
    else await new Promise(setImmediate)
  }
  await Promise.all(all)
  await pool.close()
  return { answered: latencies.length, p50Ms: quantile(latencies, 0.5), p99Ms: quantile(latencies, 0.99) }
}

if (import.meta.main) {
  const [url = '', rate, seconds] = process.argv.slice(2)
  console.log(JSON.stringify(await offer(url, Number(rate), Number(seconds))))
}
