import t from 'tap'
import { az, runUnless } from './context.ts'
import { recordedWorld } from './testing.ts'

const stderr = 'ERROR: (ResourceGroupNotFound) The group could not be found.'

t.test('a failure that is an answer is one, and any other is told; neither runs the command twice', async (t) => {
  const world = await recordedWorld(t, { recordings: [{ command: 'az group show', exitCode: 3, stderr }] })
  const context = world.context()
  const call = az(context, 'group show', { name: 'x' })
  t.equal(await runUnless(context, call, /ResourceGroupNotFound/), undefined)
  await t.rejects(runUnless(context, call, /something else/), { name: 'Problem', message: /ResourceGroupNotFound/ })
  t.equal(world.ran.length, 2)
})

t.test('a program that could not do its work has not answered', async (t) => {
  const world = await recordedWorld(t, { recordings: [{ command: 'az group show', exitCode: 127, stderr }] })
  const context = world.context()
  await t.rejects(runUnless(context, az(context, 'group show'), /NotFound/), { name: 'Problem' })
})
