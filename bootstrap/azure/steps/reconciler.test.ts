import t from 'tap'
import { ids } from '../recordings/ids.ts'
import { json } from '../recordings/recording.ts'
import { runStep } from '../run-steps.ts'
import { recordedWorld } from '../testing.ts'
import { reconciler } from './reconciler.ts'

t.test('which image must be kept from retention is told once, when the reconciler is there', async (t) => {
  const outputs = { 'registry-host': { value: 'cr.azurecr.io' }, 'reconciler-client-id': { value: 'x' } }
  const world = await recordedWorld(t, {
    options: { image: `cr.azurecr.io/windlass@${ids.digest}` },
    recordings: [
      { command: 'terraform -chdir={synth}/stacks/platform init' },
      { command: 'terraform -chdir={synth}/stacks/platform output', stdout: json(outputs) },
      { command: 'kubectl diff' },
    ],
  })
  const context = world.context()
  t.match(await runStep(reconciler, context, () => undefined), { ok: true })
  t.match(context.notes, [`the reconciler is ${ids.digest}: name that in RETENTION_KEEP of dev-retention`])
  t.equal(context.notes.length, 1)

  world.failures.push({ command: 'kubectl diff', exitCode: 1, stdout: '+ image' })
  const another = world.context()
  t.match(await reconciler.find(another), { isDone: false })
  t.same(another.notes, [])
})
