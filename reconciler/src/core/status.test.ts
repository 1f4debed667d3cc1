import t from 'tap'
import { maxTags, type DeliveryStatus } from '../api/delivery.ts'
import { formatTime } from '../api/time.ts'
import type { Standing } from './conditions.ts'
import type { Pause } from './pause.ts'
import { knownReleases } from './releases.ts'
import { describeStatus, type StatusUpdate } from './status.ts'
import { desired, image, repository, revision, running, startMs } from './test-builders.ts'

const nowMs = startMs + 3_600_000
const ready: Standing = { stance: 'ready', reason: 'Ready', message: 'r1 runs' }
const pause: Pause = {
  kind: 'paused',
  mode: 'all',
  objects: [],
  warnings: [],
  message: 'the Delivery is paused by ada',
}
const drifted = { apiVersion: 'apps/v1', kind: 'Deployment', namespace: 'team', name: 'web', isMissing: false }

t.test('the summary names what runs', async (t) => {
  t.same(describe(running(1)).summary, { running: 'r1', state: 'Ready' })
})

t.test('commits are cut short in the summary, and whole everywhere else', async (t) => {
  const sha = 'a'.repeat(40)

  const status = describe(running(1, { current: revision(1, { tag: sha }) }))

  t.equal(status.summary?.running, 'aaaaaaa')
  t.equal(status.current?.tag, sha)
})

t.test('the summary names what waits, and why', async (t) => {
  const status = describe(running(1), { pending: image(2), desired: desired({ pause }) })

  t.same(status.summary, { running: 'r1', pending: 'r2', state: 'Paused', held: 'the Delivery is paused by ada' })
  t.match(status.candidate, { tag: 'r2', digest: image(2).digest, seenAt: formatTime(image(2).seenAtMs) })
})

t.test('a pin that waits for a pause to end is what is pending, whatever is newest', async (t) => {
  const paused = desired({ pause, pin: 'r1' })
  const held = 'the Delivery is paused by ada; pinned to r1'

  t.match(describe(running(2), { pending: image(3), desired: paused }).summary, { pending: 'r1', held })
  t.match(describe(running(1), { pending: image(3), desired: paused }).summary, { pending: 'r3', held })
})

t.test('the summary names what is rolled out as pending, and how far it is', async (t) => {
  const rollout = { revision: revision(2), phase: 'Waiting', startedAt: formatTime(nowMs), attempt: 1 } as const
  const standing: Standing = {
    stance: 'progressing',
    reason: 'RolloutProgressing',
    message: 'r2 is rolling out: 1 of 2',
  }

  t.same(describe(running(1, { rollout }), { standing }).summary, {
    running: 'r1',
    pending: 'r2',
    state: 'RolloutProgressing',
    held: 'r2 is rolling out: 1 of 2',
  })
})

const api = { ...drifted, name: 'api' }
const heldWhilePaused: Readonly<Record<string, [drift: StatusUpdate['drift'], held: string]>> = {
  'nothing that was changed': [[], 'the Delivery is paused by ada'],
  'what another hand changed': [
    [drifted, api],
    'the Delivery is paused by ada; changed by another hand: Deployment/web, Deployment/api',
  ],
  'what another hand had changed when it could still be read': [
    'unknown',
    'the Delivery is paused by ada; changed by another hand: Deployment/web',
  ],
}

for (const [what, [drift, held]] of Object.entries(heldWhilePaused)) {
  t.test(`the summary of what is paused names ${what}`, async (t) => {
    const before = describe(running(1), { drift: [drifted] })
    t.match(describe(before, { drift, desired: desired({ pause }) }).summary, { state: 'Paused', held })
  })
}

t.test('the summary says what is pinned', async (t) => {
  t.match(describe(running(1), { desired: desired({ pin: 'r1' }) }).summary, { held: 'pinned to r1' })
})

