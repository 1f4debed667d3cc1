import t from 'tap'
import { TestLoop } from './test-loop.ts'
import { settings, workload } from './test-registry.ts'

t.setTimeout(240_000)

const loop = await TestLoop.open(t)

t.test('a rollout that is awaited goes on after a restart, under the new leader', async (t) => {
  await loop.start()
  const web = await loop.deliver('awaited')
  web.registry.push()
  web.poll()
  const before = await web.untilAwaited('r1')
  await loop.stop()

  await loop.start(2)

  const { status } = await web.release('r1')
  t.match(status, { current: { tag: 'r1', appliedAt: before.status?.rollout?.revision.appliedAt } })
})

t.test('a rollout that became ready while nobody was there is current at the start', async (t) => {
  const web = await loop.deliver('ready-while-away')
  web.registry.push()
  web.poll()
  await web.untilAwaited('r1')
  await loop.stop()
  await web.rollOut()

  await loop.start(3)

  t.match((await web.until('r1 to run', ({ status }) => status?.current?.tag === 'r1')).status, {
    summary: { running: 'r1' },
  })
})

t.test(
  'a rollout that was cut short between two objects is finished, with the manifests that it began with',
  async (t) => {
    const web = await loop.deliver('cut-short')
    const many = Array.from({ length: 40 }, (_, n) => settings({ a: '1' }, `settings-${n}`))
    const tag = web.registry.push({ documents: [...many, workload(web.namespace)] })
    web.poll()
    await web.untilObject('v1/configmaps/settings-0', (object) => object !== undefined)
    await loop.stop()
    const { status } = await web.delivery()
    t.match(status?.rollout, { phase: 'Applying', revision: { tag: 'r1' }, leaseEpoch: 3 })
    t.equal(status?.inventory?.length, 41, 'all that may be found is known')
    web.registry.attach(tag, [workload(web.namespace)])

    await loop.start(4)

    const finished = await web.release('r1')
    t.equal(finished.status?.inventory?.length, 41)
    t.ok(await web.object('v1/configmaps/settings-39'))
  },
)

t.test('a push that came while nobody was there is found', async (t) => {
  const web = await loop.deliver('pushed-while-away')
  web.registry.push()
  web.poll()
  await web.release('r1')
  await loop.stop()
  web.registry.push()

  await loop.start(5)

  t.match((await web.release('r2')).status, { current: { tag: 'r2' } })
})

t.test('a restart in which nothing happened writes nothing', async (t) => {
  const web = await loop.deliver('quiet')
  web.registry.push()
  web.poll()
  await web.release('r1')
  await web.untilEvent('Normal Ready')
  await loop.stop()
  web.registry.asked.length = 0

  const writes = await loop.writesDuring(async () => {
    await loop.start(6)
    await loop.until(() => web.registry.asked.includes('scan'), 'its poll')
    await loop.answered(web, 'deployments', ['get'])
    await new Promise((resolve) => setTimeout(resolve, 300))
  })

  t.same(
    writes.map(({ requestURI }) => requestURI),
    [],
  )
})
