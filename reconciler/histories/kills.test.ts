import t from 'tap'
import { holdFor } from './hold-for.ts'

t.test(
  'the invariants hold while processes are killed at every request, before and after it takes effect',
  async (t) => {
    await holdFor(t, {
      weights: {
        push: 10,
        registryFault: 1,
        turn: 1,
        pin: 1,
        retry: 1,
        hand: 2,
        mishap: 16,
        deleteDelivery: 1,
        createDelivery: 1,
        wait: 3,
      },
      reasons: ['Ready', 'RolledBack', 'CrashLooping'],
    })
  },
)
