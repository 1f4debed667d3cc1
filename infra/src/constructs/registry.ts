import type { Config } from '../config.ts'
import { nameAll } from '../naming.ts'
import { guardRegistry } from '../overrides.ts'
import { tagsOf } from '../stack.ts'
import { Construct, ContainerRegistry, ManagementLock, type RoleAssignment } from '../tf.ts'

export interface RegistryOptions {
  readonly resourceGroupName: string
  /** The cluster's own address, where it has one. */
  readonly egressIp?: string
}

/** The registry: no passwords, no anonymous pulls, and roles for single repositories where the profile says so. */
export function createRegistry(parent: Construct, config: Config, options: RegistryOptions): ContainerRegistry {
  const scope = new Construct(parent, 'registry')
  const { registry: wanted, protection } = config.settings
  const isPremium = wanted.sku === 'Premium'
  const registry = new ContainerRegistry(scope, 'acr', {
    name: nameAll(config).registry,
    location: config.location,
    resourceGroupName: options.resourceGroupName,
    tags: tagsOf(config),
    sku: wanted.sku,
    adminEnabled: false,
    anonymousPullEnabled: false,
    ...(isPremium && { dataEndpointEnabled: wanted.dataEndpoint }),
    ...(wanted.untaggedRetentionDays !== null && { retentionPolicyInDays: wanted.untaggedRetentionDays }),
    ...(wanted.allowedIpRanges.length > 0 && { networkRuleSet: [allowOnly(wanted.allowedIpRanges, options.egressIp)] }),
    ...(protection.deleteLocks && { lifecycle: { preventDestroy: true } }),
  })
  guardRegistry(registry, wanted.roles)
  return registry
}

/**
 * Locks the registry, where the profile says so, once all rights on it are given. A lock holds the roles on a resource
 * too, and azurerm 4 changes the condition of a role by making it anew: so the lock is lifted for that, and set again.
 * https://learn.microsoft.com/azure/azure-resource-manager/management/lock-resources
 */
export function lockRegistry(
  parent: Construct,
  { settings }: Config,
  registry: ContainerRegistry,
  grants: readonly RoleAssignment[],
): void {
  if (!settings.protection.deleteLocks) return
  new ManagementLock(parent, 'registry-lock', {
    name: 'keep',
    scope: registry.id,
    lockLevel: 'CanNotDelete',
    notes: 'Every release and every way back is in here.',
    dependsOn: [...grants],
    // By name: cdktf writes what is not a string as ${…}, which Terraform does not take here.
    lifecycle: {
      replaceTriggeredBy: grants.map(
        ({ terraformResourceType, friendlyUniqueId }) => `${terraformResourceType}.${friendlyUniqueId}`,
      ),
    },
  })
}

function allowOnly(ranges: readonly string[], egressIp: string | undefined) {
  const all = egressIp === undefined ? ranges : [...ranges, `${egressIp}/32`]
  return { defaultAction: 'Deny', ipRule: all.map((ipRange) => ({ action: 'Allow', ipRange })) }
}
