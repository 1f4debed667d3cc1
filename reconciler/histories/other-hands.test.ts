import t from 'tap'
import { holdFor } from './hold-for.ts'

t.test(
  'the invariants hold whatever other hands do to objects, status, the Delivery and what is told of them',
  async (t) => {
    await holdFor(t, {
      weights: {
        push: 8,
        pulls: 1,
        evict: 1,
        pause: 1,
        resume: 1,
        deleteDelivery: 1,
        createDelivery: 2,
        loseStatus: 1,
        spec: 2,
        hand: 10,
        mishap: 2,
        watch: 5,
        wait: 3,
        stepClock: 1,
      },
      reasons: ['Ready', 'NotOurs', 'FieldConflict', 'DriftDetected'],
    })
  },
)
