import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { request } from 'undici'
import t from 'tap'
import { codeBlocks } from '../../bootstrap/checks/markdown.ts'
import { checkout } from '../../bootstrap/local/checkout.ts'
import { sharedPlatform } from '../../bootstrap/local/testing-platform.ts'
import { waitFor } from '../../bootstrap/local/wait.ts'
import { deployTenant, readMoved } from '../../reconciler/e2e/delivered.ts'
import { openStage } from '../../reconciler/e2e/rollout-scene.ts'
import { allExpressions, type Expression } from '../src/promql/expressions.ts'
import { oneLine } from '../src/promql/vocabulary.ts'
import { ruleGroups } from '../src/rules/rule-groups.ts'
import { release, visit } from './scene.ts'
import { unanswered } from './unanswered.ts'

t.setTimeout(600_000)
const platform = await sharedPlatform(t)
const { prometheusUrl } = platform
const cluster = openStage(t, platform)
const { admin, signal } = cluster
const shop = await deployTenant(cluster, 'dashboards', {})
t.teardown(async () => {
  const path = `/api/v1/namespaces/${shop.namespace}`
  await admin.request({ method: 'DELETE', path, what: 'delete the Namespace', signal })
})

t.test('a release, one that is gone back from, drift that is taken back, and a pause', async (t) => {
  const good = await release(platform, shop, { sequence: 1 }, signal)
  await shop.untilRuns(good)
  await release(platform, shop, { sequence: 2, logLevel: 'no-such-level' }, signal)
  const back = await shop.untilRolledBack()
  t.match(back.status, { current: { tag: good }, failed: { reason: 'CrashLooping' } })

  const settings = (await readMoved('release', shop.namespace)).find(({ kind }) => kind === 'ConfigMap')
  if (settings === undefined) throw new Error('a release holds no ConfigMap')
  await shop.edit(settings, { data: { LOG_LEVEL: 'trace' } })
  await waitFor(
    async () => JSON.stringify((await shop.read(settings))?.['data']).includes('"LOG_LEVEL":"info"') || undefined,
    () => 'what another hand changed is taken back',
    { timeoutMs: 60_000 },
  )
  await shop.patchDelivery({ metadata: { annotations: { 'windlass.dev/paused': 'true' } } })
  await shop.until('paused', ({ status }) => status?.summary?.state === 'Paused')
  t.same(new Set(await visit(platform, signal)), new Set([200, 400]), 'and it serves')
})

t.test('every selector finds series, and so does all that is drawn or recorded', async (t) => {
  const expressions = [...allExpressions(), ...(await documented('docs/metrics.md'))]
  let left = await unanswered(prometheusUrl, expressions, signal)
  // A rate lies between two scrapes with requests before both, and a recorded one is seen once the rule was looked at.
  await waitFor(
    async () => {
      await visit(platform, signal)
      left = await unanswered(prometheusUrl, expressions, signal)
      return left.length === 0 || undefined
    },
    () => `${left.length} are not answered, as ${JSON.stringify(left[0])}`,
    { timeoutMs: 120_000, everyMs: 2_000 },
  ).catch(() => undefined)
  t.same(left, [])
  t.comment(`${expressions.length} expressions were asked`)
  for (const kind of ['dashboard', 'recording', 'alert']) t.ok(expressions.some((one) => one.kind === kind))
})

t.test('what happened to it is what is told of it', async (t) => {
  const of = `{delivery_namespace="${shop.namespace}"`
  const seen = async (expr: string, text: string): Promise<void> => {
    const question: Expression = { origin: text, kind: 'recording', expr }
    const isAnswered = async () => (await unanswered(prometheusUrl, [question], signal)).length === 0 || undefined
    await t.resolves(
      waitFor(isAnswered, () => expr, { timeoutMs: 60_000, everyMs: 1_000 }),
      text,
    )
  }
  await seen(`windlass_delivery_state${of}, state="paused"} == 1`, 'it is paused')
  await seen(`time() - windlass_delivery_paused_since_timestamp_seconds${of}} < 600`, 'since a while ago')
  await seen(`windlass_delivery_quarantined_releases${of}} == 1`, 'one release is in quarantine')
  await seen(`windlass_rollbacks_total${of}, outcome="ready"} == 1`, 'one was gone back from')
  await seen(`windlass_drift_corrections_total${of}} >= 1`, 'drift was taken back')
  await seen(`windlass_push_to_ready_seconds_count${of}} == 1`, 'one release was ready')
  await seen(
    `max_over_time(windlass_delivery_state${of}, state="rollingOut"}[10m]) == 1`,
    'a rollout was seen going on',
  )
  await seen(
    `increase(predictor_prices_total{namespace="${shop.namespace}", symbol="unsupported"}[10m]) > 0`,
    'symbols',
  )
})

t.test('what nothing emits fails the check, in an alert too', async (t) => {
  const wrong = (expr: string): Expression => ({ origin: 'made up', kind: 'alert', expr })
  const problems = await unanswered(
    prometheusUrl,
    [
      'sum(rate(windlass_nobody_counts_this_total[5m])) > 0',
      'windlass_delivery_state{state="noSuchState"} == 1',
      'up{job="predictor"} == 5',
      'histogram_quantile(up, 1)',
    ].map(wrong),
    signal,
  )
  t.match(
    problems.map(({ problem }) => problem),
    [
      'count_over_time(windlass_nobody_counts_this_total[5m]) finds nothing',
      'windlass_delivery_state{state="noSuchState"} finds nothing',
      /bad_data/,
    ],
  )
  t.equal(problems.length, 3, 'an alert that does not fire is no problem')
})

t.test('Prometheus itself looks at every rule, and none fails', async (t) => {
  const { body } = await request(new URL('/api/v1/rules', prometheusUrl), { signal })
  const { data } = (await body.json()) as {
    readonly data: {
      readonly groups: ReadonlyArray<{
        readonly rules: ReadonlyArray<{ readonly name: string; readonly health: string }>
      }>
    }
  }
  const rules = data.groups.flatMap(({ rules: ofGroup }) => ofGroup)
  const wanted = ruleGroups.flatMap(({ recording, alerts }) => [
    ...recording.map(({ record }) => record),
    ...alerts.map(({ alert }) => alert),
  ])
  t.same(rules.map(({ name }) => name).toSorted(), wanted.toSorted())
  t.same(
    rules.filter(({ health }) => health !== 'ok'),
    [],
  )
})

/** The queries that a document tells people to begin with. */
async function documented(path: string): Promise<readonly Expression[]> {
  const blocks = codeBlocks(await readFile(join(checkout, path), 'utf8'), 'promql')
  t.ok(blocks.length > 0, `${blocks.length} queries in ${path}`)
  return blocks.map((block) => ({ origin: path, kind: 'alert', expr: oneLine(block) }))
}
