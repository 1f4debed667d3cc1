/** Without a cluster, by what the programs expose; that the series are really there is proved end to end. */
import { collectDefaultMetrics, Registry } from 'prom-client'
import t, { type Test } from 'tap'
import { readExposition } from '../../../bootstrap/checks/exposition.ts'
import { openApp } from '../../../predictor/src/testing.ts'
import { measureDelivery } from '../../../reconciler/src/core/delivery-measures.ts'
import { spec } from '../../../reconciler/src/core/test-builders.ts'
import { createMetrics } from '../../../reconciler/src/telemetry/metrics.ts'
import { latency, pushToReady } from '../objectives.ts'
import { ruleGroups } from '../rules/rule-groups.ts'
import { allExpressions } from './expressions.ts'
import { selectorsOf } from './selectors.ts'

t.test('dashboards and rules read only what a program exposes or a rule records', async (t) => {
  const exposed = [await reconcilerExposition(), await predictorExposition(t)].flatMap((body) =>
    [...readExposition(body).values()].flatMap(({ series, type }) =>
      type === 'summary' ? series.flatMap((name) => [name, `${name}_sum`, `${name}_count`]) : series,
    ),
  )
  const recorded = ruleGroups.flatMap(({ recording }) => recording.map(({ record }) => record))
  // Prometheus writes this one itself, of each target.
  const known = new Set(['up', ...exposed, ...recorded])
  for (const { origin, expr } of allExpressions()) {
    const strangers = selectorsOf(expr).filter(({ metric }) => metric === undefined || !known.has(metric))
    t.same(strangers, [], origin)
  }
})

t.test('times that objectives name are bounds of a bucket', async (t) => {
  t.match(await predictorExposition(t), `http_request_duration_seconds_bucket{le="${latency.withinS}",`)
  t.match(await reconcilerExposition(), `windlass_push_to_ready_seconds_bucket{le="${pushToReady.withinS}",`)
})

async function reconcilerExposition(): Promise<string> {
  const metrics = createMetrics({ registries: ['contoso.azurecr.io'] })
  metrics.describe(
    { namespace: 'shop', name: 'web' },
    { ...measureDelivery({ metadata: {}, spec: spec() }), pause: 'it is paused' },
  )
  return (await metrics.expose()).body
}

async function predictorExposition(t: Test): Promise<string> {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const app = await openApp(t, { registry })
  await app.inject('/quote?symbol=BTC')
  return registry.metrics()
}
