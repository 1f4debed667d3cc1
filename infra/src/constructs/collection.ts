import type { Config } from '../config.ts'
import { nameAll } from '../naming.ts'
import { tagsOf } from '../stack.ts'
import {
  Construct,
  MonitorDataCollectionEndpoint,
  MonitorDataCollectionRule,
  MonitorDataCollectionRuleAssociation,
} from '../tf.ts'

export interface CollectionOptions {
  readonly clusterId: string
  readonly resourceGroupName: string
  readonly workspaceId: string
  /** Managed Prometheus, where the profile has it. */
  readonly metricsId?: string
}

/**
 * What the agents in the cluster collect, and where they send it. Without a rule and its association an agent that
 * authenticates by managed identity runs and delivers nothing.
 */
export function createCollection(parent: Construct, config: Config, options: CollectionOptions): void {
  const scope = new Construct(parent, 'collection')
  collectLogs(scope, config, options)
  if (options.metricsId !== undefined) collectMetrics(scope, config, { ...options, metricsId: options.metricsId })
}

const logStreams = ['Microsoft-ContainerLogV2', 'Microsoft-KubeEvents', 'Microsoft-KubePodInventory']

function collectLogs(
  scope: Construct,
  config: Config,
  { clusterId, resourceGroupName, workspaceId }: CollectionOptions,
) {
  const rule = new MonitorDataCollectionRule(scope, 'logs', {
    name: `MSCI-${nameAll(config).cluster}`,
    location: config.location,
    resourceGroupName,
    tags: tagsOf(config),
    kind: 'Linux',
    dataSources: {
      extension: [
        {
          name: 'ContainerInsightsExtension',
          extensionName: 'ContainerInsights',
          streams: logStreams,
          extensionJson: JSON.stringify({
            dataCollectionSettings: { interval: '1m', namespaceFilteringMode: 'Off', enableContainerLogV2: true },
          }),
        },
      ],
    },
    destinations: { logAnalytics: [{ name: 'workspace', workspaceResourceId: workspaceId }] },
    dataFlow: [{ streams: logStreams, destinations: ['workspace'] }],
  })
  new MonitorDataCollectionRuleAssociation(scope, 'logs-of-cluster', {
    name: 'ContainerInsightsExtension',
    targetResourceId: clusterId,
    dataCollectionRuleId: rule.id,
  })
}

function collectMetrics(
  scope: Construct,
  config: Config,
  { clusterId, resourceGroupName, metricsId }: CollectionOptions & { readonly metricsId: string },
) {
  const place = { location: config.location, resourceGroupName, tags: tagsOf(config), kind: 'Linux' }
  const name = `MSProm-${nameAll(config).cluster}`
  const endpoint = new MonitorDataCollectionEndpoint(scope, 'metrics-endpoint', { ...place, name })
  const rule = new MonitorDataCollectionRule(scope, 'metrics', {
    ...place,
    name,
    dataCollectionEndpointId: endpoint.id,
    dataSources: { prometheusForwarder: [{ name: 'cluster', streams: ['Microsoft-PrometheusMetrics'] }] },
    destinations: { monitorAccount: [{ name: 'metrics', monitorAccountId: metricsId }] },
    dataFlow: [{ streams: ['Microsoft-PrometheusMetrics'], destinations: ['metrics'] }],
  })
  new MonitorDataCollectionRuleAssociation(scope, 'metrics-of-cluster', {
    name,
    targetResourceId: clusterId,
    dataCollectionRuleId: rule.id,
  })
}
