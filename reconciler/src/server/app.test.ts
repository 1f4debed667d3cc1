import t, { type Test } from 'tap'
import { createLog } from '../telemetry/log.ts'
import { createMetrics } from '../telemetry/metrics.ts'
import { buildApp, type AppOptions } from './app.ts'

t.test('a process that answers is healthy, ready or not', async (t) => {
  const { app } = setUp(t, { waitingFor: () => ['watch of deliveries'] })

  const answer = await app.inject('/healthz')

  t.equal(answer.statusCode, 200)
  t.same(answer.json(), { status: 'ok' })
})

t.test('it is ready when nothing is missing', async (t) => {
  const { app } = setUp(t)

  t.equal((await app.inject('/readyz')).statusCode, 200)
})

t.test('it is not ready while something is missing, and says what', async (t) => {
  const { app } = setUp(t, { waitingFor: () => ['watch of deliveries'] })

  const answer = await app.inject('/readyz')

  t.equal(answer.statusCode, 503)
  t.same(answer.json(), { status: 'waiting', waitingFor: ['watch of deliveries'] })
})

t.test('metrics are exposed in the format of Prometheus', async (t) => {
  const { app } = setUp(t)

  const answer = await app.inject('/metrics')

  t.equal(answer.statusCode, 200)
  t.match(answer.headers['content-type'], /^text\/plain; version=0\.0\.4/)
  t.match(answer.body, 'windlass_leader 0')
})

t.test('a failure hides its cause from whoever asks, and is logged', async (t) => {
  const { app, lines } = setUp(t, { metrics: { expose: () => Promise.reject(new Error('disk on fire')) } })

  const answer = await app.inject('/metrics')

  t.equal(answer.statusCode, 500)
  t.notMatch(answer.body, /fire/)
  t.match(lines.join(''), /disk on fire/)
})

t.test('any other path is not found', async (t) => {
  const { app } = setUp(t)

  const answer = await app.inject('/debug')

  t.equal(answer.statusCode, 404)
  t.same(answer.json(), { error: 'not found' })
})

function setUp(t: Test, options: Partial<AppOptions> = {}) {
  const lines: string[] = []
  const log = createLog({ level: 'info', destination: { write: (line) => void lines.push(line) } })
  const app = buildApp({ log, metrics: createMetrics(), waitingFor: () => [], ...options })
  t.teardown(() => app.close())
  return { app, lines }
}
