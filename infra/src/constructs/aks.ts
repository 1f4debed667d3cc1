import type { Config } from '../config.ts'
import { nameAll } from '../naming.ts'
import { addDeploymentSafeguards, provisionNodesByPools } from '../overrides.ts'
import { grant, roleDefinitionId } from '../roles.ts'
import type { MaintenanceWindow } from '../settings.ts'
import { tagsOf } from '../stack.ts'
import { Construct, KubernetesCluster, RoleAssignment, type UserAssignedIdentity } from '../tf.ts'
import { createIdentity } from './identity.ts'
import { createUserPool, systemPool } from './node-pools.ts'

export interface AksOptions {
  readonly resourceGroupName: string
  /** Pulls images. */
  readonly kubelet: UserAssignedIdentity
  readonly nodeSubnetId: string
  readonly apiServerSubnetId?: string
  /** The cluster's own address, where it has one. */
  readonly egressIp?: string
  readonly workspaceId: string
}

/** The cluster with its own identity, which has its rights before it is made. */
export function createAks(parent: Construct, config: Config, options: AksOptions): KubernetesCluster {
  const scope = new Construct(parent, 'aks')
  const control = createIdentity(scope, 'control-plane', config, options.resourceGroupName)
  const rights = grantControlPlane(scope, config, { control, options })
  const cluster = createCluster(scope, config, { control, rights, options })
  createUserPool(scope, config, cluster, options.nodeSubnetId)
  addDeploymentSafeguards(scope, { clusterId: cluster.id, level: config.settings.cluster.deploymentSafeguards })
  grantAdministrators(scope, config, cluster)
  return cluster
}

interface Parts {
  readonly control: UserAssignedIdentity
  readonly options: AksOptions
}

function grantControlPlane(scope: Construct, config: Config, { control, options }: Parts): RoleAssignment[] {
  const principalId = control.principalId
  const rights = [
    grant(scope, 'control-plane-joins-nodes', config, {
      principalId,
      role: 'Network Contributor',
      on: options.nodeSubnetId,
      description: 'The cluster puts its nodes and load balancers into this subnet',
    }),
    grant(scope, 'control-plane-assigns-kubelet', config, {
      principalId,
      role: 'Managed Identity Operator',
      on: options.kubelet.id,
      description: 'The cluster gives its nodes this identity',
    }),
  ]
  if (options.apiServerSubnetId === undefined) return rights
  const joins = grant(scope, 'control-plane-joins-api-server', config, {
    principalId,
    role: 'Network Contributor',
    on: options.apiServerSubnetId,
    description: 'The cluster puts its API server into this subnet',
  })
  return [...rights, joins]
}

function createCluster(
  scope: Construct,
  config: Config,
  { control, rights, options }: Parts & { readonly rights: readonly RoleAssignment[] },
): KubernetesCluster {
  const names = nameAll(config)
  const { kubelet } = options
  const { cluster: wanted, monitoring } = config.settings
  const cluster = new KubernetesCluster(scope, 'cluster', {
    name: names.cluster,
    location: config.location,
    resourceGroupName: options.resourceGroupName,
    nodeResourceGroup: names.nodeGroup,
    tags: tagsOf(config),
    dnsPrefix: names.cluster.slice(0, 54),
    kubernetesVersion: wanted.kubernetesVersion,
    skuTier: wanted.skuTier,
    // Azure takes one only with the other.
    ...(wanted.skuTier === 'Premium' && { supportPlan: 'AKSLongTermSupport' }),

    // Who may come in: Entra ID alone, and Azure roles within; no shared administrator, no way round the API server.
    localAccountDisabled: true,
    roleBasedAccessControlEnabled: true,
    azureActiveDirectoryRoleBasedAccessControl: {
      tenantId: config.tenantId,
      azureRbacEnabled: true,
      adminGroupObjectIds: [...config.adminGroupObjectIds],
    },
    runCommandEnabled: false,
    ...apiServer(config, options),

    identity: { type: 'UserAssigned', identityIds: [control.id] },
    kubeletIdentity: { userAssignedIdentityId: kubelet.id, clientId: kubelet.clientId, objectId: kubelet.principalId },
    oidcIssuerEnabled: true,
    workloadIdentityEnabled: true,

    defaultNodePool: systemPool(config, options.nodeSubnetId),
    networkProfile: networkProfile(config),

    automaticUpgradeChannel: 'patch',
    nodeOsUpgradeChannel: 'NodeImage',
    maintenanceWindowAutoUpgrade: weekly(wanted.autoUpgrade),
    maintenanceWindowNodeOs: weekly(wanted.nodeOsUpgrade),

    azurePolicyEnabled: true,
    imageCleanerEnabled: true,
    imageCleanerIntervalHours: wanted.imageCleanerHours,
    costAnalysisEnabled: wanted.costAnalysis,
    ...(wanted.keyVaultSecrets && { keyVaultSecretsProvider: { secretRotationEnabled: true } }),
    ...(wanted.defender && { microsoftDefender: { logAnalyticsWorkspaceId: options.workspaceId } }),
    omsAgent: { logAnalyticsWorkspaceId: options.workspaceId, msiAuthForMonitoringEnabled: true },
    ...(monitoring.managedPrometheus && { monitorMetrics: {} }),

    dependsOn: [...rights],
  })
  provisionNodesByPools(cluster)
  return cluster
}

function apiServer({ settings }: Config, { apiServerSubnetId, egressIp }: AksOptions) {
  const { apiServer: kind, authorizedIpRanges } = settings.cluster
  if (kind === 'private') return { privateClusterEnabled: true, privateClusterPublicFqdnEnabled: false }
  // Azure lets in the load balancer's address by itself, but not that of a NAT gateway.
  const ranges = egressIp === undefined ? authorizedIpRanges : [...authorizedIpRanges, `${egressIp}/32`]
  return {
    apiServerAccessProfile: {
      authorizedIpRanges: [...ranges],
      ...(apiServerSubnetId !== undefined && { virtualNetworkIntegrationEnabled: true, subnetId: apiServerSubnetId }),
    },
  }
}

function networkProfile({ settings: { network, cluster } }: Config) {
  return {
    networkPlugin: 'azure',
    networkPluginMode: 'overlay',
    networkDataPlane: 'cilium',
    networkPolicy: 'cilium',
    loadBalancerSku: 'standard',
    outboundType: network.outbound === 'natGateway' ? 'userAssignedNATGateway' : 'loadBalancer',
    podCidr: network.podCidr,
    serviceCidr: network.serviceCidr,
    dnsServiceIp: network.dnsServiceIp,
    ...(cluster.advancedNetworking && { advancedNetworking: { observabilityEnabled: true, securityEnabled: true } }),
  }
}

function weekly({ day, startTime, durationHours }: MaintenanceWindow) {
  return { frequency: 'Weekly', interval: 1, dayOfWeek: day, startTime, duration: durationHours, utcOffset: '+00:00' }
}

/** A kubeconfig without credentials; what its holder may do then is decided by membership in the same group. */
function grantAdministrators(scope: Construct, config: Config, cluster: KubernetesCluster): void {
  for (const [index, groupId] of config.adminGroupObjectIds.entries()) {
    new RoleAssignment(scope, `administrators-${index}`, {
      principalId: groupId,
      principalType: 'Group',
      roleDefinitionId: roleDefinitionId(config, 'Azure Kubernetes Service Cluster User Role'),
      scope: cluster.id,
      description: 'Administrators fetch the address of the cluster',
    })
  }
}
