import t from 'tap'
import { holdFor } from './hold-for.ts'

t.test('the invariants hold while leaders follow one another, and what an earlier one sent lands late', async (t) => {
  await holdFor(t, {
    weights: {
      push: 10,
      pulls: 1,
      pause: 1,
      resume: 1,
      pin: 1,
      hand: 2,
      mishap: 8,
      land: 4,
      depose: 6,
      watch: 2,
      wait: 3,
      stepClock: 1,
    },
    reasons: ['Ready', 'RolledBack', 'Paused'],
  })
})
