import t from 'tap'
import type { FailedRelease } from '../api/delivery.ts'
import { formatTime } from '../api/time.ts'
import { decide } from './decide.ts'
import type { Desired } from './desired.ts'
import type { Observed, Refusal } from './observed.ts'
import { againTarget } from './once-more.ts'
import { pinOf, targetKey, type Target } from './plan.ts'
import { quarantine } from './quarantine.ts'
import { desired, digestOf, image, observed, revision, rollout, running, startMs } from './test-builders.ts'

const nowMs = startMs + 3_600_000
const dueNow = formatTime(nowMs)
const { tag, digest } = image(2)
const highWater = { tag, digest, sequence: 2, pushedAt: formatTime(image(2).pushedAtMs) }
const bad = quarantine(running(1), revision(2), { reason: 'CrashLooping', message: 'exit 1', nowMs })
const down = { kind: 'retryable', reason: 'RegistryUnavailable', message: 'no answer' } as const

const back = rollout({ revision: revision(1), purpose: 'GoBack' })

interface Case {
  readonly desired?: Desired
  readonly observed: Observed
  readonly expected: Record<string, unknown>
}

const cases: Record<string, Case> = {
  'after going back it stands so, and nothing is stalled': {
    observed: seen({ failed: failed() }),
    expected: { kind: 'rest', stance: 'waiting', reason: 'RolledBack', message: /r2 failed.*r1 runs again/ },
  },
  'a new leader leaves it as it stands until it has read the registry': {
    observed: seen({ failed: failed(), conditions: [] }, { registry: {} }),
    expected: { kind: 'rest', stance: 'unknown' },
  },
  'where the registry can not be read, it stands so all the same': {
    observed: seen({ failed: failed(), conditions: [] }, { registry: { problem: down } }),
    expected: { kind: 'rest', stance: 'waiting', reason: 'RolledBack' },
  },
  'a pin to what runs makes that well': {
    desired: desired({ pin: 'r1' }),
    observed: seen({ failed: failed() }),
    expected: { kind: 'rest', stance: 'ready', reason: 'Ready' },
  },
  'what failed under a pin is not begun again by it': {
    desired: desired({ pin: 'r2' }),
    observed: seen({ failed: failed({ pin: 'r2' }) }),
    expected: { kind: 'rest', reason: 'RolledBack', message: /pinned to r2/ },
  },
  'once the pin is gone nothing is said to be pinned': {
    observed: seen({ failed: failed({ pin: 'r2' }) }),
    expected: { kind: 'rest', reason: 'RolledBack', message: /r1 runs again$/ },
  },
  'after a pin to an older release was gone back from, what runs again is not said to wait': {
    desired: desired({ pin: 'r1' }),
    observed: observed({
      status: running(2, { failed: failed({ revision: revision(1), pin: 'r1' }), highWater: revision(1) }),
      registry: { images: [image(2)] },
    }),
    expected: { kind: 'rest', reason: 'RolledBack', message: /r2 runs again; pinned to r1$/, pending: undefined },
  },
  'a pin to what failed without it is another try': {
    desired: desired({ pin: 'r2' }),
    observed: seen({ failed: failed() }),
    expected: { kind: 'start', target: { kind: 'pin', pin: 'r2' } },
  },
  'the next try is awaited until its time': {
    observed: seen({ failed: failed({ nextTryAt: formatTime(nowMs + 1) }) }),
    expected: { kind: 'rest', reason: 'RolledBack', untilMs: nowMs + 1, message: /attempt 2 of 5/ },
  },
  'the next try begins at its time': {
    observed: seen({ failed: failed({ nextTryAt: dueNow }) }),
    expected: { kind: 'start', target: { kind: 'again', attempt: 2, revision: { tag: 'r2' } } },
  },
  'nor is it held up by what can not be deleted after going back': {
    observed: seen({ failed: failed({ nextTryAt: dueNow }), rollout: { ...back, phase: 'Pruning' } }),
    expected: { kind: 'start', target: { kind: 'again', attempt: 2, revision: { tag: 'r2' } } },
  },
  'no try begins while the registry can not be read, for something newer may be there': {
    observed: seen({ failed: failed({ nextTryAt: dueNow }) }, { registry: { images: [], problem: down } }),
    expected: { kind: 'rest', reason: 'RolledBack' },
  },
  'no try begins while paused': {
    desired: desired({ pause: { kind: 'paused', mode: 'releases', objects: [], warnings: [], message: 'paused' } }),
    observed: seen({ failed: failed({ nextTryAt: dueNow }) }),
    expected: { kind: 'rest', reason: 'RolledBack' },
  },
  'under a pin it begins at its time, whatever is newer': {
    desired: desired({ pin: 'r2' }),
    observed: seen({ failed: failed({ nextTryAt: dueNow, pin: 'r2' }) }, { registry: { images: [image(3)] } }),
    expected: { kind: 'start', target: { kind: 'again', revision: { tag: 'r2' } } },
  },
  'what could not be gone back to is tried again by a retry of it': {
    desired: desired({ retry: 'r1' }),
    observed: seen({ failed: failed(), rollout: { ...back, phase: 'Failed' } }),
    expected: { kind: 'start', target: { kind: 'again', attempt: 1, revision: { tag: 'r1' }, retry: 'r1' } },
  },
  'and by a pin': {
    desired: desired({ pin: 'r1' }),
    observed: seen({ failed: failed(), rollout: { ...back, phase: 'Failed' } }),
    expected: { kind: 'start', target: { kind: 'pin', pin: 'r1' } },
  },
  'but not again by the pin under which it failed': {
    desired: desired({ pin: 'r1' }),
    observed: seen({ failed: failed(), rollout: { ...back, phase: 'Failed', pin: 'r1' } }),
    expected: { kind: 'rest', stance: 'stalled', reason: 'GoingBackFailed' },
  },
  'what is held begins again by a pin to it': {
    desired: desired({ pin: 'r2' }),
    observed: seen({ rollout: rollout({ phase: 'Failed' }) }),
    expected: { kind: 'start', target: { kind: 'pin', pin: 'r2' } },
  },
  'a try that was asked for and refused does not begin again because the newest is refused too': {
    desired: desired({ retry: 'r2/1' }),
    observed: seen(
      { failed: failed() },
      {
        registry: { images: [image(3)] },
        refusals: [
          refusal({ kind: 'image', image: image(3) }, 'BundlePending'),
          refusal({ kind: 'again', revision: revision(2), attempt: 1, retry: 'r2/1' }, 'BundleAmbiguous'),
        ],
      },
    ),
    expected: { kind: 'rest', reason: 'BundleAmbiguous' },
  },
  'a newer release comes before another try': {
    observed: seen({ failed: failed({ nextTryAt: dueNow }) }, { registry: { images: [image(3)] } }),
    expected: { kind: 'start', target: { kind: 'image', image: { tag: 'r3' } } },
  },
  'what is in quarantine is not begun, and no older one is tried in its place': {
    observed: observed({ status: { ...bad }, registry: { images: [image(2), image(1.5, { tag: 'r1b' })] } }),
    expected: { kind: 'rest', stance: 'waiting', reason: 'Quarantined' },
  },
  'another digest under its tag is another release': {
    observed: observed({ status: { ...bad }, registry: { images: [image(2, { digest: digestOf(99) })] } }),
    expected: { kind: 'start' },
  },
  'another repository has an order of its own: its newest is taken, below highWater too': {
    desired: desired({ spec: { image: { repository: 'contoso.azurecr.io/moved', tags: '.*' } } }),
    observed: seen({ failed: failed({ nextTryAt: dueNow }) }, { registry: { images: [image(1)] } }),
    expected: { kind: 'start', target: { kind: 'image', image: { tag: 'r1' } } },
  },
  'a retry begins what failed last, from the first try': {
    desired: desired({ retry: 'r2/once' }),
    observed: seen({ failed: failed({ attempt: 5 }) }),
    expected: { kind: 'start', target: { kind: 'again', attempt: 1, retry: 'r2/once' } },
  },
  'a retry by digest does too': {
    desired: desired({ retry: digest }),
    observed: seen({ failed: failed() }),
    expected: { kind: 'start', target: { kind: 'again' } },
  },
  'a retry that was handled is none any more': {
    desired: desired({ retry: 'r2/once' }),
    observed: seen({ failed: failed(), lastHandledRetry: 'r2/once' }),
    expected: { kind: 'rest', reason: 'RolledBack' },
  },
  'a retry of what is in quarantine only lets it out': {
    desired: desired({ retry: 'r2' }),
    observed: observed({ status: bad }),
    expected: { kind: 'letOut', reason: 'LetOut', name: 'r2', retry: 'r2' },
  },
  'a retry of what never failed is told': {
    desired: desired({ retry: 'r7' }),
    observed: seen({ failed: failed() }),
    expected: { kind: 'letOut', reason: 'RetryNotFound', message: /no release that failed/ },
  },
  'a retry that names nothing is told': {
    desired: desired({ retry: 'what ever/x' }),
    observed: seen({}),
    expected: { kind: 'letOut', reason: 'RetryNotFound', message: /neither a tag nor a digest: "what ever"/ },
  },
  'a retry waits while paused': {
    desired: desired({
      retry: 'r2',
      pause: { kind: 'paused', mode: 'releases', objects: [], warnings: [], message: 'paused' },
    }),
    observed: seen({ failed: failed() }),
    expected: { kind: 'rest' },
  },
  'a retry of what is held begins it anew': {
    desired: desired({ retry: 'r2' }),
    observed: seen({
      rollout: { revision: revision(2), phase: 'Failed', fault: 'Release', startedAt: dueNow, attempt: 1 },
    }),
    expected: { kind: 'start', target: { kind: 'again', revision: { tag: 'r2' } } },
  },
}
for (const [sentence, { desired: wanted = desired(), observed: world, expected }] of Object.entries(cases)) {
  t.test(sentence, async (t) => {
    t.match(decide(wanted, world, nowMs), expected)
  })
}

