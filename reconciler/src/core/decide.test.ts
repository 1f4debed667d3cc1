import t from 'tap'
import type { DeliveryStatus, RolloutStatus } from '../api/delivery.ts'
import { formatTime } from '../api/time.ts'
import { decide, maxSuperseded } from './decide.ts'
import type { Desired } from './desired.ts'
import type { Observed, PodsSeen, Refusal } from './observed.ts'
import type { Pause } from './pause.ts'
import type { PodFault } from './pod-faults.ts'
import { targetKey, type Plan } from './plan.ts'
import { desired, image, observed, revision, rollout, running, startMs } from './test-builders.ts'

const nowMs = startMs + 3_600_000

const pausedAll = pause('all')
const pausedReleases = pause('releases')
const drift = [{ apiVersion: 'apps/v1', kind: 'Deployment', namespace: 'team', name: 'web', isMissing: false }]
const found = { tag: 'r1', digest: image(1).digest }
const settings = { apiVersion: 'v1', kind: 'ConfigMap', namespace: 'team', name: 'settings', isMissing: false }
const inProgress = { health: { state: 'inProgress', message: '1 of 2' }, missing: [] } as const
const failed = rollout({ phase: 'Failed', reason: 'RolloutTimeout', message: 'too slow' })
const noPull = { reason: 'ImagePullFailed', message: 'answers 503' }
const registryDown = { kind: 'retryable', reason: 'RegistryUnavailable', message: 'no answer' } as const

interface Case {
  readonly desired?: Desired
  readonly observed: Observed
  readonly expected: Record<string, unknown>
}

