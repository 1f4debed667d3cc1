import t from 'tap'
import { maxHistory, type DeliveryStatus, type InventoryEntry } from '../api/delivery.ts'
import { formatTime } from '../api/time.ts'
import { failRollout } from './failing.ts'
import { toHighWater } from './releases.ts'
import {
  beginRollout,
  claimRollout,
  finishRollout,
  freezeRollout,
  prunedObjects,
  thawRollout,
  wroteObjects,
} from './rollout.ts'
import { image, revision, running, startMs } from './test-builders.ts'

const nowMs = startMs + 3_600_000
const web: InventoryEntry = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' }
const settings: InventoryEntry = { apiVersion: 'v1', kind: 'ConfigMap', name: 'settings' }

t.test(
  'the write-ahead names the release, its position, and every object that may be found from here on',
  async (t) => {
    const status = begin(running(1, { inventory: [web, settings] }), 2, [web])

    t.match(status, {
      current: { tag: 'r1' },
      highWater: { tag: 'r2', sequence: 2 },
      rollout: {
        revision: { tag: 'r2' },
        phase: 'Applying',
        attempt: 1,
        leaseEpoch: 7,
        startedAt: formatTime(nowMs),
        deadline: formatTime(nowMs + 60_000),
      },
      inventory: [web, { ...settings, stale: true }],
    })
  },
)

t.test('the candidate is none any more once it is rolled out', async (t) => {
  t.notOk('candidate' in begin(running(1, { candidate: revision(2) }), 2, [web]))
})

t.test('an undecided rollout that is superseded goes into history', async (t) => {
  const status = begin(begin(running(1), 2, [web]), 3, [web], 1)

  t.match(status, { rollout: { superseded: 1 }, history: [{ tag: 'r2', outcome: 'Superseded' }] })
})

t.test('a failed rollout that is followed by another was not superseded', async (t) => {
  const failed = failRollout(begin(running(1), 2, [web]), rolloutOf(begin(running(1), 2, [web])), failure)

  t.same(
    begin(failed, 3, [web]).history?.map(({ outcome }) => outcome),
    ['Failed'],
  )
})

t.test('objects of a release that never became ready are remembered through the next', async (t) => {
  const status = begin(begin(running(1, { inventory: [web] }), 2, [web, settings]), 3, [web])

  t.match(status.inventory, [web, { name: 'settings', stale: true }])
})

t.test('once all is written the wait begins, with its deadline', async (t) => {
  const status = wrote(begin(running(1), 2, [web]))

  t.match(status.rollout, {
    phase: 'Waiting',
    deadline: formatTime(nowMs + 60_000),
    revision: { appliedAt: formatTime(nowMs) },
  })
  t.match(status.inventory?.[0], { name: 'web', hash: 'new', uid: 'u' })
})

t.test('what is written again in mid-wait does not put off the deadline', async (t) => {
  const waiting = wrote(begin(running(1), 2, [web]))
  const entries = [{ ...web, hash: 'newer' }]

  const status = wroteObjects(waiting, rolloutOf(waiting), { entries, timeoutMs: 60_000, nowMs: nowMs + 30_000 })

  t.same(status.rollout, waiting.rollout)
  t.match(status.inventory, entries)
})

t.test('a leader that goes on with a rollout says so in it', async (t) => {
  t.equal(claimRollout(begin(running(1), 2, [web]), 8).rollout?.leaseEpoch, 8)
  t.same(claimRollout(running(1), 8), running(1))
})

t.test('a ready release is current, and the one before it previous', async (t) => {
  const status = finish(wrote(begin(running(1), 2, [web])))

  t.match(status, {
    current: { tag: 'r2', readyAt: formatTime(nowMs) },
    previous: { tag: 'r1' },
    history: [{ tag: 'r2', outcome: 'Ready' }],
  })
  t.notOk('rollout' in status)
})

t.test('a release that is rolled out again does not become its own predecessor', async (t) => {
  const once = finish(wrote(begin(running(1), 2, [web])))

  t.match(finish(wrote(begin(once, 2, [web]))), { current: { tag: 'r2' }, previous: { tag: 'r1' } })
})

t.test('what is stale is pruned after the release is ready, not before', async (t) => {
  const status = finish(wrote(begin(running(1, { inventory: [web, settings] }), 2, [web])))

  t.match(status, { current: { tag: 'r2' }, rollout: { phase: 'Pruning' } })
  t.equal(status.inventory?.length, 2)
  t.notOk(status.rollout?.deadline)

  const pruned = prunedObjects(status)
  t.notOk('rollout' in pruned)
  t.match(pruned.inventory, [{ name: 'web' }])
})

t.test('without prune what is stale is left behind and forgotten', async (t) => {
  const begun = wrote(begin(running(1, { inventory: [web, settings] }), 2, [web]))

  const status = finishRollout(begun, rolloutOf(begun), { prune: false, nowMs })

  t.notOk('rollout' in status)
  t.match(status.inventory, [{ name: 'web' }])
})

t.test('a failure is kept in status with its reason, beside what ran before', async (t) => {
  const begun = wrote(begin(running(1), 2, [web]))

  const status = failRollout(begun, rolloutOf(begun), failure)

  t.match(status, {
    current: { tag: 'r1' },
    rollout: { phase: 'Failed', reason: 'RolloutTimeout', message: 'too slow' },
    history: [{ tag: 'r2', outcome: 'Failed', reason: 'RolloutTimeout' }],
  })
  t.notOk(status.rollout?.deadline)
})

t.test('while frozen the deadline is gone; afterwards it starts afresh, once', async (t) => {
  const waiting = wrote(begin(running(1), 2, [web]))

  const frozen = freezeRollout(waiting)
  t.notOk(frozen.rollout?.deadline)

  const later = { timeoutMs: 60_000, nowMs: nowMs + 500_000 }
  const thawed = thawRollout(frozen, later)
  t.equal(thawed.rollout?.deadline, formatTime(nowMs + 560_000))
  t.equal(thawRollout(thawed, { ...later, nowMs: nowMs + 900_000 }), thawed)
})

t.test('what is not awaited has no deadline to thaw', async (t) => {
  const applying = begin(running(1), 2, [web])

  t.equal(thawRollout(applying, { timeoutMs: 1, nowMs }), applying)
  t.same(freezeRollout(running(1)), running(1))
})

t.test('history is bounded', async (t) => {
  let status = running(1)
  for (let n = 2; n < maxHistory + 10; n += 1) status = finish(wrote(begin(status, n, [web])))

  t.equal(status.history?.length, maxHistory)
  t.equal(status.history?.[0]?.tag, `r${maxHistory + 9}`)
})

const failure = { fault: 'Release', reason: 'RolloutTimeout', message: 'too slow', nowMs, random: 0 } as const

function begin(status: DeliveryStatus, n: number, objects: readonly InventoryEntry[], superseded = 0): DeliveryStatus {
  return beginRollout(status, {
    revision: revision(n),
    highWater: toHighWater(image(n)),
    objects,
    superseded,
    timeoutMs: 60_000,
    leaseEpoch: 7,
    nowMs,
  })
}

function wrote(status: DeliveryStatus): DeliveryStatus {
  const entries = [{ ...web, hash: 'new', uid: 'u' }]
  return wroteObjects(status, rolloutOf(status), { entries, timeoutMs: 60_000, nowMs })
}

function finish(status: DeliveryStatus): DeliveryStatus {
  return finishRollout(status, rolloutOf(status), { prune: true, nowMs })
}

function rolloutOf({ rollout }: DeliveryStatus) {
  if (rollout === undefined) throw new Error('this status has no rollout')
  return rollout
}
