import type { Config } from '../config.ts'
import { nameAll } from '../naming.ts'
import { tagsOf } from '../stack.ts'
import { Construct, LogAnalyticsWorkspace, MonitorDiagnosticSetting, MonitorWorkspace } from '../tf.ts'

export interface Monitoring {
  readonly logs: LogAnalyticsWorkspace
  /** Managed Prometheus, where the profile has it. */
  readonly metrics?: MonitorWorkspace
}

/** Where logs and metrics are kept: for how long, and how much of them a day at most. */
export function createMonitoring(parent: Construct, config: Config, resourceGroupName: string): Monitoring {
  const scope = new Construct(parent, 'monitoring')
  const names = nameAll(config)
  const { monitoring, cluster } = config.settings
  const place = { location: config.location, resourceGroupName, tags: tagsOf(config) }
  const logs = new LogAnalyticsWorkspace(scope, 'logs', {
    ...place,
    name: names.workspace,
    sku: 'PerGB2018',
    retentionInDays: monitoring.retentionDays,
    dailyQuotaGb: monitoring.dailyQuotaGb,
    // The agents for logs and metrics have identities. Defender's sensor has none yet: without the workspace's key, which
    // Azure gives it, its pods crash. https://github.com/Azure/Microsoft-Defender-for-Cloud/issues/1010
    localAuthenticationEnabled: cluster.defender,
  })
  if (!monitoring.managedPrometheus) return { logs }
  return { logs, metrics: new MonitorWorkspace(scope, 'metrics', { ...place, name: names.metrics }) }
}

/** kube-audit-admin leaves out reads, which are most of kube-audit and cost the most. */
export const clusterLogs = ['kube-apiserver', 'kube-audit-admin', 'guard', 'cluster-autoscaler'] as const
export const registryLogs = ['ContainerRegistryLoginEvents', 'ContainerRegistryRepositoryEvents'] as const

export interface Diagnosis {
  readonly targetId: string
  readonly workspaceId: string
  readonly categories: readonly string[]
  /**
   * Whether the resource can be asked for tables of its own, instead of the one that all share. A registry can't: it has
   * them anyway, does not keep the setting, and so each plan would set it again.
   */
  readonly hasChoiceOfTables: boolean
}

/** Sends a resource's own logs to the workspace, each kind to a table of its own. */
export function diagnose(scope: Construct, id: string, diagnosis: Diagnosis): void {
  const { targetId, workspaceId, categories, hasChoiceOfTables } = diagnosis
  new MonitorDiagnosticSetting(scope, id, {
    name: 'to-workspace',
    targetResourceId: targetId,
    logAnalyticsWorkspaceId: workspaceId,
    ...(hasChoiceOfTables && { logAnalyticsDestinationType: 'Dedicated' }),
    enabledLog: categories.map((category) => ({ category })),
  })
}
