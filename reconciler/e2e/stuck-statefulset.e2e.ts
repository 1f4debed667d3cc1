import t from 'tap'
import { importToolbox } from '../../bootstrap/local/native/testing.ts'
import { sharedPlatform } from '../../bootstrap/local/testing-platform.ts'
import { openStage, setScene } from './rollout-scene.ts'
import { pod, shell, sound, statefulSet } from './test-pods.ts'

t.setTimeout(600_000)
const platform = await sharedPlatform(t)
await importToolbox(platform.cluster)
const cluster = openStage(t, platform)

t.test('a StatefulSet that goes back goes on once its stuck pod is deleted, and loses no other', async (t) => {
  const scene = await setScene(t, cluster)
  const good = statefulSet(pod(sound), { replicas: 2 })
  await scene.untilReady(...(await scene.apply(good)))
  const probe = { readinessProbe: { exec: { command: ['/busybox', 'false'] }, periodSeconds: 1 } }
  const bad = await scene.apply(
    statefulSet(pod(shell('echo waiting; exec /busybox sleep 3600', probe)), { replicas: 2 }),
  )
  const [failing] = await scene
    .watch({
      workloads: bad,
      sinceMs: Date.now(),
      until: ({ culprit }) => culprit?.pod === 'web-1',
    })
    .then((seen) => seen.slice(-1))
  t.equal(failing?.fault, undefined, 'a pod that is only never ready is no fault before the deadline')
  t.same(failing?.stuck, [], 'the pod of the template as it is is not stuck')
  t.match(await scene.lastLog(failing), /^waiting$/)

  const sinceMs = Date.now()
  const workloads = await scene.apply(good)
  const goingBack = { workloads, sinceMs, isGoingBack: true } as const
  const looks = await scene.watch({ ...goingBack, until: ({ stuck }) => stuck.length > 0 })
  const stuck = looks.at(-1)?.stuck ?? []
  t.same(
    stuck.map(({ metadata }) => metadata.name),
    ['web-1'],
  )

  for (const one of stuck) t.ok(await scene.pods.remove(one, scene.tenant, cluster.signal))
  await scene.untilReady(...workloads)
  const after = await scene.watch({ ...goingBack, until: ({ stuck }) => stuck.length === 0 })
  t.equal(after.at(-1)?.fault, undefined)
  for (const one of stuck)
    t.notOk(await scene.pods.remove(one, scene.tenant, cluster.signal), 'another of its name stays')
})
