import type { Config } from '../config.ts'
import { nameAll } from '../naming.ts'
import { guardRegistry } from '../overrides.ts'
import { tagsOf } from '../stack.ts'
import { Construct, ContainerRegistry } from '../tf.ts'

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

function allowOnly(ranges: readonly string[], egressIp: string | undefined) {
  const all = egressIp === undefined ? ranges : [...ranges, `${egressIp}/32`]
  return { defaultAction: 'Deny', ipRule: all.map((ipRange) => ({ action: 'Allow', ipRange })) }
}
