import t from 'tap'
import { importToolbox, kubectl } from '../../bootstrap/local/native/testing.ts'
import { sharedPlatform } from '../../bootstrap/local/testing-platform.ts'
import { deployTenant, mayAlso } from './delivered.ts'
import { openStage, setScene } from './rollout-scene.ts'
import { pod, shell, sound, statefulSet } from './test-pods.ts'
import { imageOf, pushRelease } from './test-releases.ts'

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

t.test('a release of a StatefulSet that never gets ready is gone back from, and loses no other pod', async (t) => {
  const mayHaveStatefulSets = mayAlso('stateful', [
    { apiGroups: ['apps'], resources: ['statefulsets'], verbs: ['get', 'create', 'patch', 'delete'] },
    { apiGroups: [''], resources: ['pods'], verbs: ['delete'] },
  ])
  const web = await deployTenant(cluster, 'stateful', { rollout: { timeout: '30s' } }, mayHaveStatefulSets)
  const push = (sequence: number, more: object) => {
    const container = { name: 'app', image: imageOf(web.repository), args: ['sleep', '3600'], ...more }
    const documents = [statefulSet({ ...restricted, containers: [container] }, { replicas: 2 })]
    return pushRelease(platform, {
      repository: web.repository,
      tag: `r${sequence}`,
      sequence,
      documents,
      signal: cluster.signal,
    })
  }
  const container = {
    securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
    readinessProbe: { exec: { command: ['/busybox', 'true'] }, periodSeconds: 1 },
  }
  const readPods = async () =>
    (await kubectl(platform.cluster, '-n', web.namespace, 'get', 'pods', `-o=jsonpath=${columns}`)).trim().split('\n')
  await push(1, container)
  await web.untilRuns('r1')
  const before = await readPods()
  t.equal(before.length, 2)
  t.ok(
    before.every((line) => line.includes('true') && line.includes(`/${web.repository}:r1@`)),
    before.join('; '),
  )

  await push(2, { ...container, readinessProbe: { exec: { command: ['/busybox', 'false'] }, periodSeconds: 1 } })
  const { status } = await web.untilRolledBack()

  t.match(status, {
    current: { tag: 'r1' },
    failed: { revision: { tag: 'r2' }, reason: 'RolloutTimeout', message: /StatefulSet\/web has 1 of 2 pods ready/ },
    quarantine: [{ tag: 'r2' }],
  })
  const after = await readPods()
  t.equal(after[0], before[0], 'the pod that was never touched is the same one')
  t.match(after[1], new RegExp(`^web-1 true \\S+/${web.repository}:r1@`), 'the stuck one was made anew')
  t.not(after[1], before[1])
})

const columns =
  '{range .items[*]}{.metadata.name} {.status.containerStatuses[0].ready} {.spec.containers[0].image} {.metadata.uid}{"\\n"}{end}'

/** What Pod Security asks of a pod in a tenant's Namespace. */
const restricted = {
  securityContext: { runAsNonRoot: true, runAsUser: 65532, seccompProfile: { type: 'RuntimeDefault' } },
}
