import t from 'tap'
import type { Recording } from '../recordings/recording.ts'
import { recordedWorld } from '../testing.ts'
import { isApplied } from './applied.ts'

const object = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'predictor' } }

const answers: Readonly<Record<string, readonly [answer: Omit<Recording, 'command'>, isApplied: boolean]>> = {
  'nothing differs': [{}, true],
  'something differs': [{ exitCode: 1, stdout: '+  labels:' }, false],
  'its Namespace is not there yet': [
    { exitCode: 1, stderr: 'Error from server (NotFound): namespaces "predictor" not found' },
    false,
  ],
  'its kind is not known yet': [
    { exitCode: 2, stderr: 'error: no matches for kind "Delivery" in version "windlass.dev/v1"' },
    false,
  ],
}

for (const [name, [answer, expected]] of Object.entries(answers)) {
  t.test(`kubectl diff is asked once whether objects are applied: ${name}`, async (t) => {
    const world = await recordedWorld(t, { recordings: [{ command: 'kubectl diff', ...answer }] })
    t.equal(await isApplied(world.context(), [object]), expected)
    t.equal(world.ran.length, 1)
  })
}

t.test('where it could not ask, whichever code it ends with, that is told, and it is not asked again', async (t) => {
  for (const exitCode of [1, 2]) {
    const stderr = 'Unable to connect to the server: dial tcp 203.0.113.7:443: i/o timeout'
    const world = await recordedWorld(t, { recordings: [{ command: 'kubectl diff', exitCode, stderr }] })
    await t.rejects(isApplied(world.context(), [object]), {
      name: 'Problem',
      message: /i\/o timeout[^]*To mend: the API server does not answer this machine/,
    })
    t.equal(world.ran.length, 1)
  }
})
