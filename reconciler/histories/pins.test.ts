import t from 'tap'
import { holdFor } from './hold-for.ts'

t.test('the invariants hold while an operator pins, unpins and asks for another try', async (t) => {
  await holdFor(t, {
    weights: {
      push: 10,
      turn: 1,
      pulls: 1,
      pin: 7,
      retry: 5,
      ask: 1,
      pause: 1,
      resume: 1,
      mishap: 2,
      poll: 1,
      wait: 3,
    },
    reasons: ['Ready', 'RolledBack', 'CrashLooping'],
  })
})
