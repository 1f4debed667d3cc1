import t from 'tap'
import type { DeliveryStatus, Hindrance } from '../api/delivery.ts'
import { formatTime } from '../api/time.ts'
import { lateHindrance, noteHindrance } from './hindrance.ts'
import type { PodFault } from './pod-faults.ts'
import { rollout, running } from './test-builders.ts'

const nowMs = Date.parse('2026-01-02T03:04:05Z')
const noPull: PodFault = { fault: 'environment', reason: 'ImagePullFailed', message: 'answers 503', isFinal: false }
const crash: PodFault = { fault: 'release', reason: 'CrashLooping', message: 'exit code 3', isFinal: false }
const known = { reason: 'ImagePullFailed', message: 'answers 503' }

interface Noted {
  readonly before?: Hindrance
  readonly fault?: PodFault
  readonly after: Hindrance | undefined
}

const noted: Readonly<Record<string, Noted>> = {
  'nothing is noted where nothing is wrong': { after: undefined },
  'a fault of the environment is noted': { fault: noPull, after: known },
  'a fault of the release is not': { fault: crash, after: undefined },
  'it is noted when it was seen no more': { before: known, after: { ...known, endedAt: formatTime(nowMs) } },
  'what the release does then does not prolong it': {
    before: known,
    fault: crash,
    after: { ...known, endedAt: formatTime(nowMs) },
  },
  'its end stays where it was': { before: { ...known, endedAt: 'then' }, after: { ...known, endedAt: 'then' } },
  'it may begin again': { before: { ...known, endedAt: 'then' }, fault: noPull, after: known },
}

for (const [sentence, { before, fault, after }] of Object.entries(noted)) {
  t.test(sentence, async (t) => {
    const status = running(1, { rollout: rollout(before === undefined ? {} : { hindrance: before }) })

    t.same(noteHindrance(status, fault, nowMs).rollout?.hindrance, after)
  })
}

t.test('only what is awaited is held up', async (t) => {
  const statuses: readonly DeliveryStatus[] = [
    running(1),
    ...(['Applying', 'Pruning', 'Failed'] as const).map((phase) => running(1, { rollout: rollout({ phase }) })),
  ]
  for (const status of statuses) t.equal(noteHindrance(status, noPull, nowMs), status)
})

const timeoutMs = 300_000
const late: Readonly<Record<string, { readonly hindrance?: Hindrance; readonly counts: boolean }>> = {
  'what never was does not count': { counts: false },
  'what lasts counts': { hindrance: known, counts: true },
  'what ended in the second half of the wait counts': {
    hindrance: { ...known, endedAt: formatTime(nowMs - timeoutMs / 2 + 1_000) },
    counts: true,
  },
  'what left half of the wait does not': {
    hindrance: { ...known, endedAt: formatTime(nowMs - timeoutMs / 2) },
    counts: false,
  },
}

for (const [sentence, { hindrance, counts }] of Object.entries(late)) {
  t.test(sentence, async (t) => {
    const found = lateHindrance(hindrance === undefined ? {} : { hindrance }, { timeoutMs, nowMs })

    t.same(found, counts ? hindrance : undefined)
  })
}
