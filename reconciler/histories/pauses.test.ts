import t from 'tap'
import { holdFor } from './hold-for.ts'

t.test(
  'the invariants hold while an operator pauses and resumes at every place, in both modes, for a time or by odd values',
  async (t) => {
    await holdFor(t, {
      weights: {
        push: 10,
        pulls: 1,
        pause: 8,
        resume: 5,
        hand: 3,
        mishap: 3,
        watch: 1,
        spec: 1,
        wait: 4,
        stepClock: 1,
      },
      reasons: ['Ready', 'Paused', 'RolledBack', 'DriftDetected'],
    })
  },
)
