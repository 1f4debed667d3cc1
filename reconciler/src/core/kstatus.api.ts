import t, { type Test } from 'tap'
import { run } from '../../../bootstrap/local/run.ts'
import { ensureTools } from '../../../bootstrap/local/tools.ts'
import { apiVersion, kind } from '../api/delivery.ts'
import { nextConditions } from './conditions.ts'
import type { Stance } from './plan.ts'
import { healthCases } from './test-health-corpus.ts'

t.setTimeout(300_000)

const states: Readonly<Record<string, string>> = {
  Current: 'current',
  InProgress: 'inProgress',
  Failed: 'failed',
  Terminating: 'terminating',
}

/** What kstatus itself says of each object. */
async function askKstatus(t: Test, objects: readonly object[]): Promise<readonly (string | undefined)[]> {
  const { kstatus } = await ensureTools(['kstatus'], { onStep: (step) => t.comment(step) })
  const input = objects.map((object) => `${JSON.stringify(object)}\n`).join('')
  const { stdout } = await run(kstatus, [], { input })
  return stdout.split('\n').map((line) => states[line])
}

t.test('kstatus reads each object as we do, but where a reason to differ is written down', async (t) => {
  const cases = Object.entries(healthCases)

  const read = await askKstatus(
    t,
    cases.map(([, { object }]) => object),
  )

  t.equal(read.length, cases.length, 'it read every object')
  for (const [index, [sentence, { expected, kstatus: reason }]] of cases.entries()) {
    if (reason === undefined) t.equal(read[index], expected, sentence)
    else t.not(read[index], expected, `${sentence}: kstatus ${reason}`)
  }
})

t.test('kstatus reads a Delivery by its conditions', async (t) => {
  const stances: readonly Exclude<Stance, 'unknown'>[] = ['ready', 'progressing', 'waiting', 'stalled']

  const read = await askKstatus(t, stances.map(deliveryThat))

  t.same(read, ['current', 'inProgress', 'inProgress', 'failed'])
})

function deliveryThat(stance: Stance): object {
  const standing = { stance, reason: 'Ready', message: 'as it stands' } as const
  const conditions = nextConditions([], { standing, pause: { kind: 'running' }, generation: 7, nowMs: 0 })
  return {
    apiVersion,
    kind,
    metadata: { name: 'web', namespace: 'team', generation: 7 },
    status: { observedGeneration: 7, conditions },
  }
}
