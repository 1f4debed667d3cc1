/**
 * Rules for Azure Monitor's managed Prometheus, which reads no PrometheusRule: an ARM template of rule groups.
 * https://learn.microsoft.com/azure/templates/microsoft.alertsmanagement/prometheusrulegroups
 */
import { annotationsOf, labelsOf } from './rule-groups.ts'
import type { AlertRule, RuleGroup, Severity } from './rule.ts'

/** What a rule group is to Azure. */
export const ruleGroupType = 'Microsoft.AlertsManagement/prometheusRuleGroups'
/** Of each group: its value changes with any rule or parameter. */
export const revisionTag = 'windlass-rules'

/** Of one group, https://learn.microsoft.com/azure/azure-monitor/service-limits */
export const mostRules = 20

/** Azure's own scale: 0 is critical, 2 a warning. */
const severities: Readonly<Record<Severity, number>> = { critical: 0, warning: 2 }

export function azureTemplate(groups: readonly RuleGroup[]): object {
  return {
    $schema: 'https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#',
    contentVersion: '1.0.0.0',
    parameters: {
      location: {
        type: 'string',
        defaultValue: '[resourceGroup().location]',
        metadata: { description: 'That of the Azure Monitor workspace.' },
      },
      workspaceId: { type: 'string', metadata: { description: 'Resource ID of the Azure Monitor workspace.' } },
      clusterName: { type: 'string', metadata: { description: 'Only series of this cluster are looked at.' } },
      actionGroupId: {
        type: 'string',
        defaultValue: '',
        metadata: { description: 'Resource ID of the action group that is told; empty: nobody is.' },
      },
      revision: {
        type: 'string',
        defaultValue: 'by hand',
        metadata: {
          description: 'Of the rules and of these parameters; a tag of each group, by which a change is seen.',
        },
      },
    },
    variables: {
      actions:
        "[if(empty(parameters('actionGroupId')), createArray(), createArray(createObject('actionGroupId', parameters('actionGroupId'))))]",
    },
    resources: groups.map(resource),
  }
}

function resource(group: RuleGroup): object {
  return {
    type: ruleGroupType,
    apiVersion: '2023-03-01',
    name: group.name,
    location: "[parameters('location')]",
    tags: { [revisionTag]: "[parameters('revision')]" },
    properties: {
      description: `Windlass: rules of the ${group.component}`,
      enabled: true,
      clusterName: "[parameters('clusterName')]",
      scopes: ["[parameters('workspaceId')]"],
      interval: 'PT1M',
      rules: [
        ...group.recording.map(({ record, expr }) => ({ record, expression: expr, enabled: true })),
        ...group.alerts.map((rule) => alertRule(rule, group)),
      ],
    },
  }
}

function alertRule(rule: AlertRule, group: RuleGroup): object {
  return {
    alert: rule.alert,
    expression: rule.expr,
    ...(rule.forS > 0 && { for: `PT${rule.forS / 60}M` }),
    enabled: true,
    severity: severities[rule.severity],
    labels: labelsOf(rule, group),
    annotations: annotationsOf(rule),
    actions: "[variables('actions')]",
    resolveConfiguration: { autoResolved: true, timeToResolve: 'PT5M' },
  }
}