const cases: Record<string, Case> = {
  // What there is to roll out.
  'the first image is rolled out': {
    observed: observed({ registry: { images: [image(1)] } }),
    expected: { kind: 'start', target: { kind: 'image', image: image(1) }, superseded: 0 },
  },
  'a newer image is rolled out': {
    observed: observed({ status: running(1), registry: { images: [image(1), image(2)] } }),
    expected: { kind: 'start', target: { image: { tag: 'r2' } } },
  },
  'an image at highWater is not rolled out again': {
    observed: observed({ status: running(2), registry: { images: [image(1), image(2)] } }),
    expected: { kind: 'rest', stance: 'ready', reason: 'Ready', message: 'r2 runs' },
  },
  'nothing is begun while a poll failed, for something newer may be there': {
    observed: observed({ status: running(1), registry: { images: [image(2)], problem: registryDown } }),
    expected: { kind: 'rest', stance: 'progressing', reason: 'RegistryUnavailable', message: 'no answer; r1 runs' },
  },
  'without a tag it waits for the first': {
    observed: observed(),
    expected: { kind: 'rest', stance: 'waiting', reason: 'WaitingForFirstTag' },
  },
  'a new Delivery says that the registry is being read': {
    observed: observed({ registry: {} }),
    expected: { kind: 'rest', stance: 'progressing', reason: 'Progressing' },
  },
  'what waits is not known before the registry was read, also where nothing of it is to be read now': {
    observed: observed({ status: running(1), registry: { problem: registryDown } }),
    expected: { kind: 'rest', reason: 'RegistryUnavailable', pending: 'unknown' },
  },
  'after a restart nothing is said before the registry was read': {
    observed: observed({ status: running(1, { conditions: [] }), registry: {} }),
    expected: { kind: 'rest', stance: 'unknown' },
  },
  'a registry that refuses us is waited for': {
    observed: observed({ registry: { problem: { kind: 'waiting', reason: 'RegistryForbidden', message: '403' } } }),
    expected: { kind: 'rest', stance: 'waiting', reason: 'RegistryForbidden' },
  },
  'too many tags stop until a person acts': {
    observed: observed({ registry: { problem: { kind: 'terminal', reason: 'TooManyTags', message: '501' } } }),
    expected: { kind: 'rest', stance: 'stalled', reason: 'TooManyTags' },
  },
  'an image without the sequence that the running one has is refused': {
    observed: observed({
      status: running(1),
      registry: { images: [image(2, { sequence: undefined } as never)] },
    }),
    expected: { kind: 'rest', stance: 'stalled', reason: 'SequenceMissing', pending: { tag: 'r2' } },
  },
  'a moved tag is told, and what runs is ready': {
    observed: observed({ status: running(1), registry: { images: [image(1, { digest: image(9).digest })] } }),
    expected: { kind: 'rest', stance: 'ready', notices: [{ reason: 'TagMoved' }] },
  },

  // What was refused before.
  'a release that was refused is not begun again': {
    observed: observed({ status: running(1), registry: { images: [image(2)] }, refusals: [refusal('terminal')] }),
    expected: {
      kind: 'rest',
      stance: 'stalled',
      reason: 'BundleInvalid',
      message: 'odd; r1 runs',
      pending: { tag: 'r2' },
    },
  },
  'a release that has to wait is not begun before its time': {
    observed: observed({ registry: { images: [image(2)] }, refusals: [refusal('waiting', nowMs + 1)] }),
    expected: { kind: 'rest', stance: 'waiting', untilMs: nowMs + 1 },
  },
  'a release that had to wait is begun when its time has come': {
    observed: observed({ registry: { images: [image(2)] }, refusals: [refusal('waiting', nowMs)] }),
    expected: { kind: 'start' },
  },
  'a refused release is tried under a changed spec': {
    desired: desired({ generation: 2 }),
    observed: observed({ registry: { images: [image(2)] }, refusals: [refusal('terminal')] }),
    expected: { kind: 'start' },
  },
  'a newer release is not held up by one that was refused': {
    observed: observed({ registry: { images: [image(2), image(3)] }, refusals: [refusal('terminal')] }),
    expected: { kind: 'start', target: { image: { tag: 'r3' } } },
  },

  // A rollout under way.
  'a rollout that was cut short writes all objects from the beginning': {
    observed: observed({ status: running(1, { rollout: rollout({ phase: 'Applying' }) }) }),
    expected: { kind: 'apply' },
  },
  'a rollout goes on while the registry is down': {
    observed: observed({
      status: running(1, { rollout: rollout({ phase: 'Applying' }) }),
      registry: { problem: registryDown },
    }),
    expected: { kind: 'apply' },
  },
  'a rollout goes on before the registry was read': {
    observed: observed({ status: running(1, { rollout: rollout() }), registry: {}, rollout: inProgress }),
    expected: { kind: 'await' },
  },
  'workloads that are not ready are awaited': {
    observed: observed({ status: running(1, { rollout: rollout() }), rollout: inProgress }),
    expected: { kind: 'await', reason: 'RolloutProgressing', message: 'r2 is rolling out: 1 of 2' },
  },
  'workloads that were not read are awaited': {
    observed: observed({ status: running(1, { rollout: rollout() }) }),
    expected: { kind: 'await' },
  },
  'workloads that are ready end the rollout': {
    observed: observed({
      status: running(1, { rollout: rollout() }),
      rollout: { health: { state: 'current' }, missing: [] },
    }),
    expected: { kind: 'finish' },
  },
  'workloads that are ready after the deadline end the rollout: they were in time while nobody looked': {
    observed: observed({
      status: running(1, { rollout: rollout({ deadline: formatTime(nowMs - 1) }) }),
      rollout: { health: { state: 'current' }, missing: [] },
    }),
    expected: { kind: 'finish' },
  },
  'one millisecond before the deadline is waited': {
    observed: observed({
      status: running(1, { rollout: rollout({ deadline: formatTime(nowMs + 1) }) }),
      rollout: inProgress,
    }),
    expected: { kind: 'await' },
  },
  'at the deadline the rollout has failed': {
    observed: observed({
      status: running(1, { rollout: rollout({ deadline: formatTime(nowMs) }) }),
      rollout: inProgress,
    }),
    expected: { kind: 'fail', reason: 'RolloutTimeout', message: 'r2 was not ready in time: 1 of 2' },
  },
  'a rollout whose deadline passed while nobody looked is looked at for a while first': {
    observed: observed({
      status: running(1, { rollout: rollout({ deadline: formatTime(nowMs - 600_000) }) }),
      rollout: { ...inProgress, sinceMs: nowMs - 59_999 },
    }),
    expected: { kind: 'await' },
  },
  'and then has failed': {
    observed: observed({
      status: running(1, { rollout: rollout({ deadline: formatTime(nowMs - 600_000) }) }),
      rollout: { ...inProgress, sinceMs: nowMs - 60_000 },
    }),
    expected: { kind: 'fail', reason: 'RolloutTimeout' },
  },
  'a workload that another hand paused is held, for it takes up no other release either': {
    observed: observed({
      status: running(1, { rollout: rollout({ deadline: formatTime(nowMs) }) }),
      rollout: { ...inProgress, pods: pods({ fault: 'environment', reason: 'WorkloadPaused', isFinal: false }) },
    }),
    expected: { kind: 'fail', fault: 'Environment', reason: 'WorkloadPaused', course: 'hold' },
  },
  'what runs of another repository than the spec names is not what is asked for': {
    desired: desired({ spec: { image: { repository: 'contoso.azurecr.io/other', tags: '^r[0-9]+$' } } }),
    observed: observed({ status: running(1), registry: { images: [] } }),
    expected: { kind: 'rest', stance: 'waiting', reason: 'WaitingForFirstTag', message: /^r1 runs: no tag/ },
  },
  'a rollout that the environment held up until shortly before its deadline was not the fault of its release': {
    observed: observed({
      status: running(1, {
        rollout: rollout({ deadline: formatTime(nowMs), hindrance: { ...noPull, endedAt: formatTime(nowMs - 1_000) } }),
      }),
      rollout: inProgress,
    }),
    expected: {
      kind: 'fail',
      fault: 'Environment',
      reason: 'ImagePullFailed',
      message: `r2 was not ready in time: it was held up until ${formatTime(nowMs - 1_000)}: answers 503; 1 of 2`,
    },
  },
  'nor was what its workload says of it then': {
    observed: observed({
      status: running(1, { rollout: rollout({ hindrance: noPull }) }),
      rollout: { health: { state: 'failed', message: 'gave up' }, missing: [] },
    }),
    expected: { kind: 'await', message: /gave up/ },
  },
  'a rollout that the environment held up at its beginning was its own fault': {
    observed: observed({
      status: running(1, {
        rollout: rollout({ deadline: formatTime(nowMs), hindrance: { ...noPull, endedAt: formatTime(0) } }),
      }),
      rollout: inProgress,
    }),
    expected: { kind: 'fail', fault: 'Release', reason: 'RolloutTimeout' },
  },
  'a workload that says it failed ends the rollout at once': {
    observed: observed({
      status: running(1, { rollout: rollout() }),
      rollout: { health: { state: 'failed', message: 'gave up' }, missing: [] },
    }),
    expected: { kind: 'fail', reason: 'RolloutFailed' },
  },
  'an object that went missing is written again': {
    observed: observed({ status: running(1, { rollout: rollout() }), rollout: { ...inProgress, missing: drift } }),
    expected: { kind: 'apply', message: /Deployment\/web went missing/ },
  },
  'an object that another hand changed in mid-rollout is written again, however well it is': {
    observed: observed({
      status: running(1, { rollout: rollout() }),
      rollout: { health: { state: 'current' }, missing: [] },
      drift,
    }),
    expected: { kind: 'apply', message: /Deployment\/web changed by another hand/ },
  },
  'it is not written again after the deadline, and the release does not run': {
    observed: observed({
      status: running(1, { rollout: rollout({ deadline: formatTime(nowMs) }) }),
      rollout: { health: { state: 'current' }, missing: [] },
      drift,
    }),
    expected: { kind: 'fail', reason: 'RolloutTimeout', message: /by another hand: Deployment\/web/ },
  },
  'where drift is only reported it is awaited, and said': {
    desired: desired({ spec: { drift: 'Report' } }),
    observed: observed({
      status: running(1, { rollout: rollout({ deadline: formatTime(nowMs + 1) }) }),
      rollout: { health: { state: 'current' }, missing: [] },
      drift,
    }),
    expected: { kind: 'await', message: /not as r2 holds it, by another hand: Deployment\/web/ },
  },
  'where drift is only reported the wait for it ends at the deadline': {
    desired: desired({ spec: { drift: 'Report' } }),
    observed: observed({
      status: running(1, { rollout: rollout({ deadline: formatTime(nowMs) }) }),
      rollout: { health: { state: 'failed', message: 'gave up' }, missing: [] },
      drift,
    }),
    expected: { kind: 'fail', reason: 'RolloutTimeout', message: /by another hand: Deployment\/web/ },
  },
  'a newer image supersedes a rollout under way': {
    observed: observed({
      status: running(2, { rollout: rollout() }),
      registry: { images: [image(3)] },
      rollout: inProgress,
    }),
    expected: { kind: 'start', target: { image: { tag: 'r3' } }, superseded: 1 },
  },
  'a rollout that superseded three in a row is let finish': {
    observed: observed({
      status: running(2, { rollout: rollout({ superseded: maxSuperseded }) }),
      registry: { images: [image(3)] },
      rollout: inProgress,
    }),
    expected: { kind: 'await', pending: { tag: 'r3' } },
  },
  'a failed rollout stays failed': {
    observed: observed({
      status: running(2, { rollout: failed }),
      rollout: { health: { state: 'current' }, missing: [] },
    }),
    expected: { kind: 'rest', stance: 'stalled', reason: 'RolloutTimeout', message: 'too slow' },
  },
  'a failed rollout ends with a newer image, which supersedes nothing': {
    observed: observed({ status: running(2, { rollout: failed }), registry: { images: [image(3)] } }),
    expected: { kind: 'start', superseded: 0 },
  },
  'a release that can not be written is tried until its deadline': {
    observed: observed({
      status: running(1, { rollout: rollout({ phase: 'Applying', deadline: formatTime(nowMs) }) }),
      trouble: { kind: 'waiting', reason: 'FieldConflict', message: 'helm', atMs: nowMs - 1 },
    }),
    expected: { kind: 'apply' },
  },
  'what still stands in its way after the deadline fails it, and is the fault of the environment': {
    observed: observed({
      status: running(1, { rollout: rollout({ phase: 'Applying', deadline: formatTime(nowMs) }) }),
      trouble: { kind: 'waiting', reason: 'FieldConflict', message: 'helm', atMs: nowMs },
    }),
    expected: { kind: 'fail', reason: 'FieldConflict', fault: 'Environment', course: 'goBack' },
  },
  'an API server that does not answer fails no release': {
    observed: observed({
      status: running(1, { rollout: rollout({ phase: 'Applying', deadline: formatTime(nowMs) }) }),
      trouble: { kind: 'retryable', reason: 'ApiUnavailable', message: 'reset', atMs: nowMs },
    }),
    expected: { kind: 'apply' },
  },
  'pods that can not come up end the rollout at once': {
    observed: observed({
      status: running(1, { rollout: rollout() }),
      rollout: { ...inProgress, pods: pods({ fault: 'release', reason: 'CrashLooping', isFinal: true }) },
    }),
    expected: { kind: 'fail', reason: 'CrashLooping', fault: 'Release', course: 'goBack', culprit: { pod: 'web-1' } },
  },
  'what the environment does to pods is awaited, and said': {
    observed: observed({
      status: running(1, { rollout: rollout() }),
      rollout: { ...inProgress, pods: pods({ fault: 'environment', reason: 'Unschedulable', isFinal: false }) },
    }),
    expected: { kind: 'await', message: /Unschedulable/ },
  },
  'what the environment does to pods fails the rollout at the deadline': {
    observed: observed({
      status: running(1, { rollout: rollout({ deadline: formatTime(nowMs) }) }),
      rollout: { ...inProgress, pods: pods({ fault: 'environment', reason: 'Unschedulable', isFinal: false }) },
    }),
    expected: { kind: 'fail', reason: 'Unschedulable', fault: 'Environment', course: 'goBack' },
  },
  'a pod that is stuck at what failed is deleted': {
    observed: observed({
      status: running(1, { rollout: rollout({ purpose: 'GoBack', revision: revision(1) }) }),
      rollout: {
        ...inProgress,
        pods: { stuck: [{ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'db-0' } }] },
      },
    }),
    expected: { kind: 'unstick', reason: 'GoingBack', message: /Pod\/db-0/ },
  },
  'what was held for the environment runs once it is healthy': {
    observed: observed({
      status: running(1, { rollout: heldBy('Environment') }),
      rollout: { health: { state: 'current' }, missing: [] },
    }),
    expected: { kind: 'finish' },
  },
  'what failed by its own fault is not believed when it is healthy': {
    observed: observed({
      status: running(1, { rollout: heldBy('Release') }),
      rollout: { health: { state: 'current' }, missing: [] },
    }),
    expected: { kind: 'rest', stance: 'stalled' },
  },
  'what was changed of it is taken back first, for what is pruned may not be so for long': {
    observed: observed({ status: running(2, { rollout: rollout({ phase: 'Pruning' }) }), drift }),
    expected: { kind: 'correct' },
  },
  'also beside a paused object, for which nothing is pruned': {
    desired: desired({ pause: { ...pausedReleases, objects: ['ConfigMap/settings'] } as Pause }),
    observed: observed({ status: running(2, { rollout: rollout({ phase: 'Pruning' }) }), drift }),
    expected: { kind: 'correct' },
  },
  'what a ready release no longer holds is pruned': {
    observed: observed({ status: running(2, { rollout: rollout({ phase: 'Pruning' }) }) }),
    expected: { kind: 'prune', reason: 'Ready' },
  },

  // Pauses.
  'while paused no release begins, and what waits is shown': {
    desired: desired({ pause: pausedAll }),
    observed: observed({ status: running(1), registry: { images: [image(2)] } }),
    expected: {
      kind: 'rest',
      stance: 'ready',
      isFrozen: true,
      pending: { tag: 'r2' },
      message: 'r1 runs; r2 waits; paused by ada',
    },
  },
  'while paused with nothing that waits the message is one sentence after another': {
    desired: desired({ pause: pausedAll }),
    observed: observed({ status: running(1), registry: { images: [image(1)] } }),
    expected: { kind: 'rest', stance: 'ready', message: 'r1 runs; paused by ada' },
  },
  'while paused with releases no release begins': {
    desired: desired({ pause: pausedReleases }),
    observed: observed({ status: running(1), registry: { images: [image(2)] } }),
    expected: { kind: 'rest', stance: 'ready', pending: { tag: 'r2' } },
  },
  'while paused a first release waits': {
    desired: desired({ pause: pausedAll }),
    observed: observed({ registry: { images: [image(2)] } }),
    expected: { kind: 'rest', stance: 'waiting', reason: 'Paused', isFrozen: true },
  },
  'while paused a rollout under way is held, and its health is told': {
    desired: desired({ pause: pausedAll }),
    observed: observed({
      status: running(1, { rollout: rollout({ deadline: formatTime(nowMs - 1) }) }),
      rollout: inProgress,
    }),
    expected: { kind: 'rest', stance: 'waiting', reason: 'Paused', isFrozen: true, message: /paused by ada; 1 of 2$/ },
  },
  'while paused a rollout that is healthy is not ended': {
    desired: desired({ pause: pausedAll }),
    observed: observed({
      status: running(1, { rollout: rollout() }),
      rollout: { health: { state: 'current' }, missing: [] },
    }),
    expected: { kind: 'rest', isFrozen: true },
  },
  'while paused with releases a rollout under way ends': {
    desired: desired({ pause: pausedReleases }),
    observed: observed({
      status: running(1, { rollout: rollout() }),
      rollout: { health: { state: 'current' }, missing: [] },
    }),
    expected: { kind: 'finish' },
  },
  'while paused nothing is pruned': {
    desired: desired({ pause: pausedAll }),
    observed: observed({ status: running(2, { rollout: rollout({ phase: 'Pruning' }) }) }),
    expected: { kind: 'rest', isFrozen: true },
  },
  'while paused drift is shown, not corrected': {
    desired: desired({ pause: pausedAll }),
    observed: observed({ status: running(1), drift }),
    expected: { kind: 'rest', stance: 'ready', reason: 'DriftDetected' },
  },
  'while paused with releases drift is corrected': {
    desired: desired({ pause: pausedReleases }),
    observed: observed({ status: running(1), drift }),
    expected: { kind: 'correct' },
  },
  'an object that is paused by itself is not corrected': {
    desired: desired({ pause: { ...pausedReleases, objects: ['Deployment/web'] } as Pause }),
    observed: observed({ status: running(1), drift }),
    expected: { kind: 'rest', reason: 'DriftDetected' },
  },
  'a rollout that would write a paused object is held': {
    desired: desired({ pause: { ...pausedReleases, objects: ['Deployment/web'] } as Pause }),
    observed: observed({ status: running(1, { rollout: rollout({ phase: 'Applying' }) }) }),
    expected: { kind: 'rest', stance: 'waiting', reason: 'Paused' },
  },
  'a rollout that only waits goes on beside a paused object': {
    desired: desired({ pause: { ...pausedReleases, objects: ['Deployment/web'] } as Pause }),
    observed: observed({ status: running(1, { rollout: rollout() }), rollout: inProgress }),
    expected: { kind: 'await' },
  },
  'nothing is pruned beside a paused object': {
    desired: desired({ pause: { ...pausedReleases, objects: ['Deployment/web'] } as Pause }),
    observed: observed({ status: running(2, { rollout: rollout({ phase: 'Pruning' }) }) }),
    expected: { kind: 'rest', stance: 'ready' },
  },
  'a pause goes before a pin': {
    desired: desired({ pause: pausedReleases, pin: 'r1' }),
    observed: observed({ status: running(2) }),
    expected: { kind: 'rest' },
  },
  'a pin that waits for a pause to end is not said to be in force': {
    desired: desired({ pause: pausedReleases, pin: 'r1' }),
    observed: observed({ status: running(2), registry: { images: [image(3)] } }),
    expected: { kind: 'rest', stance: 'ready', message: 'r2 runs; r1 waits; paused by ada' },
  },
  'a pause holds whatever the spec says': {
    desired: desired({ pause: pausedAll, work: { kind: 'invalid', reason: 'SpecInvalid', message: 'spec.poll' } }),
    observed: observed({ status: running(1) }),
    expected: { kind: 'rest', stance: 'stalled', reason: 'SpecInvalid', isFrozen: true },
  },

  // Pins.
  'a pin is rolled out, whatever is newest': {
    desired: desired({ pin: 'r1' }),
    observed: observed({ status: running(2), registry: { images: [image(3)] } }),
    expected: { kind: 'start', target: { kind: 'pin', pin: 'r1' } },
  },
  'a pin is rolled out while too many tags stop everything else': {
    desired: desired({ pin: 'r1' }),
    observed: observed({ registry: { problem: { kind: 'terminal', reason: 'TooManyTags', message: '501' } } }),
    expected: { kind: 'start', target: { kind: 'pin' } },
  },
  'a pin that runs holds newer images': {
    desired: desired({ pin: 'r2' }),
    observed: observed({ status: running(2), registry: { images: [image(3)] } }),
    expected: { kind: 'rest', stance: 'ready', message: 'r2 runs; pinned to r2', pending: { tag: 'r3' } },
  },
  'a pin by digest that runs is not rolled out again': {
    desired: desired({ pin: image(2).digest }),
    observed: observed({ status: running(2) }),
    expected: { kind: 'rest', stance: 'ready' },
  },
  'a pin that is being rolled out is not begun again': {
    desired: desired({ pin: 'r2' }),
    observed: observed({ status: running(1, { rollout: rollout() }), rollout: inProgress }),
    expected: { kind: 'await' },
  },
  'a pin that was refused says why': {
    desired: desired({ pin: 'r9' }),
    observed: observed({
      status: running(1),
      refusals: [{ target: 'pin:r9', generation: 1, kind: 'terminal', reason: 'ImageInvalid', message: 'no such tag' }],
    }),
    expected: { kind: 'rest', stance: 'stalled', reason: 'ImageInvalid', message: 'no such tag; r1 runs' },
  },

  // Drift.
  'drift is taken back': {
    observed: observed({ status: running(1), drift }),
    expected: { kind: 'correct', objects: drift },
  },
  'what runs is taken over where status knows nothing of it, before anything newer': {
    observed: observed({ found, registry: { images: [image(2)] } }),
    expected: { kind: 'start', target: { kind: 'running', ...found } },
  },
  'while paused what runs is not taken over': {
    desired: desired({ pause: pausedReleases }),
    observed: observed({ found }),
    expected: { kind: 'rest', reason: 'Paused' },
  },
  'where what runs can not be taken over just now nothing newer is begun': {
    observed: observed({
      found,
      registry: { images: [image(2)] },
      refusals: [{ ...registryDown, target: targetKey({ kind: 'running', ...found }), generation: 1 }],
    }),
    expected: { kind: 'rest', stance: 'progressing', reason: 'RegistryUnavailable' },
  },
  'what is being taken over is not superseded': {
    observed: observed({
      status: { rollout: rollout({ takesOver: true }) },
      rollout: inProgress,
      registry: { images: [image(2)] },
    }),
    expected: { kind: 'await' },
  },
  'what was taken back five times is left, and said': {
    observed: observed({ status: contested(), drift }),
    expected: { kind: 'rest', stance: 'stalled', reason: 'DriftContested', message: /Deployment\/web.*stop it/ },
  },
  'what is contested holds up no other correction': {
    observed: observed({ status: contested(), drift: [...drift, settings] }),
    expected: { kind: 'correct', objects: [settings] },
  },
  'what is contested is taken back where somebody asks': {
    desired: desired({ reconcileRequest: 'now' }),
    observed: observed({ status: contested(), drift }),
    expected: { kind: 'correct', objects: drift },
  },
  'a request that was handled asks no more': {
    desired: desired({ reconcileRequest: 'now' }),
    observed: observed({ status: { ...contested(), lastHandledReconcileRequest: 'now' }, drift }),
    expected: { kind: 'rest', reason: 'DriftContested' },
  },
  'what is contested holds up no release': {
    observed: observed({ status: contested(), drift, registry: { images: [image(2)] } }),
    expected: { kind: 'start' },
  },
  'in mid-rollout what is contested is not written again': {
    observed: observed({ status: { ...contested(), rollout: rollout() }, rollout: inProgress, drift }),
    expected: { kind: 'await' },
  },
  'drift is taken back while the registry is down': {
    observed: observed({ status: running(1), registry: { problem: registryDown }, drift }),
    expected: { kind: 'correct' },
  },
  'a release goes before drift, for it writes everything anyway': {
    observed: observed({ status: running(1), registry: { images: [image(2)] }, drift }),
    expected: { kind: 'start' },
  },
  'drift is reported where the spec says so': {
    desired: desired({ spec: { drift: 'Report' } }),
    observed: observed({ status: running(1), drift }),
    expected: { kind: 'rest', stance: 'ready', reason: 'DriftDetected', message: /Deployment\/web/ },
  },
  'drift of a failed release is left, for it is not written again': {
    observed: observed({ status: running(1, { rollout: failed }), drift }),
    expected: { kind: 'rest', stance: 'stalled', reason: 'RolloutTimeout' },
  },

  // The Delivery itself.
  'a Delivery that is being deleted is left alone, paused or not': {
    desired: desired({ isDeleting: true, pause: pausedAll }),
    observed: observed({ status: running(1), registry: { images: [image(2)] }, drift }),
    expected: { kind: 'leave', reason: 'Deleting' },
  },
  'under an invalid spec nothing is done': {
    desired: desired({ work: { kind: 'invalid', reason: 'SpecInvalid', message: 'spec.poll: odd' } }),
    observed: observed({ status: running(1, { rollout: rollout() }), registry: { images: [image(2)] }, drift }),
    expected: { kind: 'rest', stance: 'stalled', reason: 'SpecInvalid', message: 'spec.poll: odd' },
  },
  'what an odd pause means is told': {
    desired: desired({ pause: { ...pausedAll, warnings: ['"yes" counts as true'] } as Pause }),
    observed: observed({ status: running(1) }),
    expected: { kind: 'rest', notices: [{ reason: 'Paused', message: '"yes" counts as true' }] },
  },
}

