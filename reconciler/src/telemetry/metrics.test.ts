import t from 'tap'
import { deliveryStates, measureDelivery } from '../core/delivery-measures.ts'
import { spec } from '../core/test-builders.ts'
import { createMetrics } from './metrics.ts'

const web = { namespace: 'team', name: 'web' }
const state = { ...measureDelivery({ metadata: {}, spec: spec() }), state: 'ready', isReady: true } as const

t.test('what is counted by result is zero from the start', async (t) => {
  const body = await exposed(createMetrics())

  t.match(body, 'windlass_reconciles_total{result="bug"} 0')
  t.match(body, 'windlass_watch_restarts_total{cause="stalled"} 0')
  t.match(body, 'windlass_bugs_total 0')
  t.match(body, 'windlass_leader 0')
})

t.test('of each registry the limit is told, and what is counted is zero from the start', async (t) => {
  const body = await exposed(createMetrics({ registries: ['contoso.azurecr.io'], requestsPerMinute: 120 }))

  t.match(body, 'windlass_polls_total{registry="contoso.azurecr.io",result="failed"} 0')
  t.match(body, 'windlass_registry_request_limit_per_second{registry="contoso.azurecr.io"} 2')
  for (const result of ['2xx', '5xx', 'timeout']) {
    t.match(body, `windlass_registry_requests_total{registry="contoso.azurecr.io",result="${result}"} 0`)
  }
})

t.test('the series of a Delivery begin at zero', async (t) => {
  const metrics = createMetrics()

  metrics.describe(web, state)

  const body = await exposed(metrics)
  t.match(
    body,
    'windlass_delivery_info{delivery_namespace="team",delivery="web",repository="contoso.azurecr.io/web"} 1',
  )
  t.match(body, 'windlass_delivery_ready{delivery_namespace="team",delivery="web"} 1')
  t.match(body, 'windlass_delivery_stalled{delivery_namespace="team",delivery="web"} 0')
  t.match(body, 'windlass_rollouts_total{delivery_namespace="team",delivery="web",outcome="failed"} 0')
  t.match(body, 'windlass_push_to_ready_seconds_bucket{le="+Inf",delivery_namespace="team",delivery="web"} 0')
  t.match(body, 'windlass_push_to_ready_seconds_count{delivery_namespace="team",delivery="web"} 0')
  t.match(body, 'windlass_delivery_paused_since_timestamp_seconds{delivery_namespace="team",delivery="web"} 0')
})

t.test('a Delivery is in one state of all', async (t) => {
  const metrics = createMetrics()
  metrics.describe(web, state)

  metrics.describe(web, { ...state, state: 'rolledBack' })

  const lines = (await exposed(metrics)).split('\n').filter((line) => line.startsWith('windlass_delivery_state{'))
  t.same(
    lines,
    deliveryStates.map(
      (name) =>
        `windlass_delivery_state{delivery_namespace="team",delivery="web",state="${name}"} ${Number(name === 'rolledBack')}`,
    ),
  )
})

t.test('a count is not set back by describing the Delivery again', async (t) => {
  const metrics = createMetrics()
  metrics.describe(web, state)
  metrics.rolloutEnded(web, 'ready')
  metrics.pushToReady(web, 4_000)

  metrics.describe(web, { ...state, isReady: false })

  const body = await exposed(metrics)
  t.match(body, 'windlass_rollouts_total{delivery_namespace="team",delivery="web",outcome="ready"} 1')
  t.match(body, 'windlass_push_to_ready_seconds_sum{delivery_namespace="team",delivery="web"} 4')
  t.match(body, 'windlass_delivery_ready{delivery_namespace="team",delivery="web"} 0')
})

t.test('another repository takes the place of the one before', async (t) => {
  const metrics = createMetrics()
  metrics.describe(web, state)

  metrics.describe(web, { ...state, repository: 'fabrikam.azurecr.io/web' })

  const infos = (await exposed(metrics)).split('\n').filter((line) => line.startsWith('windlass_delivery_info{'))
  t.same(infos, [
    'windlass_delivery_info{delivery_namespace="team",delivery="web",repository="fabrikam.azurecr.io/web"} 1',
  ])
})

t.test('who paused it is told while it is paused, in the words of now', async (t) => {
  const metrics = createMetrics()
  const infos = async () =>
    (await exposed(metrics)).split('\n').filter((line) => line.startsWith('windlass_delivery_pause_info{'))
  const info = (message: string) =>
    `windlass_delivery_pause_info{delivery_namespace="team",delivery="web",message="${message}"} 1`

  metrics.describe(web, { ...state, pause: 'the Delivery is paused by anna' })
  t.same(await infos(), [info('the Delivery is paused by anna')])
  metrics.describe(web, { ...state, pause: 'the Delivery is paused by "ben"' })
  t.same(await infos(), [info('the Delivery is paused by \\"ben\\"')])
  metrics.describe(web, state)
  t.same(await infos(), [])
})

t.test('nothing is left of a Delivery that is forgotten, and others stay', async (t) => {
  const metrics = createMetrics()
  const api = { namespace: 'team', name: 'api' }
  for (const delivery of [web, api]) {
    metrics.describe(delivery, { ...state, pause: 'the Delivery is paused' })
    metrics.rolloutEnded(delivery, 'ready')
    metrics.pushToReady(delivery, 12_000)
    metrics.pollSucceeded(delivery, 1_767_323_045_000)
    metrics.nextPollAt(delivery, 1_767_323_075_000)
    metrics.driftCorrected(delivery, 2)
  }

  metrics.forget(web)

  const body = await exposed(metrics)
  t.notMatch(body, /delivery="web"/)
  t.match(body, 'windlass_push_to_ready_seconds_bucket{le="20",delivery_namespace="team",delivery="api"} 1')
  t.match(body, 'windlass_last_good_poll_timestamp_seconds{delivery_namespace="team",delivery="api"} 1767323045')
  t.match(body, 'windlass_next_poll_timestamp_seconds{delivery_namespace="team",delivery="api"} 1767323075')
})

t.test('every metric of ours has the prefix, base units, and _total on counters only', async (t) => {
  const types = [...(await exposed(createMetrics())).matchAll(/^# TYPE (windlass_\S+) (\S+)$/gm)]

  t.ok(types.length > 10)
  for (const [, name = '', type] of types) {
    t.equal(name.endsWith('_total'), type === 'counter', name)
    t.notMatch(name, /_(ms|milliseconds|minutes|count)$/)
  }
})

async function exposed(metrics: ReturnType<typeof createMetrics>): Promise<string> {
  return (await metrics.expose()).body
}
