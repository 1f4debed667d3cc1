import type { Config } from '../config.ts'
import { tagsOf } from '../stack.ts'
import { KubernetesClusterNodePool, type Construct, type KubernetesCluster } from '../tf.ts'
import type { NodePool } from '../settings.ts'

/** What both pools have. */
function poolConfig(config: Config, pool: NodePool, nodeSubnetId: string) {
  const { cluster } = config.settings
  return {
    vmSize: pool.vmSize,
    autoScalingEnabled: true,
    minCount: pool.minCount,
    maxCount: pool.maxCount,
    zones: [...cluster.zones],
    vnetSubnetId: nodeSubnetId,
    maxPods: cluster.maxPods,
    osSku: 'AzureLinux',
    osDiskType: 'Ephemeral',
    osDiskSizeGb: cluster.osDiskSizeGb,
    hostEncryptionEnabled: cluster.hostEncryption,
    nodePublicIpEnabled: false,
    orchestratorVersion: cluster.kubernetesVersion,
    upgradeSettings: {
      maxSurge: '33%',
      drainTimeoutInMinutes: 30,
      nodeSoakDurationInMinutes: 5,
      // A node that can't be drained is set aside for a person, and the upgrade goes on.
      undrainableNodeBehavior: 'Cordon',
    },
    tags: tagsOf(config),
  }
}

/** The pool that AKS itself runs on; applications too, where they have no pool of their own. */
export function systemPool(config: Config, nodeSubnetId: string) {
  const { systemPool: pool, userPool } = config.settings.cluster
  return {
    ...poolConfig(config, pool, nodeSubnetId),
    name: 'system',
    // Changes that need new nodes are made through a pool of this name, instead of a new cluster.
    temporaryNameForRotation: 'systemtmp',
    onlyCriticalAddonsEnabled: userPool !== null,
  }
}

export function createUserPool(
  scope: Construct,
  config: Config,
  cluster: KubernetesCluster,
  nodeSubnetId: string,
): void {
  const pool = config.settings.cluster.userPool
  if (pool === null) return
  new KubernetesClusterNodePool(scope, 'user-pool', {
    ...poolConfig(config, pool, nodeSubnetId),
    name: 'user',
    temporaryNameForRotation: 'usertmp',
    mode: 'User',
    kubernetesClusterId: cluster.id,
  })
}
