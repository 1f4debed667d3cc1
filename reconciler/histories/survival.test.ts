import t from 'tap'
import { holdFor } from './hold-for.ts'

t.test('the invariants hold while processes are killed, held up, cut off and followed by others', async (t) => {
  await holdFor(t, {
    weights: {
      push: 10,
      registryFault: 1,
      turn: 1,
      pulls: 1,
      pause: 1,
      resume: 1,
      pin: 1,
      retry: 1,
      hand: 2,
      mishap: 14,
      land: 2,
      depose: 2,
      watch: 2,
      wait: 3,
      stepClock: 1,
    },
    reasons: ['Ready', 'RolledBack', 'Paused'],
  })
})
