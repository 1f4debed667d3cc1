import t from 'tap'
import { holdFor } from './hold-for.ts'

t.test('the invariants hold for releases, good and bad, in and out of order, seen whole and in part', async (t) => {
  await holdFor(t, {
    weights: {
      push: 12,
      attach: 2,
      move: 1,
      deleteTag: 1,
      registryFault: 3,
      turn: 2,
      pulls: 2,
      evict: 2,
      retry: 2,
      ask: 1,
      spec: 1,
      mishap: 2,
      poll: 2,
      wait: 6,
    },
    reasons: [
      'Ready',
      'RolledBack',
      'CrashLooping',
      'RolloutTimeout',
      'BundlePending',
      'BundleAmbiguous',
      'RegistryThrottled',
    ],
  })
})
