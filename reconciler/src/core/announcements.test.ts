import t from 'tap'
import type { DeliveryStatus } from '../api/delivery.ts'
import { announce } from './announcements.ts'
import type { Standing } from './conditions.ts'
import type { Pause } from './pause.ts'
import { failRollout } from './failing.ts'
import { toHighWater } from './releases.ts'
import { beginRollout, finishRollout, wroteObjects } from './rollout.ts'
import { describeStatus } from './status.ts'
import { desired, image, revision, running, startMs } from './test-builders.ts'

const nowMs = startMs + 3_600_000
const ready: Standing = { stance: 'ready', reason: 'Ready', message: 'r1 runs' }
const pause: Pause = {
  kind: 'paused',
  mode: 'all',
  objects: [],
  warnings: [],
  message: 'the Delivery is paused by ada',
}

t.test('each step of a release is told once', async (t) => {
  const idle = describe(running(1))
  const begun = describe(begin(idle, 2), progressing('Applying'))
  const written = describe(wrote(begun), progressing('RolloutProgressing'))
  const ended = describe(finish(written))

  t.same(told(idle, begun), ['Normal Applying'])
  t.same(told(begun, written), ['Normal Applied'])
  t.same(told(written, ended), ['Normal Ready'])
  t.same(told(ended, ended), [])
})

t.test('a rollout that is superseded is told with the one that comes', async (t) => {
  const first = describe(begin(running(1), 2), progressing('Applying'))
  const second = describe(begin(first, 3, nowMs + 1), progressing('Applying'))

  t.same(told(first, second), ['Normal Superseded', 'Normal Applying'])
})

t.test('a failure is told once, with its reason', async (t) => {
  const waiting = describe(wrote(begin(running(1), 2)), progressing('RolloutProgressing'))
  const failed = describe(
    failRollout(waiting, rolloutOf(waiting), {
      fault: 'Release',
      reason: 'RolloutTimeout',
      message: 'too slow',
      nowMs,
      random: 0,
    }),
    { stance: 'stalled', reason: 'RolloutTimeout', message: 'too slow' },
  )

  t.same(told(waiting, failed), ['Warning RolloutTimeout'])
  t.same(told(failed, failed), [])
})

t.test('a pause and its end are told', async (t) => {
  const before = describe(running(1))
  const paused = describe(before, ready, pause)

  t.same(told(before, paused), ['Normal Paused'])
  t.same(told(paused, describe(paused)), ['Normal NotPaused'])
})

t.test('a problem is told when it comes and when it becomes another, not while it stays', async (t) => {
  const well = describe(running(1))
  const down = describe(well, problem('RegistryUnavailable', 'no answer'))
  const stillDown = describe(down, problem('RegistryUnavailable', 'still no answer'))
  const refused = describe(down, problem('RegistryForbidden', '403'))

  t.same(told(well, down), ['Warning RegistryUnavailable'])
  t.same(told(down, stillDown), [])
  t.same(told(down, refused), ['Warning RegistryForbidden'])
})

t.test(
  'a repository that is not there is told as a wait before the first release, and as a problem after',
  async (t) => {
    const missing = problem('RepositoryNotFound', 'the registry does not know it')
    t.same(told({}, describe({}, missing)), ['Normal RepositoryNotFound'])
    const well = describe(running(1))
    t.same(told(well, describe(well, missing)), ['Warning RepositoryNotFound'])
  },
)

t.test('waits that are expected are no problem', async (t) => {
  t.same(told({}, describe({}, { stance: 'waiting', reason: 'WaitingForFirstTag', message: 'no tag' })), [])
  t.same(told({}, describe({}, problem('BundlePending', 'not yet'))), [])
})

function told(before: DeliveryStatus, after: DeliveryStatus): readonly string[] {
  return announce(before, after).map(({ type, reason }) => `${type} ${reason}`)
}

function describe(status: DeliveryStatus, standing: Standing = ready, paused?: Pause): DeliveryStatus {
  const wanted = desired(paused === undefined ? {} : { pause: paused })
  return describeStatus(status, { desired: wanted, standing, pending: undefined, drift: [], nowMs })
}

function progressing(reason: Standing['reason']): Standing {
  return { stance: 'progressing', reason, message: '' }
}

function problem(reason: Standing['reason'], message: string): Standing {
  return { stance: 'waiting', reason, message }
}

function begin(status: DeliveryStatus, n: number, atMs = nowMs): DeliveryStatus {
  return beginRollout(status, {
    revision: revision(n),
    highWater: toHighWater(image(n)),
    objects: [],
    superseded: 0,
    timeoutMs: 60_000,
    leaseEpoch: 1,
    nowMs: atMs,
  })
}

function wrote(status: DeliveryStatus): DeliveryStatus {
  return wroteObjects(status, rolloutOf(status), { entries: [], timeoutMs: 1000, nowMs })
}

function finish(status: DeliveryStatus): DeliveryStatus {
  return finishRollout(status, rolloutOf(status), { prune: true, nowMs })
}

function rolloutOf({ rollout }: DeliveryStatus) {
  if (rollout === undefined) throw new Error('this status has no rollout')
  return rollout
}
