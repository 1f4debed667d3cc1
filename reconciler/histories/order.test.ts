import t from 'tap'
import { holdFor } from './hold-for.ts'

t.test(
  'the invariants hold while releases come in and out of order, their registry is read in part, and bundles are late, missing or too many',
  async (t) => {
    await holdFor(t, {
      weights: {
        push: 14,
        attach: 3,
        move: 2,
        deleteTag: 2,
        registryFault: 5,
        pin: 1,
        ask: 2,
        mishap: 2,
        poll: 3,
        wait: 4,
      },
      reasons: [
        'Ready',
        'BundlePending',
        'BundleAmbiguous',
        'KindNotSupported',
        'SequenceMissing',
        'RegistryThrottled',
      ],
    })
  },
)
