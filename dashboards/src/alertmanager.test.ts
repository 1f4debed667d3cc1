/** What amtool can not say of the values: see alertmanager.e2e.ts for what it can. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { parse } from 'yaml'

interface Inhibition {
  readonly source_matchers: readonly string[]
  readonly target_matchers: readonly string[]
}

interface Values {
  readonly [component: string]: { readonly enabled?: boolean }
  readonly alertmanager: {
    readonly enabled?: boolean
    readonly alertmanagerSpec: { readonly storage?: object }
    readonly config: {
      readonly route: { readonly group_by: readonly string[] }
      readonly inhibit_rules: readonly Inhibition[]
    }
  }
}

const values = parse(
  readFileSync(join(import.meta.dirname, '..', 'kube-prometheus-stack', 'values.yaml'), 'utf8'),
) as Values
const { alertmanagerSpec, config } = values.alertmanager

t.test('nobody is woken for parts of Kubernetes that AKS keeps to itself', async (t) => {
  for (const part of ['kubeControllerManager', 'kubeScheduler', 'kubeEtcd', 'kubeProxy']) {
    t.equal(values[part]?.enabled, false, part)
  }
})

t.test('one cause is one mail, however many Deliveries it holds up', async (t) => {
  t.same(
    config.route.group_by.filter((label) => label.startsWith('delivery')),
    [],
  )
})

t.test('what the chart inhibits by itself is inhibited still', async (t) => {
  const pairs = config.inhibit_rules.map(({ source_matchers: [source], target_matchers: [target] }) => [source, target])
  for (const pair of [
    ['severity = "critical"', 'severity =~ "warning|info"'],
    ['severity = "warning"', 'severity = "info"'],
    ['alertname = "InfoInhibitor"', 'severity = "info"'],
  ]) {
    t.ok(
      pairs.some((one) => one.join() === pair.join()),
      pair.join(' mutes '),
    )
  }
})

t.test('silences outlive the pod that keeps them', async (t) => {
  t.ok(alertmanagerSpec.storage)
})
