// The platform's table of 50 settings, row by row: what each profile must hold, or why it does not.
import t, { type Test } from 'tap'
import type { Profile } from './settings.ts'
import type { Synthesized } from './synthesized.ts'
import { named, only, synthesizeExample } from './testing.ts'

type Expectation = (found: Synthesized, t: Test) => void

interface Row {
  readonly number: number
  readonly setting: string
  readonly dev: Expectation | string
  readonly prod: Expectation | string
}

const both = (number: number, setting: string, expectation: Expectation): Row => ({
  number,
  setting,
  dev: expectation,
  prod: expectation,
})

const aks =
  (wanted: object): Expectation =>
  (found, t) =>
    t.match(only(found, 'azurerm_kubernetes_cluster'), wanted)
const pools =
  (wanted: object): Expectation =>
  (found, t) => {
    t.match(only(found, 'azurerm_kubernetes_cluster')['default_node_pool'], wanted)
    for (const pool of found.ofType('azurerm_kubernetes_cluster_node_pool')) t.match(pool.attributes, wanted)
  }
const acr =
  (wanted: object): Expectation =>
  (found, t) =>
    t.match(only(found, 'azurerm_container_registry'), wanted)
const absent =
  (type: string, attribute: string): Expectation =>
  (found, t) => {
    t.notOk(attribute in only(found, type), attribute)
  }

const addressesOf = (found: Synthesized, value: unknown) =>
  found.referredBy('cluster', value).map(({ address }) => address)

/** All that a rule collects flows to a destination that it has, which is that resource; and the cluster has that rule. */
function assertDelivers(found: Synthesized, t: Test, { name, to }: { readonly name: string; readonly to: string }) {
  const rule = named(found, 'azurerm_monitor_data_collection_rule', `collection-${name}`) as unknown as {
    readonly data_sources: Readonly<Record<string, readonly { readonly streams: readonly string[] }[]>>
    readonly destinations: Readonly<Record<string, readonly { readonly name: string }[]>>
    readonly data_flow: readonly { readonly streams: readonly string[]; readonly destinations: readonly string[] }[]
  }
  const collected = Object.values(rule.data_sources).flatMap((sources) => sources.flatMap(({ streams }) => streams))
  t.strictSame(collected.toSorted(), rule.data_flow.flatMap(({ streams }) => streams).toSorted())
  t.strictSame(
    Object.values(rule.destinations).flatMap((destinations) => destinations.map((destination) => destination.name)),
    [...new Set(rule.data_flow.flatMap(({ destinations }) => destinations))],
  )
  t.strictSame(addressesOf(found, rule.destinations), [to])
  const type = 'azurerm_monitor_data_collection_rule_association'
  const association = named(found, type, `collection-${name}-of-cluster`)
  t.strictSame(addressesOf(found, association['target_resource_id']), [
    'cluster/azurerm_kubernetes_cluster.aks-cluster',
  ])
  t.strictSame(addressesOf(found, association['data_collection_rule_id']), [
    `cluster/azurerm_monitor_data_collection_rule.collection-${name}`,
  ])
}

