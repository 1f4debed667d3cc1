// Everything that is written past the types of the bindings, which were made for azurerm 4.55 and know nothing newer. The
// compiler checks none of it, so it is all here, and overrides.test.ts says what comes out.
import type { Settings } from './settings.ts'
import {
  TerraformResource,
  type Construct,
  type ContainerRegistry,
  type FederatedIdentityCredential,
  type KubernetesCluster,
  type TerraformStack,
} from './tf.ts'

/** 4.81 is the first with all that is set here, and the last of 4; the bindings would ask for 4.55 exactly. */
export function pinProvider(stack: TerraformStack): void {
  stack.addOverride('terraform.required_providers.azurerm', { source: 'hashicorp/azurerm', version: '~> 4.81' })
  stack.addOverride('terraform.required_version', '>= 1.11')
}

/** Since 4.65; azurerm 5 knows no other way to name the identity. */
export function nameIdentityOfCredential(credential: FederatedIdentityCredential, identityId: string): void {
  credential.addOverride('user_assigned_identity_id', identityId)
  credential.addOverride('parent_id', undefined)
  credential.addOverride('resource_group_name', undefined)
}

/** Which roles a registry honours, and for whom tokens must be made: both since 4.81. */
export function guardRegistry(registry: ContainerRegistry, roles: Settings['registry']['roles']): void {
  const mode = roles === 'abac' ? 'AbacRepositoryPermissions' : 'LegacyRegistryPermissions'
  registry.addOverride('role_assignment_mode', mode)
  // A token for Azure's resource manager does not open the registry: only one that was asked for registries does.
  registry.addOverride('azuread_authentication_as_arm_policy_enabled', false)
  registry.addOverride('network_rule_bypass_for_tasks_enabled', false)
}

/** Required by azurerm 5: nodes come from our pools, not from a provisioner of Azure's. */
export function provisionNodesByPools(cluster: KubernetesCluster): void {
  cluster.addOverride('node_provisioning_profile', { mode: 'Manual' })
}

/** A resource that the bindings do not have. Enforce changes pods too: it raises small requests and adds spreading. */
export function addDeploymentSafeguards(
  scope: Construct,
  { clusterId, level }: { readonly clusterId: string; readonly level: Settings['cluster']['deploymentSafeguards'] },
): void {
  const safeguards = new TerraformResource(scope, 'safeguards', {
    terraformResourceType: 'azurerm_kubernetes_cluster_deployment_safeguard',
  })
  safeguards.addOverride('kubernetes_cluster_id', clusterId)
  safeguards.addOverride('level', level)
}
