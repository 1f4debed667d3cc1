import t from 'tap'
import { planSteps } from '../dry-run.ts'
import { json } from '../recordings/recording.ts'
import { runStep } from '../run-steps.ts'
import { recordedWorld } from '../testing.ts'
import { neededProviders, providers } from './providers.ts'

const show = 'az feature show --namespace Microsoft.Compute --name EncryptionAtHost'
const registerFeature = 'az feature register --namespace Microsoft.Compute --name EncryptionAtHost'
const registerProvider = 'az provider register --namespace Microsoft.Compute --wait'

/** https://learn.microsoft.com/rest/api/resources/features/get */
const feature = (state: string): string => json({ name: 'Microsoft.Compute/EncryptionAtHost', properties: { state } })

/** An environment with encrypted hosts, in a subscription that registered all but their feature. */
async function withoutFeature(t: Parameters<typeof recordedWorld>[0]) {
  const { context } = await recordedWorld(t, { profile: 'prod' })
  const registered = neededProviders(context().environment.config).map((namespace) => ({
    namespace,
    registrationState: 'Registered',
  }))
  return recordedWorld(t, {
    profile: 'prod',
    recordings: [
      { command: 'az provider list', stdout: json(registered) },
      { command: show, stdout: feature('NotRegistered') },
      { command: show, after: registerFeature, stdout: feature('Registered') },
      { command: registerFeature, stdout: feature('Registering') },
      { command: registerProvider },
    ],
  })
}

t.test('a provider is registered anew once its feature is, for it knows of it only then', async (t) => {
  const world = await withoutFeature(t)
  t.match(await runStep(providers, world.context(), () => undefined), { ok: true })
  t.same(
    world.ran.filter((line) => !line.startsWith('az provider list')),
    [show, registerFeature, show, registerProvider, show],
  )
  const before = world.ran.length
  t.match(await runStep(providers, world.context(), () => undefined), { ok: true })
  t.notOk(
    world.ran.slice(before).some((line) => / register /.test(line)),
    'it is left alone from then on',
  )
})

t.test('a dry run prints both, and the wait between them', async (t) => {
  const world = await withoutFeature(t)
  const { lines } = await planSteps([providers], world.context({ isDryRun: true }))
  t.match(lines.slice(1), [
    /^ {2}az feature register .*EncryptionAtHost/,
    '  wait until the feature Microsoft.Compute/EncryptionAtHost is registered',
    /^ {2}az provider register --namespace Microsoft\.Compute --wait/,
  ])
  t.notOk(world.ran.includes(registerFeature))
})
