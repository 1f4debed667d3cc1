/** The rule files as they are shipped, under Prometheus' own promtool. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { stringify } from 'yaml'
import { ensurePackages } from '../../../bootstrap/local/debian.ts'
import { run } from '../../../bootstrap/local/run.ts'
import type { AlertCase } from './cases/alert-case.ts'
import { predictorCases } from './cases/predictor.ts'
import { reconcilerCases } from './cases/reconciler.ts'
import { annotationsOf, labelsOf, ruleGroups } from './rule-groups.ts'

const fileOf = (name: string) => join(import.meta.dirname, '..', '..', 'rules', `${name}.rules.yaml`)
const files = { predictor: fileOf('predictor'), reconciler: fileOf('windlass') } as const

const alertCases = [...predictorCases, ...reconcilerCases]

t.before(() => ensurePackages(['prometheus']))

t.test('Prometheus takes the rules, and its linter finds nothing', async (t) => {
  const { stdout } = await run('promtool', ['check', 'rules', '--lint=all', '--lint-fatal', ...Object.values(files)])
  t.equal(stdout.match(/SUCCESS: \d+ rules found/g)?.length, Object.keys(files).length, stdout)
})

for (const one of alertCases) {
  const { alert, says, fires } = one
  t.test(`${alert} ${fires.length > 0 ? 'fires' : 'does not fire'}: ${says}`, async (t) => {
    const file = join(t.testdir(), 'case.yaml')
    await writeFile(file, stringify(testFile(one)))
    const { stdout } = await run('promtool', ['test', 'rules', file])
    t.match(stdout, 'SUCCESS')
  })
}

t.test('a case that is not so fails', async (t) => {
  const [fires, quiet] = [
    alertCases.find((one) => one.fires.length > 0),
    alertCases.find((one) => one.fires.length === 0),
  ]
  if (fires === undefined || quiet === undefined) throw new Error('there are cases of both')
  const file = join(t.testdir(), 'case.yaml')
  for (const wrong of [
    { ...fires, fires: [] },
    { ...quiet, fires: fires.fires },
  ]) {
    await writeFile(file, stringify(testFile(wrong)))
    await t.rejects(run('promtool', ['test', 'rules', file]), /FAILED/)
  }
})

/** https://prometheus.io/docs/prometheus/latest/configuration/unit_testing_rules/ */
function testFile({ alert, series, at, fires, everyMinutes = 1 }: AlertCase): object {
  const group = ruleGroups.find(({ alerts }) => alerts.some((rule) => rule.alert === alert))
  const rule = group?.alerts.find((candidate) => candidate.alert === alert)
  if (group === undefined || rule === undefined) throw new Error(`no rule is named ${alert}`)
  return {
    rule_files: [files[group.component]],
    evaluation_interval: `${everyMinutes}m`,
    tests: [
      {
        interval: `${everyMinutes}m`,
        input_series: Object.entries(series).map(([name, values]) => ({ series: name, values })),
        alert_rule_test: [
          {
            eval_time: at,
            alertname: alert,
            exp_alerts: fires.map(({ labels, ...annotations }) => ({
              exp_labels: { ...labelsOf(rule, group), ...labels },
              exp_annotations: { ...annotationsOf(rule), ...annotations },
            })),
          },
        ],
      },
    ],
  }
}
