import { setImmediate as nextTurn } from 'node:timers/promises'
import t from 'tap'
import { readConfig } from '../config.ts'
import { openApp } from '../testing.ts'

t.test('a late event loop refuses work, still answers probes, and recovers', async (t) => {
  const app = await openApp(t, { config: readConfig({ PREDICTOR_MAX_EVENT_LOOP_DELAY_MS: '20' }) })
  const quote = () => app.inject('/quote?symbol=BTC')
  t.equal((await quote()).statusCode, 200)

  const refused = await until(async () => {
    block(100)
    const answer = await quote()
    return answer.statusCode === 503 ? answer : undefined
  })
  t.match(refused.json(), { detail: { error: 'overloaded' } })
  t.equal(refused.headers['retry-after'], '1')
  for (const url of ['/livez', '/readyz', '/metrics']) t.equal((await app.inject(url)).statusCode, 200, url)

  t.ok(await until(async () => (await quote()).statusCode === 200 || undefined))
})

t.test('a limit of 0 never refuses', async (t) => {
  const app = await openApp(t, { config: readConfig({ PREDICTOR_MAX_EVENT_LOOP_DELAY_MS: '0' }) })
  const end = performance.now() + 1_500
  const statuses = new Set<number>()
  while (performance.now() < end) {
    block(100)
    await nextTurn()
    statuses.add((await app.inject('/quote?symbol=BTC')).statusCode)
  }
  t.same([...statuses], [200])
})

function block(forMs: number): void {
  const end = performance.now() + forMs
  while (performance.now() < end);
}

async function until<T>(look: () => Promise<T | undefined>): Promise<T> {
  const deadline = performance.now() + 15_000
  while (performance.now() < deadline) {
    const found = await look()
    if (found !== undefined) return found
    await nextTurn()
  }
  throw new Error('it did not happen within 15 s')
}
