import t from 'tap'
import type { KubeObject } from '../api/object.ts'
import { judgePods, type PodFault } from './pod-faults.ts'
import { appliedMs, crashed, podOf, statefulSet, viewOf } from './test-pods.ts'

interface Case {
  readonly workload?: KubeObject
  readonly pods: readonly KubeObject[]
  readonly fault: Partial<PodFault> | undefined
}

const skewMs = 10_000
const old = appliedMs - 60_000
const notFound = 'failed to pull and unpack image "x": failed to resolve reference "x": x: not found'
const backingOff = { state: { waiting: { reason: 'ImagePullBackOff', message: notFound } } }

const cases: Readonly<Record<string, Case>> = {
  'a new pod that crashed three times has failed for good': {
    pods: [podOf({ container: crashed(3, appliedMs + 30_000) })],
    fault: { fault: 'release', reason: 'CrashLooping', isFinal: true },
  },
  'twice may be a start that comes too early': {
    pods: [podOf({ container: crashed(2, appliedMs + 30_000) })],
    fault: undefined,
  },
  'what a pod came to before it all began is not held against the release': {
    pods: [podOf({ createdMs: old, container: crashed(7, appliedMs - skewMs - 1_000) })],
    fault: undefined,
  },
  'what it comes to since may pass yet, for its restarts are not all of this release': {
    pods: [podOf({ createdMs: old, container: crashed(7, appliedMs - skewMs) })],
    fault: { reason: 'CrashLooping', isFinal: false },
  },
  'a clock that is behind makes no pod an old one': {
    pods: [podOf({ createdMs: appliedMs - skewMs, container: crashed(3, appliedMs) })],
    fault: { reason: 'CrashLooping', isFinal: true },
  },
  'a pull that an old pod waits for may succeed when it is tried next': {
    pods: [podOf({ createdMs: old, container: backingOff })],
    fault: { fault: 'release', reason: 'ImageNotFound', isFinal: false },
  },
  'of a new pod it is final': {
    pods: [podOf({ container: backingOff })],
    fault: { fault: 'release', reason: 'ImageNotFound', isFinal: true },
  },
  'killed twice for want of memory has failed for good': {
    pods: [podOf({ container: crashed(2, appliedMs + 30_000, 'OOMKilled') })],
    fault: { fault: 'release', reason: 'OutOfMemory', isFinal: true },
  },
  'killed once may be a spike': {
    pods: [podOf({ container: crashed(1, appliedMs + 30_000, 'OOMKilled') })],
    fault: undefined,
  },
  'what befalls the pods of the release before as well is the fault of neither': {
    pods: [
      podOf({ container: crashed(3, appliedMs + 30_000) }),
      podOf({ name: 'db-1', revision: 'db-1', container: crashed(1, appliedMs + 30_000) }),
    ],
    fault: { fault: 'environment', reason: 'OldPodsFailing', isFinal: false },
  },
  'a Deployment that another hand paused takes nothing up': {
    workload: pausedDeployment('kubectl-rollout', 'Update'),
    pods: [],
    fault: {
      fault: 'environment',
      reason: 'WorkloadPaused',
      message: 'Deployment/web: is paused by kubectl-rollout; kubectl rollout resume lets it go on',
    },
  },
  'one that its release pauses is what it asks for': {
    workload: pausedDeployment('windlass', 'Apply'),
    pods: [],
    fault: undefined,
  },
}

for (const [sentence, { workload = statefulSet(), pods, fault }] of Object.entries(cases)) {
  t.test(sentence, async (t) => {
    const found = judgePods({ workloads: [viewOf(workload, ...pods)], bundled: new Set(), sinceMs: appliedMs })

    if (fault === undefined) t.equal(found, undefined)
    else t.match(found, fault)
  })
}

const mebibyte = 1024 * 1024
const longMessages: Readonly<Record<string, readonly [reason: string, piece: string]>> = {
  'a pull': ['ErrImagePull', 'failed to resolve image '],
  'an answer to a pull': ['ErrImagePull', 'unexpected status 404 Not Fount '],
  'a container that is not created': ['CreateContainerError', ' (pod: , container: '],
  'a volume': ['CreateContainerConfigError', 'volume "v" references non-existent '],
}
for (const [what, [reason, piece]] of Object.entries(longMessages)) {
  t.test(`a megabyte of words about ${what} is read at once, and told in part`, async (t) => {
    const message = piece.repeat(mebibyte / piece.length)
    const pods = [podOf({ container: { state: { waiting: { reason, message } } } })]
    const view = viewOf(statefulSet(), ...pods)
    const found = judgePods({ workloads: [view], bundled: new Set(), sinceMs: appliedMs })
    t.ok(found !== undefined && found.message.length < 5_000)
  })
}

t.test('of a long message the end is read too, where the cause is named', async (t) => {
  const message = `failed to resolve reference "x": ${'x'.repeat(mebibyte)}: not found`
  const pods = [podOf({ container: { state: { waiting: { reason: 'ErrImagePull', message } } } })]
  const found = judgePods({ workloads: [viewOf(statefulSet(), ...pods)], bundled: new Set(), sinceMs: appliedMs })
  t.match(found, { reason: 'ImageNotFound' })
})

function pausedDeployment(manager: string, operation: string): KubeObject {
  const fieldsV1 = { 'f:spec': { 'f:paused': {} } }
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web', namespace: 'team', uid: 'of web', managedFields: [{ manager, operation, fieldsV1 }] },
    spec: { paused: true },
  }
}
