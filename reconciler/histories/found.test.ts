import t from 'tap'
import type { DeliverySpec } from '../src/api/delivery.ts'
import type { Happening } from './happening.ts'
import { playOut } from './play-out.ts'
import { push } from './test-happenings.ts'

interface Found {
  readonly happenings: readonly Happening[]
  readonly spec?: Partial<DeliverySpec>
  /** What status must have said on the way, or the history is another by now. */
  readonly reason: string
}

const spec: Partial<DeliverySpec> = { rollout: { timeout: '1m', onFailure: 'RollBack', logs: true } }
const stallsConfigMaps: Happening = { kind: 'watch', watch: 'stall', path: 3 }

/** Histories that broke an invariant once, and some that are too rare to be drawn. */
const found: Readonly<Record<string, Found>> = {
  'what was asked for again and the newest are refused both, and do not come in turns': {
    happenings: [
      push({ nature: 'crashing' }),
      { kind: 'attach', push: 0 },
      push({ bundles: 'none' }),
      { kind: 'retry', push: 1, isDigest: false },
    ],
    reason: 'BundleAmbiguous',
  },
  'an object that is deleted while its watch does not follow is written again': {
    happenings: [stallsConfigMaps, push(), { kind: 'hand', hand: 'delete', object: 'ConfigMap/settings' }],
    reason: 'Ready',
  },
  'a spec that was changed while its watch did not follow is heeded once the watch lists again': {
    happenings: [
      push(),
      { kind: 'watch', watch: 'stall', path: 0 },
      { kind: 'hand', hand: 'change', object: 'Deployment/web' },
      { kind: 'spec', spec: { drift: 'Report' } },
    ],
    reason: 'Ready',
  },
  'a pause of an object that its watch tells after it was written is heeded': {
    happenings: [push(), stallsConfigMaps, { kind: 'pause', on: 'object', value: 'true', mode: undefined }, push()],
    reason: 'Ready',
  },
  'a new leader leaves what was gone back to as it stands, until it has read the registry': {
    happenings: [push(), push({ nature: 'crashing' }), push({ sequence: 'none' })],
    reason: 'SequenceMissing',
  },
  'going back that meets the fields of another apply manager is not tried without a pause': {
    happenings: [
      push(),
      push({ nature: 'neverReady' }),
      { kind: 'hand', hand: 'takeByApply', object: 'Deployment/web' },
      { kind: 'wait', ms: 61_000 },
    ],
    reason: 'FieldConflict',
  },
  'a repository that is pushed to faster than its releases become ready is not starved': {
    happenings: [push(), ...Array.from({ length: 6 }, () => push({ nature: 'slow' }))],
    reason: 'RolloutProgressing',
  },
  "what the environment fails again and again is given up after five tries, and is in no one's way": {
    happenings: [
      push(),
      { kind: 'pulls', isBroken: true },
      push(),
      ...Array.from({ length: 8 }, (): Happening => ({ kind: 'wait', ms: 10 * 60_000 })),
      { kind: 'pulls', isBroken: false },
      push(),
    ],
    reason: 'RolledBack',
  },
  'going back that fails ends there': {
    happenings: [
      push(),
      push({ nature: 'neverReady' }),
      { kind: 'turn', push: 1, nature: 'neverReady' },
      { kind: 'evict' },
      { kind: 'wait', ms: 130_000 },
    ],
    reason: 'GoingBackFailed',
  },
}

for (const [sentence, { happenings, reason, spec: given = spec }] of Object.entries(found)) {
  t.test(sentence, async (t) => {
    const steps = happenings.map((happening) => ({ happening, isPolled: true }))
    const { broken, reasons } = await playOut(given, steps)

    t.same(broken, [])
    t.ok(reasons.has(reason), `status said ${[...reasons].join(', ')}`)
  })
}
