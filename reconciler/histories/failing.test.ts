import t from 'tap'
import { holdFor } from './hold-for.ts'

t.test(
  "the invariants hold while releases fail by their own fault and by the environment's, and are gone back from",
  async (t) => {
    await holdFor(t, {
      weights: { push: 12, turn: 3, pulls: 4, evict: 3, retry: 3, spec: 1, mishap: 1, poll: 1, wait: 8 },
      reasons: ['Ready', 'RolledBack', 'CrashLooping', 'RolloutTimeout'],
    })
  },
)
