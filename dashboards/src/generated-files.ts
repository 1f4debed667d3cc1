/** What `npm run generate` makes of these sources. */
import { predictorDashboard } from './grafana/predictor.ts'
import { reconcilerDashboard } from './grafana/reconciler.ts'
import { azureTemplate } from './rules/azure.ts'
import { predictorGroups } from './rules/predictor.ts'
import { prometheusRule, ruleFile } from './rules/prometheus.ts'
import { reconcilerGroups } from './rules/reconciler.ts'
import { ruleGroups } from './rules/rule-groups.ts'

export interface GeneratedFile {
  /** From the root of the repository; its ending says how it is written. */
  readonly path: string
  readonly source: string
  readonly object: unknown
}

export const generatedFiles: readonly GeneratedFile[] = [
  {
    path: 'dashboards/grafana/predictor.json',
    source: 'dashboards/src/grafana/predictor.ts',
    object: predictorDashboard(),
  },
  {
    path: 'dashboards/grafana/windlass.json',
    source: 'dashboards/src/grafana/reconciler.ts',
    object: reconcilerDashboard(),
  },
  ...rulesOf('predictor', 'dashboards/src/rules/predictor.ts', predictorGroups),
  ...rulesOf('windlass', 'dashboards/src/rules/reconciler.ts', reconcilerGroups),
  {
    path: 'dashboards/azure/prometheus-rule-groups.json',
    source: 'dashboards/src/rules',
    object: azureTemplate(ruleGroups),
  },
]

function rulesOf(name: string, source: string, groups: typeof ruleGroups): readonly GeneratedFile[] {
  return [
    { path: `dashboards/rules/${name}.rules.yaml`, source, object: ruleFile(groups) },
    {
      path: `dashboards/kubernetes/prometheusrule-${name}.yaml`,
      source,
      object: prometheusRule(name, groups),
    },
  ]
}
