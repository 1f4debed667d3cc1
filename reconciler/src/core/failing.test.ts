import t from 'tap'
import { maxAttempts, type DeliveryStatus, type RolloutStatus } from '../api/delivery.ts'
import { formatTime } from '../api/time.ts'
import { courseOf, failRollout, goBack, type Failure } from './failing.ts'
import { letOut } from './quarantine.ts'
import { finishRollout } from './rollout.ts'
import { revision, rollout, running, startMs, work } from './test-builders.ts'

const nowMs = startMs + 3_600_000
const own: Failure = { fault: 'Release', reason: 'RolloutTimeout', message: 'too slow', nowMs, random: 0 }
const foreign: Failure = { ...own, fault: 'Environment', reason: 'ImagePullFailed', message: '429' }
const options = { timeoutMs: 60_000, leaseEpoch: 3 }

t.test('going back is a rollout of the last good release, and knows from what and why', async (t) => {
  const status = goBack(running(1), rollout(), { ...own, log: 'panic' }, options)

  t.match(status, {
    current: { tag: 'r1' },
    failed: { revision: { tag: 'r2' }, fault: 'Release', reason: 'RolloutTimeout', log: 'panic', attempt: 1 },
    rollout: {
      revision: { tag: 'r1' },
      phase: 'Applying',
      purpose: 'GoBack',
      deadline: formatTime(nowMs + 60_000),
      leaseEpoch: 3,
    },
    quarantine: [{ tag: 'r2', reason: 'RolloutTimeout' }],
    history: [{ tag: 'r2', outcome: 'Failed', reason: 'RolloutTimeout' }],
  })
  t.notOk(status.failed?.nextTryAt, 'its own fault is not tried again')
  t.notMatch(JSON.stringify([status.quarantine, status.history]), 'panic', 'log lines stand in one place')
})

t.test('what fails by the environment is tried again later and later, and five times at most', async (t) => {
  const delays = Array.from({ length: maxAttempts }, (_, n) => {
    const { failed, quarantine } = goBack(running(1), rollout({ attempt: n + 1 }), foreign, options)
    t.notOk(quarantine)
    return failed?.nextTryAt === undefined ? undefined : Date.parse(failed.nextTryAt) - nowMs
  })

  t.same(delays, [30_000, 60_000, 120_000, 240_000, undefined])
})

t.test('going back that succeeds leaves what runs as it was, and remembers what failed', async (t) => {
  const back = goBack(running(1), rollout(), own, options)

  const status = finishRollout(back, rolloutOf(back), { prune: true, nowMs: nowMs + 1 })

  t.same(status.current, running(1).current)
  t.match(status, { failed: { revision: { tag: 'r2' } }, history: [{ tag: 'r1', outcome: 'RolledBack' }] })
  t.notOk(status.rollout)
})

t.test('going back that fails puts nothing into quarantine and is not tried again (invariant 9)', async (t) => {
  const back = goBack(running(1), rollout(), foreign, options)

  const status = failRollout(back, rolloutOf(back), own)

  t.match(status.rollout, { phase: 'Failed', purpose: 'GoBack', reason: 'RolloutTimeout' })
  t.notOk(status.quarantine)
  t.notOk(status.failed?.nextTryAt)
  t.equal(courseOf(status, rolloutOf(back), work()), 'hold')
})

const courses: Record<string, [status: DeliveryStatus, rollout: RolloutStatus, course: string, hold?: boolean]> = {
  'a release after a good one is gone back from': [running(1), rollout(), 'goBack'],
  'a first release holds': [{}, rollout(), 'hold'],
  'the last good release itself holds': [running(2), rollout(), 'hold'],
  'under Hold everything holds': [running(1), rollout(), 'hold', true],
}
for (const [sentence, [status, failing, course, isHold]] of Object.entries(courses)) {
  t.test(sentence, async (t) => {
    const { spec } = work()
    const onFailure = isHold === true ? 'Hold' : 'RollBack'
    t.equal(
      courseOf(status, failing, { ...work(), spec: { ...spec, rollout: { ...spec.rollout, onFailure } } }),
      course,
    )
  })
}

t.test('a release that runs after all leaves quarantine, and so does one that is let out', async (t) => {
  const held = failRollout(running(1), rollout(), own)
  t.equal(held.quarantine?.length, 1)

  t.notOk(letOut(held, 'r2').quarantine)
  t.notOk(letOut(held, revision(2).digest).quarantine)
  t.equal(letOut(held, 'r3').quarantine?.length, 1)
  t.notOk(finishRollout(held, rollout(), { prune: true, nowMs }).quarantine)
})

t.test('quarantine keeps the newest twenty, each release once', async (t) => {
  let status = running(1)
  for (let n = 2; n < 30; n += 1) status = failRollout(status, rollout({ revision: revision(n) }), own)
  status = failRollout(status, rollout({ revision: revision(28) }), own)

  t.equal(status.quarantine?.length, 20)
  t.same(
    status.quarantine?.slice(0, 3).map(({ tag }) => tag),
    ['r28', 'r29', 'r27'],
  )
})

function rolloutOf({ rollout }: DeliveryStatus): RolloutStatus {
  if (rollout === undefined) throw new Error('this status has no rollout')
  return rollout
}
