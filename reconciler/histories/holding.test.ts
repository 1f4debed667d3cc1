import t from 'tap'
import { holdFor } from './hold-for.ts'

t.test('the invariants hold while an operator pauses, resumes, pins and asks for another try', async (t) => {
  await holdFor(t, {
    weights: {
      push: 10,
      turn: 1,
      pulls: 1,
      pause: 5,
      resume: 4,
      pin: 4,
      retry: 4,
      ask: 1,
      spec: 1,
      hand: 2,
      mishap: 2,
      watch: 1,
      poll: 1,
      wait: 4,
      stepClock: 1,
    },
    reasons: ['Ready', 'Paused', 'RolledBack', 'DriftDetected'],
  })
})