function seen(status: Observed['status'], fields: Partial<Observed> = {}): Observed {
  return observed({ status: { ...running(1), highWater, ...status }, ...fields })
}

function failed(fields: Partial<FailedRelease> = {}): FailedRelease {
  return {
    revision: revision(2),
    fault: 'Environment',
    reason: 'ImagePullFailed',
    message: '429',
    at: formatTime(nowMs - 1000),
    attempt: 1,
    ...fields,
  }
}

function refusal(target: Target, reason: Refusal['reason']): Refusal {
  return { kind: 'terminal', reason, message: 'odd', target: targetKey(target), generation: 1 }
}

t.test('a further try is known to be of the pin that allows it, and so is not begun again by it', async (t) => {
  const failed = { revision: revision(2), attempt: 1 }
  t.equal(pinOf(againTarget(failed), { pin: 'r2' }), 'r2')
  t.equal(pinOf(againTarget(failed, 'r2/anew'), { pin: 'r2' }), 'r2')
  t.equal(pinOf(againTarget(failed), {}), undefined)
  t.equal(pinOf({ kind: 'pin', pin: 'r2' }, { pin: 'r2' }), 'r2')
  t.equal(pinOf({ kind: 'running', tag: 'r1', digest: 'sha256:1' }, { pin: 'r2' }), undefined)
})
