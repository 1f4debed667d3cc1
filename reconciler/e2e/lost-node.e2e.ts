import t from 'tap'
import { importToolbox } from '../../bootstrap/local/native/testing.ts'
import { sharedPlatform } from '../../bootstrap/local/testing-platform.ts'
import { openStage, setScene } from './rollout-scene.ts'
import { deployment, pod, sound } from './test-pods.ts'

t.setTimeout(600_000)
const platform = await sharedPlatform(t)
await importToolbox(platform.cluster)
const cluster = openStage(t, platform)

t.test('a node that falls silent in mid-rollout is known as the cause', async (t) => {
  const scene = await setScene(t, cluster)
  const sinceMs = Date.now()
  // So that the rollout is still awaited when the node is given up.
  const workloads = await scene.apply(deployment(pod(sound), { minReadySeconds: 600 }))
  await scene.watch({ workloads, sinceMs, until: ({ culprit }) => culprit === undefined })
  const kubelet = await platform.cluster.findProcess('kubelet')
  if (kubelet === undefined) throw new Error('the node runs no kubelet')
  process.kill(kubelet.pid, 'SIGSTOP')
  try {
    const seen = await scene.watch({ workloads, sinceMs, until: ({ fault }) => fault !== undefined })
    t.match(seen.at(-1)?.fault, {
      fault: 'environment',
      reason: 'NodeLost',
      isFinal: false,
      message: /^Deployment\/web, pod web-\S+: its node does not answer$/,
    })
  } finally {
    process.kill(kubelet.pid, 'SIGCONT')
  }
  const back = await scene.watch({ workloads, sinceMs, until: ({ fault }) => fault === undefined })
  t.ok(back.length > 0, 'and once it answers, nothing is wrong')
})
