import t from 'tap'
import type { Condition } from '../api/delivery.ts'
import { nextConditions, type ConditionOptions, type Standing } from './conditions.ts'
import type { Pause } from './pause.ts'

const nowMs = Date.parse('2026-01-02T03:04:05Z')
const earlier = '2026-01-01T00:00:00.000Z'
const running: Pause = { kind: 'running' }

const cases: Record<string, { standing: Standing; expected: Record<string, string> }> = {
  'ready is Ready alone': {
    standing: { stance: 'ready', reason: 'Ready', message: 'abc runs' },
    expected: { Ready: 'True', Reconciling: 'False', Stalled: 'False', Paused: 'False' },
  },
  'progressing is Reconciling, which kstatus reads as in progress': {
    standing: { stance: 'progressing', reason: 'RolloutProgressing', message: '1 of 2' },
    expected: { Ready: 'False', Reconciling: 'True', Stalled: 'False', Paused: 'False' },
  },
  'waiting is neither Reconciling nor Stalled: nothing is under way and nobody is called': {
    standing: { stance: 'waiting', reason: 'WaitingForFirstTag', message: 'no tag' },
    expected: { Ready: 'False', Reconciling: 'False', Stalled: 'False', Paused: 'False' },
  },
  'stalled is Stalled, which kstatus reads as failed': {
    standing: { stance: 'stalled', reason: 'SpecInvalid', message: 'spec.poll' },
    expected: { Ready: 'False', Reconciling: 'False', Stalled: 'True', Paused: 'False' },
  },
}

for (const [sentence, { standing, expected }] of Object.entries(cases)) {
  t.test(sentence, async (t) => {
    const conditions = nextConditions([], options({ standing }))

    t.same(Object.fromEntries(conditions.map(({ type, status }) => [type, status])), expected)
    t.match(byType(conditions, 'Ready'), { reason: standing.reason, message: standing.message, observedGeneration: 7 })
  })
}

t.test('every condition has a reason, as the API wants it', async (t) => {
  for (const condition of nextConditions([], options())) t.not(condition.reason, '')
})

t.test('a condition that keeps its status keeps its time, whatever its message', async (t) => {
  const before = nextConditions([], options()).map((condition) => ({ ...condition, lastTransitionTime: earlier }))

  const after = nextConditions(before, options({ standing: { stance: 'ready', reason: 'Ready', message: 'def runs' } }))

  t.match(byType(after, 'Ready'), { lastTransitionTime: earlier, message: 'def runs' })
})

t.test('a condition that changes its status gets the time of the change', async (t) => {
  const before = nextConditions([], options()).map((condition) => ({ ...condition, lastTransitionTime: earlier }))

  const after = nextConditions(
    before,
    options({ standing: { stance: 'stalled', reason: 'RolloutFailed', message: '' } }),
  )

  t.equal(byType(after, 'Ready')?.lastTransitionTime, '2026-01-02T03:04:05.000Z')
  t.equal(byType(after, 'Reconciling')?.lastTransitionTime, earlier)
})

t.test('a pause is said beside how it stands', async (t) => {
  const pause: Pause = { kind: 'paused', mode: 'all', objects: [], warnings: [], message: 'paused by ada' }

  const conditions = nextConditions([], options({ pause }))

  t.match(byType(conditions, 'Paused'), { status: 'True', reason: 'Paused', message: 'paused by ada' })
  t.match(byType(conditions, 'Ready'), { status: 'True' })
})

t.test('what is not known yet leaves the conditions as they were, under the new generation', async (t) => {
  const before = nextConditions(
    [],
    options({ standing: { stance: 'stalled', reason: 'RolloutFailed', message: 'why' } }),
  )

  const after = nextConditions(
    before,
    options({ standing: { stance: 'unknown', reason: 'Progressing', message: '' }, generation: 8 }),
  )

  t.match(byType(after, 'Ready'), { status: 'False', reason: 'RolloutFailed', message: 'why', observedGeneration: 8 })
  t.match(byType(after, 'Stalled'), { status: 'True' })
})

t.test('a message of any length is cut', async (t) => {
  const [ready] = nextConditions(
    [],
    options({ standing: { stance: 'ready', reason: 'Ready', message: 'x'.repeat(9999) } }),
  )

  t.equal(ready?.message.length, 4096)
})

function options(fields: Partial<ConditionOptions> = {}): ConditionOptions {
  return {
    standing: { stance: 'ready', reason: 'Ready', message: 'abc runs' },
    pause: running,
    generation: 7,
    nowMs,
    ...fields,
  }
}

function byType(conditions: readonly Condition[], type: string): Condition | undefined {
  return conditions.find((condition) => condition.type === type)
}
