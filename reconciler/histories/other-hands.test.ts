import t from 'tap'
import { holdFor } from './hold-for.ts'

t.test('the invariants hold while other hands change, take, scale and delete objects', async (t) => {
  await holdFor(t, {
    weights: { push: 8, pulls: 1, evict: 1, pause: 1, resume: 1, spec: 2, hand: 12, mishap: 2, watch: 2, wait: 3 },
    reasons: ['Ready', 'FieldConflict', 'DriftDetected'],
  })
})
