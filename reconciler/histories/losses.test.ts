import t from 'tap'
import { holdFor } from './hold-for.ts'

t.test(
  'the invariants hold while the Delivery is deleted and made again, its status is lost, and watches are late or begin anew',
  async (t) => {
    await holdFor(t, {
      weights: {
        push: 8,
        deleteDelivery: 2,
        createDelivery: 3,
        loseStatus: 2,
        spec: 2,
        hand: 4,
        mishap: 2,
        watch: 7,
        wait: 3,
        stepClock: 1,
      },
      reasons: ['Ready', 'Deleting', 'RolledBack'],
    })
  },
)
