import { ids } from './ids.ts'
import { json, type Recording } from './recording.ts'

const stack = (name: string, command: string): string => `terraform -chdir={synth}/stacks/${name} ${command}`

/** https://developer.hashicorp.com/terraform/cli/commands/output */
const outputs = (values: Readonly<Record<string, string>>): string =>
  json(
    Object.fromEntries(
      Object.entries(values).map(([name, value]) => [name, { sensitive: false, type: 'string', value }]),
    ),
  )

const outputsOf = {
  base: outputs({ 'pipeline-plan-client-id': ids.planner, 'pipeline-apply-client-id': ids.applier }),
  platform: outputs({
    'ci-push-client-id': ids.push,
    'ci-retention-client-id': ids.retention,
    'reconciler-client-id': ids.reconciler,
    'queue-url': 'https://stwindlassdevc0n70s0.queue.core.windows.net/image-pushed',
    'registry-host': 'crwindlassdevc0n70s0.azurecr.io',
  }),
  cluster: outputs({ 'cluster-name': 'aks-windlass-dev' }),
} as const

const made = {
  base: 'azurerm_resource_group.platform-group',
  platform: 'azurerm_container_registry.registry-acr',
  cluster: 'azurerm_kubernetes_cluster.aks-cluster',
} as const

/** https://developer.hashicorp.com/terraform/internals/json-format#plan-representation */
export function planJson(address: string, actions: readonly string[]): string {
  return JSON.stringify({
    format_version: '1.2',
    terraform_version: '1.11.4',
    resource_changes: [{ address, mode: 'managed', type: address.split('.')[0], change: { actions } }],
    applyable: true,
    complete: true,
    errored: false,
  })
}

const stackRecordings = (name: keyof typeof made): readonly Recording[] => {
  const applied = stack(name, 'apply -input=false -no-color plan.bin')
  return [
    { command: stack(name, 'init'), stdout: 'Terraform has been successfully initialized!' },
    // -detailed-exitcode: 2 where there is something to change.
    {
      command: stack(name, 'plan -input=false -no-color -lock=false'),
      exitCode: 2,
      stdout: 'Plan: 12 to add, 0 to change, 0 to destroy.',
    },
    {
      command: stack(name, 'plan -input=false -no-color -lock=false'),
      after: applied,
      stdout: 'No changes. Your infrastructure matches the configuration.',
    },
    { command: stack(name, 'plan -input=false -no-color -out=plan.bin'), stdout: 'Saved the plan to: plan.bin' },
    { command: stack(name, 'show -json plan.bin'), stdout: planJson(made[name], ['create']) },
    { command: applied, stdout: 'Apply complete! Resources: 12 added, 0 changed, 0 destroyed.' },
    { command: stack(name, 'output -json'), stdout: '{}' },
    { command: stack(name, 'output -json'), after: applied, stdout: outputsOf[name] },
  ]
}

export const allStackRecordings: readonly Recording[] = [
  ...stackRecordings('base'),
  ...stackRecordings('platform'),
  ...stackRecordings('cluster'),
]