for (const [sentence, { desired: wanted = desired(), observed: seen, expected }] of Object.entries(cases)) {
  t.test(sentence, async (t) => {
    const plan: Plan = decide(wanted, seen, nowMs)

    t.match(plan, expected)
  })
}

t.test('the same world gives the same plan', async (t) => {
  for (const { desired: wanted = desired(), observed: seen } of Object.values(cases)) {
    t.same(decide(wanted, seen, nowMs), decide(structuredCloneOf(wanted), structuredClone(seen), nowMs))
  }
})

function pause(mode: 'all' | 'releases'): Extract<Pause, { kind: 'paused' }> {
  return { kind: 'paused', mode, objects: [], warnings: [], message: 'paused by ada' }
}

function heldBy(fault: 'Release' | 'Environment'): RolloutStatus {
  const written = revision(2, { appliedAt: formatTime(nowMs - 1000) })
  return rollout({ phase: 'Failed', reason: 'RolloutTimeout', revision: written, fault })
}

function pods(fault: Pick<PodFault, 'fault' | 'reason' | 'isFinal'>): PodsSeen {
  const culprit = { pod: 'web-1', container: 'web', wantsPreviousLog: true }
  return { fault: { ...fault, message: 'as the pods say' }, culprit, stuck: [] }
}

function refusal(kind: Refusal['kind'], untilMs?: number): Refusal {
  const { tag, digest } = image(2)
  return {
    target: `${tag}@${digest}`,
    generation: 1,
    kind,
    reason: 'BundleInvalid',
    message: 'odd',
    ...(untilMs !== undefined && { untilMs }),
  }
}

/** The pattern is a function, which a structured clone can't carry. */
function structuredCloneOf(wanted: Desired): Desired {
  return { ...wanted, pause: structuredClone(wanted.pause) }
}

/** Status in which the first push runs, and its Deployment was taken back as often as it ever is. */
function contested(): DeliveryStatus {
  const status = running(1)
  const corrections = Array.from({ length: 5 }, () => formatTime(startMs))
  return { ...status, inventory: (status.inventory ?? []).map((entry) => ({ ...entry, corrections })) }
}
