/** Rules as Prometheus reads them, from a file or from the operator's resource. */
import { annotationsOf, labelsOf } from './rule-groups.ts'
import type { AlertRule, RuleGroup } from './rule.ts'

/** https://prometheus.io/docs/prometheus/latest/configuration/recording_rules/ */
export function ruleFile(groups: readonly RuleGroup[]): object {
  return {
    groups: groups.map((group) => ({
      name: group.name,
      rules: [...group.recording, ...group.alerts.map((alert) => alertRule(alert, group))],
    })),
  }
}

/** `monitoring.coreos.com/v1`; kube-prometheus-stack selects by the label `release` where it is not told otherwise. */
export function prometheusRule(name: string, groups: readonly RuleGroup[]): object {
  return {
    apiVersion: 'monitoring.coreos.com/v1',
    kind: 'PrometheusRule',
    metadata: {
      name,
      namespace: 'monitoring',
      labels: { 'app.kubernetes.io/name': name, 'app.kubernetes.io/part-of': name, release: 'kube-prometheus-stack' },
    },
    spec: ruleFile(groups),
  }
}

function alertRule(rule: AlertRule, group: RuleGroup): object {
  const { alert, expr, forS } = rule
  return {
    alert,
    expr,
    ...(forS > 0 && { for: `${forS}s` }),
    labels: labelsOf(rule, group),
    annotations: annotationsOf(rule),
  }
}
