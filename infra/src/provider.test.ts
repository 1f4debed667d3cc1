// What azurerm 5 no longer takes, so that the move to it changes a version and nothing else.
// https://registry.terraform.io/providers/hashicorp/azurerm/latest/docs/guides/5.0-upgrade-guide
import t from 'tap'
import type { StackJson } from './synthesized.ts'
import { only, synthesizeExample } from './testing.ts'

/** Type, and the path of an argument within it. */
const removed: readonly (readonly [type: string, path: string])[] = [
  ['azurerm_federated_identity_credential', 'parent_id'],
  ['azurerm_federated_identity_credential', 'resource_group_name'],
  ['azurerm_container_registry', 'trust_policy_enabled'],
  ['azurerm_container_registry', 'georeplications.regional_endpoint_enabled'],
  ['azurerm_monitor_diagnostic_setting', 'metric'],
  ['azurerm_monitor_diagnostic_setting', 'enabled_log.retention_policy'],
  ['azurerm_subnet', 'service_endpoints'],
  ['azurerm_virtual_network', 'subnet.service_endpoints'],
  ['azurerm_storage_queue', 'storage_account_name'],
  ['azurerm_storage_queue', 'resource_manager_id'],
  ['azurerm_storage_container', 'storage_account_name'],
  ['azurerm_storage_container', 'resource_manager_id'],
  ['azurerm_storage_account', 'queue_properties'],
  ['azurerm_storage_account', 'static_website'],
  ['azurerm_eventgrid_system_topic', 'source_arm_resource_id'],
  ['azurerm_eventgrid_system_topic_event_subscription', 'eventhub_endpoint_id'],
  ['azurerm_eventgrid_system_topic_event_subscription', 'service_bus_queue_endpoint_id'],
  ['azurerm_log_analytics_workspace', 'internet_ingestion_enabled'],
  ['azurerm_log_analytics_workspace', 'internet_query_enabled'],
  ['azurerm_log_analytics_workspace', 'local_authentication_disabled'],
  ['azurerm_kubernetes_cluster', 'default_node_pool.kubelet_config.container_log_max_line'],
  ['azurerm_kubernetes_cluster', 'default_node_pool.linux_os_config.transparent_huge_page_enabled'],
]

const examples = [
  synthesizeExample('dev'),
  synthesizeExample('prod'),
  synthesizeExample('prod', {
    network: { apiServerSubnetCidr: '10.40.4.0/28' },
    cluster: { apiServer: 'vnetIntegration', advancedNetworking: true, keyVaultSecrets: true },
    registry: { allowedIpRanges: ['198.51.100.0/24'], roles: 'acrPull', untaggedRetentionDays: null },
  }),
]

for (const [type, path] of removed) {
  t.test(`${type} is written without ${path}`, async (t) => {
    for (const found of examples) {
      for (const { attributes, address } of found.ofType(type)) t.notOk(hasPath(attributes, path.split('.')), address)
    }
    t.ok(
      examples.some((found) => found.ofType(type).length > 0),
      'there is one to look at',
    )
  })
}

t.test('what azurerm 5 requires is there', async (t) => {
  for (const found of examples) {
    t.match(only(found, 'azurerm_kubernetes_cluster'), {
      node_provisioning_profile: { mode: 'Manual' },
      oidc_issuer_enabled: true,
    })
    for (const { stack, attributes } of found.ofType('azurerm_federated_identity_credential')) {
      const identities = found.referredBy(stack, attributes['user_assigned_identity_id'])
      t.strictSame(
        identities.map(({ type }) => type),
        ['azurerm_user_assigned_identity'],
      )
    }
  }
})

t.test('each stack asks for a provider that knows all that is written, and registers nothing by itself', async (t) => {
  for (const found of examples) {
    for (const stack of Object.values(found.stacks)) {
      t.match(stack.terraform, {
        required_version: '>= 1.11',
        required_providers: { azurerm: { source: 'hashicorp/azurerm', version: '~> 4.81' } },
      })
      t.match(providerOf(stack), {
        resource_provider_registrations: 'none',
        storage_use_azuread: true,
        use_oidc: true,
      })
    }
  }
})

t.test('no stack holds a secret, or asks for one', async (t) => {
  for (const found of examples) {
    t.notMatch(
      JSON.stringify(found.stacks),
      /client_secret|sas_token|access_key":|primary_access_key|admin_password|kube_admin/,
    )
  }
})

function hasPath(value: unknown, [head, ...rest]: readonly string[]): boolean {
  if (head === undefined) return true
  if (Array.isArray(value)) return value.some((part) => hasPath(part, [head, ...rest]))
  if (typeof value !== 'object' || value === null || !(head in value)) return false
  return hasPath((value as Readonly<Record<string, unknown>>)[head], rest)
}

function providerOf(stack: StackJson): unknown {
  const { provider } = stack as StackJson & { readonly provider: { readonly azurerm: readonly unknown[] } }
  return provider.azurerm[0]
}