const rows: readonly Row[] = [
  both(
    1,
    'no local accounts, Entra ID with Azure roles',
    aks({
      local_account_disabled: true,
      azure_active_directory_role_based_access_control: { azure_rbac_enabled: true, tenant_id: /^[0-9a-f-]{36}$/ },
    }),
  ),
  both(2, 'role-based access control', aks({ role_based_access_control_enabled: true })),
  both(
    3,
    'authorized ranges of the API server',
    aks({
      api_server_access_profile: { authorized_ip_ranges: ['203.0.113.0/24'] },
    }),
  ),
  {
    number: 4,
    setting: 'private API server',
    dev: absent('azurerm_kubernetes_cluster', 'private_cluster_enabled'),
    prod: 'an option, cluster.apiServer: authorized ranges let operators in without a VPN, and no pipeline needs the API',
  },
  both(5, 'no commands through the control plane', aks({ run_command_enabled: false })),
  both(
    6,
    'Azure CNI overlay powered by Cilium',
    aks({
      network_profile: {
        network_plugin: 'azure',
        network_plugin_mode: 'overlay',
        network_data_plane: 'cilium',
        network_policy: 'cilium',
      },
    }),
  ),
  {
    number: 7,
    setting: 'outbound type',
    dev: aks({ network_profile: { outbound_type: 'loadBalancer' } }),
    prod: (found, t) => {
      aks({ network_profile: { outbound_type: 'userAssignedNATGateway' } })(found, t)
      const profile = only(found, 'azurerm_kubernetes_cluster')['api_server_access_profile']
      const seen = found.referredBy('cluster', profile).map(({ type }) => type)
      t.strictSame(seen, ['azurerm_public_ip'], 'the address of the gateway is among the authorized ranges')
      t.equal(found.ofType('azurerm_subnet_nat_gateway_association').length, 1)
      t.equal(found.ofType('azurerm_nat_gateway_public_ip_association').length, 1)
      t.match(only(found, 'azurerm_public_ip'), { sku: 'Standard', zones: ['1', '2', '3'] })
    },
  },
  both(8, 'no implicit way out of the subnet', (found, t) => {
    t.match(named(found, 'azurerm_subnet', 'network-nodes'), { default_outbound_access_enabled: false })
  }),
  both(9, 'a security group that is not wide open', (found, t) => {
    const rules = only(found, 'azurerm_network_security_group')['security_rule'] as readonly Record<string, unknown>[]
    t.ok(rules.length > 0)
    for (const rule of rules.filter(({ access, direction }) => access === 'Allow' && direction === 'Inbound')) {
      t.notMatch(String(rule['source_address_prefix']), /^(\*|Internet|Any|0\.0\.0\.0\/0)$/, String(rule['name']))
    }
    t.equal(found.ofType('azurerm_subnet_network_security_group_association').length, 1)
  }),
  {
    number: 10,
    setting: 'advanced networking',
    dev: aks({ network_profile: { advanced_networking: undefined } }),
    prod: 'an option, cluster.advancedNetworking: it costs per node, and the policies of manifests/ need no FQDN rules',
  },
  both(11, 'own control plane identity with rights before the cluster', (found, t) => {
    aks({ identity: { type: 'UserAssigned' } })(found, t)
    t.has(only(found, 'azurerm_kubernetes_cluster'), {
      depends_on: [
        'azurerm_role_assignment.aks-control-plane-joins-nodes',
        'azurerm_role_assignment.aks-control-plane-assigns-kubelet',
      ],
    })
  }),
  both(12, 'own kubelet identity, which may pull before there are nodes', (found, t) => {
    const identity = only(found, 'azurerm_kubernetes_cluster')['kubelet_identity'] as object
    t.strictSame(Object.keys(identity).toSorted(), ['client_id', 'object_id', 'user_assigned_identity_id'])
    for (const part of Object.values(identity)) {
      t.strictSame(
        found.referredBy('cluster', part).map(({ address }) => address),
        ['platform/azurerm_user_assigned_identity.readers-kubelet'],
      )
    }
  }),
  both(13, 'workload identity', aks({ oidc_issuer_enabled: true, workload_identity_enabled: true })),
  {
    number: 14,
    setting: 'a system pool for critical add-ons only',
    dev: aks({ default_node_pool: { only_critical_addons_enabled: false } }),
    prod: (found, t) => {
      aks({ default_node_pool: { only_critical_addons_enabled: true } })(found, t)
      t.match(only(found, 'azurerm_kubernetes_cluster_node_pool'), { mode: 'User' })
    },
  },
  both(15, 'Azure Linux', pools({ os_sku: 'AzureLinux' })),
  both(
    16,
    'ephemeral OS disks on sizes with a local disk',
    pools({ os_disk_type: 'Ephemeral', vm_size: /^Standard_D\d+ds_v\d$/ }),
  ),
  {
    number: 17,
    setting: 'encryption at host',
    dev: pools({ host_encryption_enabled: false }),
    prod: pools({ host_encryption_enabled: true }),
  },
  {
    number: 18,
    setting: 'zones and autoscaling',
    dev: pools({ zones: ['1'], auto_scaling_enabled: true, min_count: Number, max_count: Number }),
    prod: pools({ zones: ['1', '2', '3'], auto_scaling_enabled: true, min_count: Number, max_count: Number }),
  },
  both(19, 'pods a node', pools({ max_pods: 110 })),
  both(
    20,
    'how nodes are upgraded',
    pools({
      upgrade_settings: {
        max_surge: '33%',
        drain_timeout_in_minutes: Number,
        node_soak_duration_in_minutes: Number,
        undrainable_node_behavior: 'Cordon',
      },
    }),
  ),
  both(21, 'pools change without a new cluster', pools({ temporary_name_for_rotation: /^[a-z]{1,12}$/ })),
  both(22, 'no public addresses of nodes', pools({ node_public_ip_enabled: false })),
  both(23, 'upgrade channels', aks({ automatic_upgrade_channel: 'patch', node_os_upgrade_channel: 'NodeImage' })),
  both(24, 'maintenance windows of four hours or more', (found, t) => {
    for (const key of ['maintenance_window_auto_upgrade', 'maintenance_window_node_os']) {
      const window = only(found, 'azurerm_kubernetes_cluster')[key] as { readonly duration: number }
      t.ok(window.duration >= 4, key)
    }
  }),
  both(25, 'a minor version as alias', aks({ kubernetes_version: '1.36' })),
  { number: 26, setting: 'tier', dev: aks({ sku_tier: 'Free' }), prod: aks({ sku_tier: 'Standard' }) },
  {
    number: 27,
    setting: 'Azure Policy and deployment safeguards',
    dev: (found, t) => {
      aks({ azure_policy_enabled: true })(found, t)
      t.match(only(found, 'azurerm_kubernetes_cluster_deployment_safeguard'), { level: 'Warn' })
    },
    prod: (found, t) => {
      aks({ azure_policy_enabled: true })(found, t)
      t.match(only(found, 'azurerm_kubernetes_cluster_deployment_safeguard'), { level: 'Enforce' })
    },
  },
  both(28, 'image cleaner', aks({ image_cleaner_enabled: true, image_cleaner_interval_hours: 120 })),
  {
    number: 29,
    setting: 'Key Vault secrets',
    dev: absent('azurerm_kubernetes_cluster', 'key_vault_secrets_provider'),
    prod: 'an option, cluster.keyVaultSecrets: nothing here keeps a secret, all identities are federated',
  },
  {
    number: 30,
    setting: 'Defender',
    dev: (found, t) => {
      absent('azurerm_kubernetes_cluster', 'microsoft_defender')(found, t)
      t.match(only(found, 'azurerm_log_analytics_workspace'), { local_authentication_enabled: false })
    },
    prod: (found, t) => {
      const workspace = { log_analytics_workspace_id: /workspace_monitoring-logs_id\}$/ }
      aks({ microsoft_defender: workspace })(found, t)
      t.match(only(found, 'azurerm_log_analytics_workspace'), { local_authentication_enabled: true }, 'by its key')
    },
  },
  both(31, 'container logs that arrive', (found, t) => {
    aks({ oms_agent: { msi_auth_for_monitoring_enabled: true } })(found, t)
    const rule = named(found, 'azurerm_monitor_data_collection_rule', 'collection-logs')
    t.match(rule, { data_sources: { extension: [{ extension_name: 'ContainerInsights' }] } })
    const { extension } = rule['data_sources'] as { readonly extension: readonly { readonly extension_json: string }[] }
    t.match(JSON.parse(extension[0]?.extension_json ?? ''), { dataCollectionSettings: { enableContainerLogV2: true } })
    assertDelivers(found, t, { name: 'logs', to: 'platform/azurerm_log_analytics_workspace.monitoring-logs' })
  }),
  {
    number: 32,
    // Its rule groups are made by the bootstrap's step `monitoring`, from dashboards/azure.
    setting: 'managed Prometheus',
    dev: absent('azurerm_kubernetes_cluster', 'monitor_metrics'),
    prod: (found, t) => {
      t.hasProp(only(found, 'azurerm_kubernetes_cluster'), 'monitor_metrics')
      t.equal(found.ofType('azurerm_monitor_workspace').length, 1)
      t.equal(found.ofType('azurerm_monitor_data_collection_endpoint').length, 1)
      const rule = named(found, 'azurerm_monitor_data_collection_rule', 'collection-metrics')
      t.match(rule, { data_flow: [{ streams: ['Microsoft-PrometheusMetrics'] }] })
      t.strictSame(addressesOf(found, rule['data_collection_endpoint_id']), [
        'cluster/azurerm_monitor_data_collection_endpoint.collection-metrics-endpoint',
      ])
      assertDelivers(found, t, { name: 'metrics', to: 'platform/azurerm_monitor_workspace.monitoring-metrics' })
    },
  },
  both(33, 'diagnostic settings', (found, t) => {
    const categories = (name: string) =>
      (named(found, 'azurerm_monitor_diagnostic_setting', name)['enabled_log'] as readonly { category: string }[]).map(
        ({ category }) => category,
      )
    t.strictSame(categories('cluster-logs').sort(), [
      'cluster-autoscaler',
      'guard',
      'kube-apiserver',
      'kube-audit-admin',
    ])
    t.strictSame(categories('registry-logs').sort(), [
      'ContainerRegistryLoginEvents',
      'ContainerRegistryRepositoryEvents',
    ])
    const type = 'log_analytics_destination_type'
    t.match(named(found, 'azurerm_monitor_diagnostic_setting', 'cluster-logs'), { [type]: 'Dedicated' })
    t.notOk(type in named(found, 'azurerm_monitor_diagnostic_setting', 'registry-logs'), 'a registry keeps none')
  }),
  {
    number: 34,
    setting: 'how long and how much is kept',
    dev: (found, t) =>
      t.match(only(found, 'azurerm_log_analytics_workspace'), { retention_in_days: 30, daily_quota_gb: 1 }),
    prod: (found, t) =>
      t.match(only(found, 'azurerm_log_analytics_workspace'), { retention_in_days: 90, daily_quota_gb: 10 }),
  },
  { number: 35, setting: 'cost analysis', dev: 'the Free tier has none', prod: aks({ cost_analysis_enabled: true }) },
  both(36, 'no password, no anonymous pull', acr({ admin_enabled: false, anonymous_pull_enabled: false })),
  { number: 37, setting: 'tier of the registry', dev: acr({ sku: 'Standard' }), prod: acr({ sku: 'Premium' }) },
  {
    number: 38,
    setting: 'retention of untagged manifests',
    dev: 'Premium only',
    prod: acr({ retention_policy_in_days: 15 }),
  },
  { number: 39, setting: 'data endpoint', dev: 'Premium only', prod: acr({ data_endpoint_enabled: true }) },
  {
    number: 40,
    setting: 'closed registry network',
    dev: absent('azurerm_container_registry', 'network_rule_set'),
    prod: "an option, registry.allowedIpRanges: it shuts out the pushes of GitHub's own runners",
  },
  both(41, 'roles for single repositories', acr({ role_assignment_mode: 'AbacRepositoryPermissions' })),
  both(
    42,
    "tokens for Azure's resource manager do not open the registry",
    acr({ azuread_authentication_as_arm_policy_enabled: false }),
  ),
  both(
    43,
    'zone redundancy of the registry is left alone',
    absent('azurerm_container_registry', 'zone_redundancy_enabled'),
  ),
  both(44, 'content trust is left alone', absent('azurerm_container_registry', 'trust_policy_enabled')),
  both(45, 'quarantine is left alone', absent('azurerm_container_registry', 'quarantine_policy_enabled')),
  {
    number: 46,
    setting: 'locks',
    dev: (found, t) => t.equal(found.ofType('azurerm_management_lock').length, 0),
    prod: (found, t) => {
      for (const lock of found.ofType('azurerm_management_lock'))
        t.match(lock.attributes, { lock_level: 'CanNotDelete' })
      const locked = found.ofType('azurerm_management_lock').flatMap((it) => found.referredBy(it.stack, it.attributes))
      t.strictSame(locked.map(({ address }) => address).sort(), [
        'base/azurerm_storage_account.state-storage',
        'platform/azurerm_container_registry.registry-acr',
      ])
      for (const { attributes } of locked) t.match(attributes, { lifecycle: { prevent_destroy: true } })

      // It would hold a role that is made anew: so it is lifted before, and set again after.
      for (const [stack, id, scope, count] of [
        ['platform', 'registry-lock', 'azurerm_container_registry', 4],
        ['base', 'state-lock', 'azurerm_storage_container', 2],
      ] as const) {
        const names = found
          .ofType('azurerm_role_assignment')
          .filter((it) => found.referredBy(it.stack, it.attributes['scope']).some(({ type }) => type === scope))
          .map((it) => `${it.stack}/${it.type}.${it.name}`)
        const lock = named(found, 'azurerm_management_lock', id)
        const { replace_triggered_by } = lock['lifecycle'] as { readonly replace_triggered_by: readonly string[] }
        t.equal(names.length, count)
        t.strictSame(replace_triggered_by.map((name) => `${stack}/${name}`).toSorted(), names.toSorted())
        t.strictSame(lock['depends_on'], replace_triggered_by)
      }
    },
  },
  both(47, 'roles by ID, with the type of who gets them', (found, t) => {
    for (const { attributes, address } of found.ofType('azurerm_role_assignment')) {
      t.hasProp(attributes, 'role_definition_id', address)
      t.notOk('role_definition_name' in attributes, address)
      const isGroup = attributes['principal_type'] === 'Group'
      if (!isGroup)
        t.match(attributes, { principal_type: 'ServicePrincipal', skip_service_principal_aad_check: true }, address)
    }
  }),
  both(48, 'one credential for one subject', (found, t) => {
    const subjects = found.ofType('azurerm_federated_identity_credential').map((it) => String(it.attributes['subject']))
    t.equal(new Set(subjects).size, subjects.length)
    t.ok(subjects.includes('system:serviceaccount:windlass-system:windlass'))
    for (const subject of subjects) t.notMatch(subject, /\*/)
  }),
  both(49, 'state without keys', (found, t) => {
    t.match(named(found, 'azurerm_storage_account', 'state-storage'), {
      shared_access_key_enabled: false,
      min_tls_version: 'TLS1_2',
      allow_nested_items_to_be_public: false,
      blob_properties: {
        versioning_enabled: true,
        delete_retention_policy: { days: Number },
        container_delete_retention_policy: { days: Number },
      },
    })
    t.match(only(found, 'azurerm_storage_container'), { container_access_type: 'private' })
    for (const stack of Object.values(found.stacks)) {
      t.match(stack.terraform['backend'], { azurerm: { use_azuread_auth: true, use_oidc: true } })
      t.strictSame(Object.keys(stack.terraform['backend'] as object), ['azurerm'])
    }
  }),
  {
    number: 50,
    setting: 'guard against overlapping blocks',
    dev: 'a rule of the configuration: config.test.ts',
    prod: 'a rule of the configuration: config.test.ts',
  },
]