t.test('a long reason for waiting is cut to what fits into a column', async (t) => {
  const standing: Standing = { stance: 'waiting', reason: 'BundlePending', message: 'x'.repeat(1000) }

  t.equal(describe(running(1), { standing }).summary?.held?.length, 256)
})

t.test('a candidate keeps the time at which it was first seen', async (t) => {
  const first = describe(running(1), { pending: image(2) })

  const later = describe(first, { pending: image(2, { seenAtMs: nowMs }) })

  t.equal(later.candidate?.seenAt, first.candidate?.seenAt)
})

t.test('a candidate goes when nothing is pending', async (t) => {
  t.notOk('candidate' in describe(running(1, { candidate: revision(2) })))
})

t.test('until the registry was read, what was said before stands', async (t) => {
  const before = describe(running(1), {
    pending: image(2),
    standing: { stance: 'stalled', reason: 'BundleMissing', message: 'no bundle' },
  })

  const after = describe(before, { standing: { stance: 'unknown', reason: 'Progressing', message: '' } })

  t.same(after, before)
})

t.test('a pause that ended is not shown any more, also before the registry was read', async (t) => {
  const paused = describe(running(1), { pending: image(2), desired: desired({ pause }) })

  const after = describe(paused, { standing: { stance: 'unknown', reason: 'Progressing', message: '' } })

  t.same(after.summary, { running: 'r1', pending: 'r2', state: 'Ready' })
})

t.test('drift has the time at which it was found, however often it is seen', async (t) => {
  const first = describe(running(1), { drift: [drifted] })
  const later = describe(first, { drift: [drifted, { ...drifted, name: 'api' }], nowMs: nowMs + 1000 })

  t.same(later.drifted, [
    { kind: 'Deployment', name: 'web', since: formatTime(nowMs) },
    { kind: 'Deployment', name: 'api', since: formatTime(nowMs + 1000) },
  ])
  t.notOk('drifted' in describe(later))
})

t.test('what could not be read this time stands as it was', async (t) => {
  const before = describe(running(1), { pending: image(2), drift: [drifted] })

  const after = describe(before, { pending: 'unknown', drift: 'unknown' })

  t.same(after, before)
})

t.test('a request to reconcile is noted as handled', async (t) => {
  t.equal(describe(running(1), { desired: desired({ reconcileRequest: 'now' }) }).lastHandledReconcileRequest, 'now')
})

t.test('the same words at another time leave status as it is', async (t) => {
  const once = describe(running(1), { pending: image(2), drift: [drifted] })

  t.same(describe(once, { pending: image(2), drift: [drifted], nowMs: nowMs + 60_000 }), once)
})

t.test('the digest of a tag that waited is remembered when it waits no more, once', async (t) => {
  const waits = describe(running(1), { pending: image(2) })
  const left = describe(waits, { pending: image(3) })

  t.same(waits.tags, [{ tag: 'r2', digest: image(2).digest }])
  t.same(
    left.tags?.map(({ tag }) => tag),
    ['r3', 'r2'],
  )
  t.same(describe(left, { pending: image(3) }), left)
  t.equal(knownReleases(describe(left), repository).digests.get('r2'), image(2).digest)
})

t.test('a candidate from before tags were remembered is remembered too', async (t) => {
  const { tags: _, ...earlier } = describe(running(1), { pending: image(2) })

  t.equal(knownReleases(describe(earlier), repository).digests.get('r2'), image(2).digest)
})

t.test('no more tags are remembered than status may hold', async (t) => {
  let status = running(1)
  for (let n = 2; n < maxTags + 10; n += 1) status = describe(status, { pending: image(n) })

  t.equal(status.tags?.length, maxTags)
  t.equal(status.tags?.[0]?.tag, `r${maxTags + 9}`)
})

function describe(status: DeliveryStatus, fields: Partial<StatusUpdate> = {}): DeliveryStatus {
  return describeStatus(status, {
    desired: desired(),
    standing: ready,
    pending: undefined,
    drift: [],
    nowMs,
    ...fields,
  })
}
