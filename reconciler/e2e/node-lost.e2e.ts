import t from 'tap'
import { importToolbox, kubectl } from '../../bootstrap/local/native/testing.ts'
import { readProcessFile } from '../../bootstrap/local/native/processes.ts'
import { sharedPlatform } from '../../bootstrap/local/testing-platform.ts'
import { waitFor } from '../../bootstrap/local/wait.ts'
import { readPod } from '../src/core/pod.ts'
import type { KubeObject } from '../src/kube/ports.ts'
import { openStage, setScene } from './rollout-scene.ts'
import { deployment, pod, shell, sound } from './test-pods.ts'

t.setTimeout(400_000)
const platform = await sharedPlatform(t)
const { cluster } = platform
await importToolbox(cluster)
const stage = openStage(t, platform)

t.test('the node falls silent in mid-rollout: NodeLost, which is no fault of the release', async (t) => {
  const scene = await setScene(t, stage)
  await scene.untilReady(...(await scene.apply(deployment(pod(sound)))))
  const sinceMs = Date.now()
  // Its pod runs and is ready, and the rollout waits for it to stay so.
  const workloads = await scene.apply(deployment(pod(shell('exec /busybox sleep 3601')), { minReadySeconds: 500 }))
  await waitFor(
    async () => (await scene.listPods()).filter(({ isReady }) => isReady).length === 2 || undefined,
    async () => `two ready pods among ${JSON.stringify((await scene.listPods()).map(({ phase }) => phase))}`,
    { timeoutMs: 120_000 },
  )
  const before = await listPods()
  const kubelet = await readProcessFile(cluster.stateDir, 'kubelet')
  if (kubelet === undefined) throw new Error('the kubelet does not run')

  process.kill(kubelet.pid, 'SIGSTOP')
  const seen = await scene
    .watch({ workloads, sinceMs, until: ({ fault }) => fault !== undefined })
    .finally(() => process.kill(kubelet.pid, 'SIGCONT'))
  // What else runs on the node was lost as well, as far as anybody could tell.
  await waitFor(
    async () => (await lostOf(before)).length === 0 || undefined,
    async () => `to be ready again: ${(await lostOf(before)).join(', ')}`,
    { timeoutMs: 120_000 },
  )

  t.match(seen.at(-1)?.fault, {
    fault: 'environment',
    reason: 'NodeLost',
    isFinal: false,
    message: /^Deployment\/web, pod web-\S+: its node does not answer$/,
  })
  const after = await scene.watch({ workloads, sinceMs, until: ({ fault }) => fault === undefined })
  t.equal(after.at(-1)?.fault, undefined, 'once the node is back nothing is known against the release')
})

/** Those that were ready, are there still, and are not: what a test before has left is deleted meanwhile. */
async function lostOf(before: readonly KubeObject[]): Promise<readonly string[]> {
  const wereReady = new Set(before.filter((object) => readPod(object).isReady).map(({ metadata }) => metadata.uid))
  const now = await listPods()
  return now
    .filter((object) => wereReady.has(object.metadata.uid))
    .filter((object) => !readPod(object).isTerminating && !readPod(object).isReady)
    .map(({ metadata: { namespace, name } }) => `${namespace}/${name}`)
}

async function listPods(): Promise<readonly KubeObject[]> {
  const list = await kubectl(cluster, 'get', 'pods', '--all-namespaces', '--output=json')
  return (JSON.parse(list) as { readonly items: readonly KubeObject[] }).items
}
