import type { Config } from '../config.ts'
import { createAks } from '../constructs/aks.ts'
import { createCollection } from '../constructs/collection.ts'
import { createIdentity, federate, grantRegistry } from '../constructs/identity.ts'
import { clusterLogs, diagnose } from '../constructs/monitoring.ts'
import { grant } from '../roles.ts'
import { createStack } from '../stack.ts'
import { Construct, TerraformOutput, type App } from '../tf.ts'
import type { Base } from './base.ts'
import type { Platform } from './platform.ts'

/** The account of manifests/reconciler. */
export const reconcilerAccount = { namespace: 'windlass-system', name: 'windlass' } as const

/** What is made anew with a cluster: the cluster, its identities, and what collects from it. */
export function createClusterStack(app: App, config: Config, { clusterGroup }: Base, platform: Platform): void {
  const stack = createStack(app, 'cluster', config)
  const resourceGroupName = clusterGroup.name
  const { network, registry, monitoring } = platform
  const { cluster, kubelet } = createAks(stack, config, {
    resourceGroupName,
    nodeSubnetId: network.nodeSubnet.id,
    workspaceId: monitoring.logs.id,
    ...(network.apiServerSubnet && { apiServerSubnetId: network.apiServerSubnet.id }),
    ...(network.egressIp && { egressIp: network.egressIp.ipAddress }),
  })
  grantRegistry(stack, 'kubelet', config, kubelet, {
    registryId: registry.id,
    access: 'read',
    repositories: [...config.repositories.delivered, ...config.repositories.platform],
    description: 'Nodes pull images',
  })
  diagnose(stack, 'cluster-logs', {
    targetId: cluster.id,
    workspaceId: monitoring.logs.id,
    categories: clusterLogs,
  })
  createCollection(stack, config, {
    clusterId: cluster.id,
    resourceGroupName,
    workspaceId: monitoring.logs.id,
    ...(monitoring.metrics && { metricsId: monitoring.metrics.id }),
  })
  createReconciler(stack, config, { resourceGroupName, issuer: cluster.oidcIssuerUrl, platform })
  new TerraformOutput(stack, 'cluster-name', { value: cluster.name })
}

interface ReconcilerOptions {
  readonly resourceGroupName: string
  /** Who signs the cluster's service account tokens. */
  readonly issuer: string
  readonly platform: Platform
}

function createReconciler(parent: Construct, config: Config, options: ReconcilerOptions): void {
  const scope = new Construct(parent, 'reconciler')
  const { registry, events } = options.platform
  const identity = createIdentity(scope, 'reconciler', config, options.resourceGroupName)
  federate(scope, 'reconciler-account', identity, {
    issuer: options.issuer,
    subject: `system:serviceaccount:${reconcilerAccount.namespace}:${reconcilerAccount.name}`,
  })
  grantRegistry(scope, 'registry', config, identity, {
    registryId: registry.id,
    access: 'read',
    repositories: config.repositories.delivered,
    description: 'The reconciler reads tags and manifests of what it delivers',
  })
  grant(scope, 'queue', config, {
    principalId: identity.principalId,
    role: 'Storage Queue Data Message Processor',
    on: events.queue.id,
    description: 'The reconciler reads hints of pushes and removes them',
  })
  new TerraformOutput(scope, 'client-id', { value: identity.clientId })
}
