import type { Config } from '../config.ts'
import { createAks } from '../constructs/aks.ts'
import { createCollection } from '../constructs/collection.ts'
import { federate } from '../constructs/identity.ts'
import { clusterLogs, diagnose } from '../constructs/monitoring.ts'
import { createStack } from '../stack.ts'
import { Construct, TerraformOutput, type App, type UserAssignedIdentity } from '../tf.ts'
import type { Base } from './base.ts'
import type { Platform } from './platform.ts'

/** The account of manifests/reconciler. */
export const reconcilerAccount = { namespace: 'windlass-system', name: 'windlass' } as const

/** What is made anew with a cluster: the cluster, who acts for it, and what collects from it. */
export function createClusterStack(app: App, config: Config, { clusterGroup }: Base, platform: Platform): void {
  const stack = createStack(app, 'cluster', config)
  const resourceGroupName = clusterGroup.name
  const { network, monitoring, readers } = platform
  const cluster = createAks(stack, config, {
    resourceGroupName,
    kubelet: readers.kubelet,
    nodeSubnetId: network.nodeSubnet.id,
    workspaceId: monitoring.logs.id,
    ...(network.apiServerSubnet && { apiServerSubnetId: network.apiServerSubnet.id }),
    ...(network.egressIp && { egressIp: network.egressIp.ipAddress }),
  })
  diagnose(stack, 'cluster-logs', {
    targetId: cluster.id,
    workspaceId: monitoring.logs.id,
    categories: clusterLogs,
    hasChoiceOfTables: true,
  })
  createCollection(stack, config, {
    clusterId: cluster.id,
    resourceGroupName,
    workspaceId: monitoring.logs.id,
    ...(monitoring.metrics && { metricsId: monitoring.metrics.id }),
  })
  federateReconciler(stack, readers.reconciler, cluster.oidcIssuerUrl)
  new TerraformOutput(stack, 'cluster-name', { value: cluster.name })
}

/** The issuer is who signs the cluster's service account tokens. */
function federateReconciler(parent: Construct, identity: UserAssignedIdentity, issuer: string): void {
  federate(new Construct(parent, 'reconciler'), 'reconciler-account', identity, {
    issuer,
    subject: `system:serviceaccount:${reconcilerAccount.namespace}:${reconcilerAccount.name}`,
  })
}