t.test('the table has all 50 rows once', async (t) => {
  t.strictSame(
    rows.map(({ number }) => number),
    Array.from({ length: 50 }, (_, index) => index + 1),
  )
})

for (const profile of ['dev', 'prod'] satisfies Profile[]) {
  t.test(`profile ${profile}`, async (t) => {
    const found = synthesizeExample(profile)
    for (const row of rows) {
      const expectation = row[profile]
      await t.test(`row ${row.number}: ${row.setting}`, async (t) => {
        if (typeof expectation === 'string') t.ok(expectation.length > 10, `left out: ${expectation}`)
        else expectation(found, t)
      })
    }
  })
}

t.test('the address outwards does not change with the zones of the cluster', async (t) => {
  const narrow = synthesizeExample('prod', { cluster: { zones: ['1', '2'] } })
  t.match(only(narrow, 'azurerm_public_ip'), { zones: ['1', '2', '3'] })
})

t.test('what a profile leaves out as an option is there when it is asked for', async (t) => {
  const isPrivate = synthesizeExample('prod', { cluster: { apiServer: 'private', authorizedIpRanges: [] } })
  const cluster = only(isPrivate, 'azurerm_kubernetes_cluster')
  t.match(cluster, { private_cluster_enabled: true })
  t.notOk('api_server_access_profile' in cluster)

  const optional = synthesizeExample('prod', {
    network: { apiServerSubnetCidr: '10.40.4.0/28' },
    cluster: { apiServer: 'vnetIntegration', advancedNetworking: true, keyVaultSecrets: true },
    registry: { allowedIpRanges: ['198.51.100.0/24'] },
  })
  const premium = only(synthesizeExample('prod', { cluster: { skuTier: 'Premium' } }), 'azurerm_kubernetes_cluster')
  t.match(premium, { sku_tier: 'Premium', support_plan: 'AKSLongTermSupport' })
  t.notOk('support_plan' in only(optional, 'azurerm_kubernetes_cluster'))
  t.match(only(optional, 'azurerm_kubernetes_cluster'), {
    api_server_access_profile: { virtual_network_integration_enabled: true, authorized_ip_ranges: ['203.0.113.0/24'] },
    network_profile: { advanced_networking: { observability_enabled: true, security_enabled: true } },
    key_vault_secrets_provider: { secret_rotation_enabled: true },
  })
  t.match(named(optional, 'azurerm_subnet', 'network-api-server'), {
    delegation: [{ service_delegation: { name: 'Microsoft.ContainerService/managedClusters' } }],
  })
  const rules = only(optional, 'azurerm_container_registry')['network_rule_set'] as readonly object[]
  t.match(rules, [{ default_action: 'Deny', ip_rule: [{ ip_range: '198.51.100.0/24' }, { ip_range: /\/32$/ }] }])
})
