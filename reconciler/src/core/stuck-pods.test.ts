import t from 'tap'
import { stuckPods } from './stuck-pods.ts'
import { podOf, statefulSet, viewOf, type PodFields } from './test-pods.ts'

interface Case {
  readonly status?: object
  readonly spec?: object
  readonly pods: readonly PodFields[]
  readonly isFirst?: boolean
  readonly stuck: readonly string[]
}

const cases: Readonly<Record<string, Case>> = {
  'a pod of a revision that is neither the good nor the wanted one is stuck': {
    pods: [{ name: 'db-2', revision: 'db-bad' }],
    stuck: ['db-2'],
  },
  'it is so when the good revision is wanted again': {
    status: { updateRevision: 'db-1' },
    pods: [{ name: 'db-2', revision: 'db-bad' }],
    stuck: ['db-2'],
  },
  'a pod of the good revision is not, however unready it is at the moment': {
    pods: [
      { name: 'db-2', revision: 'db-2' },
      { name: 'db-0', revision: 'db-1' },
    ],
    stuck: [],
  },
  'where nothing ever ran well, no revision is good': {
    pods: [{ name: 'db-0', revision: 'db-1' }],
    isFirst: true,
    stuck: ['db-0'],
  },
  'a pod that is ready is replaced without help': {
    pods: [{ name: 'db-2', revision: 'db-bad', isReady: true }],
    stuck: [],
  },
  'a pod below the partition is left as it is': {
    spec: { updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 2 } } },
    pods: [
      { name: 'db-1', revision: 'db-bad' },
      { name: 'db-2', revision: 'db-bad' },
    ],
    stuck: ['db-2'],
  },
  'pods that are replaced by hand are not ours to delete': {
    spec: { updateStrategy: { type: 'OnDelete' } },
    pods: [{ name: 'db-2', revision: 'db-bad' }],
    stuck: [],
  },
  'pods that are managed in parallel wait for none': {
    spec: { podManagementPolicy: 'Parallel' },
    pods: [{ name: 'db-2', revision: 'db-bad' }],
    stuck: [],
  },
  'nothing is told while the controller has not taken the template up': {
    status: { observedGeneration: 1 },
    pods: [{ name: 'db-2', revision: 'db-bad' }],
    stuck: [],
  },
}

for (const [sentence, { status, spec, pods, isFirst = false, stuck }] of Object.entries(cases)) {
  t.test(sentence, async (t) => {
    const found = stuckPods(viewOf(statefulSet(status, spec), ...pods.map(podOf)), { isFirst })

    t.same(
      found.map(({ metadata }) => metadata.name),
      stuck,
    )
  })
}
