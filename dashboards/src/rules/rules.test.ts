import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { parse } from 'yaml'
import { allExpressions } from '../promql/expressions.ts'
import { selectorsOf } from '../promql/selectors.ts'
import { reconcilerJob } from '../promql/vocabulary.ts'
import { mostRules } from './azure.ts'
import { predictorCases } from './cases/predictor.ts'
import { reconcilerCases } from './cases/reconciler.ts'
import { alertRules, annotationsOf, labelsOf, ruleGroups } from './rule-groups.ts'

const alertCases = [...predictorCases, ...reconcilerCases]
const folder = join(import.meta.dirname, '..', '..')

t.test('every expression of a rule is PromQL that reads something', async (t) => {
  for (const { origin, expr } of allExpressions().filter(({ kind }) => kind !== 'dashboard')) {
    t.ok(selectorsOf(expr).length > 0, origin)
  }
})

t.test('every alert has a case in which it fires and one in which it does not, and no case is of none', async (t) => {
  const alerts = new Set(alertRules.map(({ alert }) => alert))
  t.equal(alerts.size, alertRules.length, 'names are unique')
  for (const alert of alerts) {
    const cases = alertCases.filter((one) => one.alert === alert)
    t.ok(
      cases.some(({ fires }) => fires.length > 0),
      `${alert} fires`,
    )
    t.ok(
      cases.some(({ fires }) => fires.length === 0),
      `${alert} does not`,
    )
  }
  t.same(
    alertCases.filter(({ alert }) => !alerts.has(alert)),
    [],
  )
})

t.test('replicas are told apart by job, so that one that is scraped twice is counted once', async (t) => {
  const asked = allExpressions().flatMap(({ origin, expr }) =>
    selectorsOf(expr).flatMap(({ metric, text }) => (metric === 'windlass_leader' ? [{ origin, text }] : [])),
  )
  t.ok(asked.some(({ origin }) => origin === 'WindlassNoLeader'))
  for (const { origin, text } of asked) t.match(text, reconcilerJob, origin)
})

t.test('no alert on a Delivery ends in the moment in which no replica leads', async (t) => {
  const gauges = allExpressions()
    .filter(({ kind }) => kind === 'alert')
    .flatMap(({ origin, expr }) => selectorsOf(expr).map((selector) => ({ origin, ...selector })))
    .filter(({ metric }) => /^windlass_(?:delivery_|next_poll_)/.test(metric ?? ''))
  t.ok(gauges.length > 5)
  for (const { origin, text, range } of gauges) t.equal(range, '2m', `${origin}: ${text}`)
})

t.test('what is recorded is recorded once, by name of level, metric and operation', async (t) => {
  const names = ruleGroups.flatMap(({ recording }) => recording.map(({ record }) => record))
  t.same(names, [...new Set(names)])
  for (const name of names) t.match(name, /^(namespace|delivery):[a-z_]+:[a-z0-9_]+$/)
})

t.test('the operator, a file and Azure are given the same rules, to the last word', async (t) => {
  const template = JSON.parse(read('azure/prometheus-rule-groups.json')) as AzureTemplate
  const azure = template.resources.flatMap(({ properties }) =>
    properties.rules.map(({ record, alert, expression, for: duration, severity, labels, annotations, enabled }) => {
      const name = record ?? alert ?? ''
      t.ok(enabled, name)
      t.equal(severity, alert && (labels?.['severity'] === 'critical' ? 0 : 2), name)
      const minutes = Number(/^PT(\d+)M$/.exec(duration ?? '')?.[1] ?? 0)
      return { name, expr: expression, forS: minutes * 60, labels, annotations }
    }),
  )
  const plain = ['predictor', 'windlass'].flatMap((name) => {
    const file = parse(read(`rules/${name}.rules.yaml`)) as RuleFile
    const { spec } = parse(read(`kubernetes/prometheusrule-${name}.yaml`)) as { readonly spec: RuleFile }
    t.same(spec, file)
    return file.groups.flatMap(({ rules }) =>
      rules.map(({ record, alert, expr, for: duration, labels, annotations }) => {
        const forS = Number(/^(\d+)s$/.exec(duration ?? '')?.[1] ?? 0)
        return { name: record ?? alert ?? '', expr, forS, labels, annotations }
      }),
    )
  })
  t.same(azure, plain)
  const wanted = ruleGroups.flatMap((group) => [
    ...group.recording.map(({ record, expr }) => ({ name: record, expr, forS: 0 })),
    ...group.alerts.map((rule) => {
      const { alert, expr, forS } = rule
      return { name: alert, expr, forS, labels: labelsOf(rule, group), annotations: annotationsOf(rule) }
    }),
  ])
  t.match(plain, wanted)
  t.equal(plain.length, wanted.length)
})

t.test('Azure takes the groups: their size, their times, and texts that are no ARM expression', async (t) => {
  const { resources } = JSON.parse(read('azure/prometheus-rule-groups.json')) as AzureTemplate
  for (const { name, properties } of resources) {
    t.match(name, /^[^:@/#{}%&+*<>?]+$/)
    t.ok(properties.rules.length > 0 && properties.rules.length <= mostRules, name)
    t.equal(properties.interval, 'PT1M')
    for (const { alert, for: duration = 'PT1M', expression, annotations = {} } of properties.rules) {
      t.match(duration, /^PT[1-9]\d*M$/, `${alert} waits whole minutes, as rules are looked at each minute`)
      for (const text of [expression, ...Object.values(annotations)]) t.notMatch(text, /^\[/)
    }
  }
})

interface RuleText {
  readonly record?: string
  readonly alert?: string
  readonly for?: string
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
}

interface RuleFile {
  readonly groups: ReadonlyArray<{
    readonly rules: ReadonlyArray<RuleText & { readonly expr: string }>
  }>
}

interface AzureTemplate {
  readonly resources: ReadonlyArray<{
    readonly name: string
    readonly properties: {
      readonly interval: string
      readonly rules: ReadonlyArray<
        RuleText & { readonly expression: string; readonly enabled: boolean; readonly severity?: number }
      >
    }
  }>
}

function read(path: string): string {
  return readFileSync(join(folder, path), 'utf8')
}
