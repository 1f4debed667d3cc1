import t from 'tap'
import type { StackName } from './stack.ts'
import type { Synthesized } from './synthesized.ts'
import { named, only, synthesizeExample } from './testing.ts'

const found = synthesizeExample('prod')
const credentialOverrides = ['user_assigned_identity_id', 'parent_id', 'resource_group_name']

t.test('nothing is written past the types of the bindings but what is meant to be', async (t) => {
  t.strictSame(overridesOf(found, 'base'), {
    stack: ['terraform'],
    azurerm_federated_identity_credential: credentialOverrides,
  })
  t.strictSame(overridesOf(found, 'platform'), {
    stack: ['terraform'],
    azurerm_federated_identity_credential: credentialOverrides,
    azurerm_container_registry: [
      'role_assignment_mode',
      'azuread_authentication_as_arm_policy_enabled',
      'network_rule_bypass_for_tasks_enabled',
    ],
  })
  t.strictSame(overridesOf(found, 'cluster'), {
    stack: ['terraform'],
    azurerm_federated_identity_credential: credentialOverrides,
    azurerm_kubernetes_cluster: ['node_provisioning_profile'],
    azurerm_kubernetes_cluster_deployment_safeguard: ['kubernetes_cluster_id', 'level'],
  })
})

t.test('a credential names its identity the new way, and no longer the old one', async (t) => {
  const credential = named(found, 'azurerm_federated_identity_credential', 'ci-ci-push-github')
  t.equal(credential['user_assigned_identity_id'], '${azurerm_user_assigned_identity.ci-ci-push.id}')
  t.notOk('parent_id' in credential)
  t.notOk('resource_group_name' in credential)
})

t.test('a registry honours the roles of its profile, and tokens for registries alone', async (t) => {
  t.match(only(found, 'azurerm_container_registry'), {
    role_assignment_mode: 'AbacRepositoryPermissions',
    azuread_authentication_as_arm_policy_enabled: false,
    network_rule_bypass_for_tasks_enabled: false,
  })
  t.match(only(synthesizeExample('dev', { registry: { roles: 'acrPull' } }), 'azurerm_container_registry'), {
    role_assignment_mode: 'LegacyRegistryPermissions',
  })
})

t.test('safeguards are of our cluster', async (t) => {
  t.match(only(found, 'azurerm_kubernetes_cluster_deployment_safeguard'), {
    kubernetes_cluster_id: '${azurerm_kubernetes_cluster.aks-cluster.id}',
    level: 'Enforce',
  })
})

/** Type → what is overridden on any resource of it. */
function overridesOf(synthesized: Synthesized, name: StackName): Record<string, readonly string[]> {
  const stack = synthesized.stacks[name] as unknown as {
    readonly '//': { readonly metadata: { readonly overrides: Readonly<Record<string, readonly string[]>> } }
  }
  const overrides = Object.entries(stack['//'].metadata.overrides)
  return Object.fromEntries(overrides.map(([type, keys]) => [type, [...new Set(keys)]]))
}
