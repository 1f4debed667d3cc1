import { existsSync } from 'node:fs'
import t from 'tap'
import { synthesize } from '../../../infra/src/synth.ts'
import { planJson } from '../recordings/stacks.ts'
import { runStep } from '../run-steps.ts'
import { recordedWorld } from '../testing.ts'
import { readOutput, stackStep, synthFolder } from './stack.ts'

const base = stackStep('base', 'Stack base')
const inBase = 'terraform -chdir={synth}/stacks/base'

t.test('what Terraform is pointed at is what infra writes', async (t) => {
  const world = await recordedWorld(t)
  const context = world.context()
  const real = { ...context, synthesize: (to: string) => synthesize(context.environment.config, to) }
  t.match(await runStep(base, real, () => undefined), { ok: true })
  t.ok(existsSync(`${synthFolder(real)}/stacks/base/cdk.tf.json`))
})

t.test('a plan that deletes something is not applied', async (t) => {
  const world = await recordedWorld(t)
  const json = planJson('azurerm_container_registry.registry-acr', ['delete', 'create'])
  world.failures.push({ command: `${inBase} show -json`, exitCode: 0, stdout: json })
  const { ok, detail } = await runStep(base, world.context(), () => undefined)
  t.notOk(ok)
  t.match(detail, /it deletes azurerm_container_registry\.registry-acr\n {2}To mend: where that is meant/)
  t.notOk(world.ran.some((line) => line.startsWith(`${inBase} apply`)))
})

t.test('a lock goes by a plan where the environment is to have none, and nothing else does', async (t) => {
  const lock = 'azurerm_management_lock.state-lock'
  const account = 'azurerm_storage_account.state-storage'
  const runWith = async (deleteLocks: boolean, address: string) => {
    const world = await recordedWorld(t, { profile: 'prod', override: { protection: { deleteLocks } } })
    world.failures.push({ command: `${inBase} show -json`, exitCode: 0, stdout: planJson(address, ['delete']) })
    const { detail } = await runStep(base, world.context(), () => undefined)
    return { detail, isApplied: world.ran.some((line) => line.startsWith(`${inBase} apply`)) }
  }
  t.match(await runWith(false, lock), { isApplied: true })
  t.match(await runWith(false, account), { isApplied: false, detail: `it deletes ${account}` })
  t.match(await runWith(true, lock), { isApplied: false, detail: `it deletes ${lock}` })
})

t.test('what stands in the way of Terraform is said with what to do', async (t) => {
  const failing = {
    [`${inBase} init`]: [
      // https://learn.microsoft.com/rest/api/storageservices/blob-service-error-codes
      'Error: Failed to get existing workspaces: containers.Client#ListBlobs: autorest/azure: Service returned an error. Status=403 Code="AuthorizationPermissionMismatch"',
      /takes up to ten minutes to be known/,
    ],
    [`${inBase} plan -input=false -no-color -out`]: [
      // https://developer.hashicorp.com/terraform/language/state/locking
      'Error: Error acquiring the state lock\n\nError message: state blob is already locked\nLock Info:\n  ID: 0b9f4f1e-1111-2222-3333-444455556666',
      /ID: 0b9f4f1e[^]*terraform force-unlock ID/,
    ],
    [`${inBase} apply`]: [
      // https://learn.microsoft.com/troubleshoot/azure/azure-kubernetes/create-upgrade-delete/error-code-quotaexceeded
      'Error: creating Kubernetes Cluster: Code="ErrCode_InsufficientVCPUQuota" Message="Insufficient vcpu quota requested 16, remaining 0"',
      /ask for more vCPUs in westeurope/,
    ],
  } as const
  for (const [command, [stderr, says]] of Object.entries(failing)) {
    const world = await recordedWorld(t)
    world.failures.push({ command, exitCode: 1, stderr })
    const { ok, detail } = await runStep(base, world.context(), () => undefined)
    t.notOk(ok, command)
    t.match(detail, says)
  }
})

t.test('a stack is not planned before the ones that it stands on', async (t) => {
  const world = await recordedWorld(t)
  const { detail } = await runStep(stackStep('cluster', 'Stack cluster'), world.context(), () => undefined)
  t.match(detail, /stack cluster: it stands on the stack base, which is not applied/)
})

t.test('an output that is not there is missed, but in a dry run', async (t) => {
  const world = await recordedWorld(t)
  await t.rejects(readOutput(world.context(), 'platform', 'registry-host'), {
    message: /stack platform: it has no output registry-host/,
  })
  t.equal(
    await readOutput(world.context({ isDryRun: true }), 'platform', 'registry-host'),
    '<registry-host of stack platform>',
  )
})
