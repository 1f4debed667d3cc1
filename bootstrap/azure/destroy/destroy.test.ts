import t, { type Test } from 'tap'
import { planSteps } from '../dry-run.ts'
import { preflightRecordings } from '../recordings/preflight.ts'
import { json, type Recording } from '../recordings/recording.ts'
import { runStep } from '../run-steps.ts'
import { recordedWorld } from '../testing.ts'
import type { AzureContext } from '../context.ts'
import { destroySteps } from './destroy.ts'

const inStack = (stack: string, command: string): string => `terraform -chdir={synth}/stacks/${stack} ${command}`
const applyOf = (stack: string): string => inStack(stack, 'apply -input=false -no-color destroy.bin')

/** https://developer.hashicorp.com/terraform/cli/commands/state/list */
const held = {
  cluster: ['data.terraform_remote_state.cross-stack-reference-input-base', 'azurerm_kubernetes_cluster.aks-cluster'],
  platform: ['azurerm_container_registry.registry-acr', 'azurerm_virtual_network.network-vnet'],
  base: [
    'azurerm_resource_group.cluster-group',
    'azurerm_resource_group.state-group',
    'azurerm_storage_account.state-storage',
    'azurerm_storage_container.state-container',
    'azurerm_user_assigned_identity.pipeline-iac-plan',
  ],
} as const

const left = { cluster: [], platform: [], base: held.base.filter((address) => address.includes('.state-')) }

const deleteState = 'az group delete --name rg-windlass-dev-state'

/** https://learn.microsoft.com/cli/azure/resource#az-resource-delete */
const ofRules =
  '--resource-group rg-windlass-dev-platform --resource-type Microsoft.AlertsManagement/prometheusRuleGroups'
const deleteRules = `az resource delete --name windlass-alerts ${ofRules}`

const inUse: readonly Recording[] = [
  ...preflightRecordings,
  { command: 'az storage container-rm show', stdout: json({ name: 'tfstate' }) },
  {
    command: 'az storage container-rm show',
    after: deleteState,
    exitCode: 3,
    stderr: "ERROR: (ResourceGroupNotFound) Resource group 'rg-windlass-dev-state' could not be found.",
  },
  ...(['cluster', 'platform', 'base'] as const).flatMap((stack): readonly Recording[] => [
    { command: inStack(stack, 'init') },
    { command: inStack(stack, 'state list'), stdout: held[stack].join('\n') },
    { command: inStack(stack, 'state list'), after: applyOf(stack), stdout: left[stack].join('\n') },
    { command: inStack(stack, 'plan -destroy'), stdout: 'Plan: 0 to add, 0 to change, 2 to destroy.' },
    { command: applyOf(stack), stdout: 'Apply complete! Resources: 0 added, 0 changed, 2 destroyed.' },
  ]),
  { command: `az resource list ${ofRules}`, stdout: json([{ name: 'windlass-alerts' }]) },
  { command: `az resource list ${ofRules}`, after: deleteRules, stdout: '[]' },
  {
    command: `az resource list ${ofRules}`,
    after: applyOf('base'),
    exitCode: 3,
    stderr: "ERROR: (ResourceGroupNotFound) Resource group 'rg-windlass-dev-platform' could not be found.",
  },
  { command: deleteRules },
  { command: 'az group exists', stdout: 'true' },
  { command: 'az group exists', after: deleteState, stdout: 'false' },
  { command: deleteState },
]

const isChange = (line: string): boolean => / apply |^az (group|resource) delete/.test(line)
const changes = [applyOf('cluster'), deleteRules, applyOf('platform'), applyOf('base'), `${deleteState} --yes`]

async function runAll(context: AzureContext) {
  const details: string[] = []
  for (const step of destroySteps) {
    const { ok, detail } = await runStep(step, context, () => undefined)
    if (!ok) return { failed: step.name, detail }
    details.push(detail)
  }
  return { failed: undefined, detail: details.join('\n') }
}

const open = (t: Test) => recordedWorld(t, { recordings: inUse })

t.test('what was made last goes first, and what keeps the state goes last', async (t) => {
  const world = await open(t)
  t.match(await runAll(world.context()), { failed: undefined })
  t.same(world.ran.filter(isChange), changes)
  const plan = world.ran.find((line) => line.startsWith(inStack('base', 'plan -destroy')))
  t.match(plan, '-target=azurerm_user_assigned_identity.pipeline-iac-plan')
  t.notMatch(plan, '.state-', 'Terraform does not delete what it is about to write its state to')
})

t.test('begun again it goes on, whichever deletion failed, and in the end finds nothing', async (t) => {
  for (const [index, failing] of changes.entries()) {
    const world = await open(t)
    world.failures.push({
      command: failing,
      exitCode: 1,
      // https://learn.microsoft.com/azure/azure-resource-manager/management/lock-resources
      stderr: 'ERROR: (ScopeLocked) The scope cannot perform delete operation because following scope(s) are locked.',
    })
    t.match((await runAll(world.context())).detail, /ScopeLocked[^]*To mend: a lock protects it/)
    world.failures.length = 0
    const before = world.ran.length
    t.match(await runAll(world.context()), { failed: undefined })
    t.same(world.ran.slice(before).filter(isChange), changes.slice(index))
    const after = world.ran.length
    t.match((await runAll(world.context())).detail, /there is no state/)
    t.same(world.ran.slice(after).filter(isChange), [])
  }
})

t.test('an environment that is locked against deletion is left alone', async (t) => {
  const world = await recordedWorld(t, { profile: 'prod', recordings: inUse })
  const { failed, detail } = await runAll(world.context())
  t.equal(failed, 'preflight')
  t.match(detail, /environment prod: its registry and its state are locked[^]*protection\.deleteLocks with false/)
  t.same(world.ran.filter(isChange), [])
})

t.test('a dry run prints what would go, and deletes nothing', async (t) => {
  const world = await open(t)
  const { lines, ok } = await planSteps(destroySteps, world.context({ isDryRun: true }))
  t.ok(ok)
  t.same(world.ran.filter(isChange), [])
  t.match(lines.join('\n'), /7\/7[^]*rm -r/)
  t.match(lines.join('\n'), /az group delete --name rg-windlass-dev-state --yes/)
})
