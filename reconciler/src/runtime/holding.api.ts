import t from 'tap'
import { deliveryLabel, operatorAnnotations as hand } from '../api/annotations.ts'
import { formatTime } from '../api/time.ts'
import { conditionOf, TestLoop, type Tenancy, type TestSpec } from './test-loop.ts'
import { annotateAt, configMap, isPaused, levels, nameOf, resumed } from './test-pauses.ts'
import { settings, workload } from './test-registry.ts'

t.setTimeout(240_000)

const loop = await TestLoop.open(t)
await loop.start()

for (const level of levels) {
  t.test(`a value that means nothing pauses on ${level}, with a warning`, async (t) => {
    const web = await running('odd')
    await annotateAt(level, [web], { [hand.paused]: 'yes' })

    const paused = await web.until('the pause to hold', isPaused)

    t.equal(conditionOf(paused, 'Paused')?.message, `${nameOf(level, web)} is paused`)
    await web.untilEvent('Warning Paused', /"yes"/)
    await annotateAt(level, [web], resumed)
    await web.until('the pause to end', (delivery) => !isPaused(delivery))
    await web.untilEvent('Normal NotPaused')
  })
}

for (const level of levels) {
  t.test(`a mode that means nothing, on ${level}, lets nothing be written, with a warning`, async (t) => {
    const web = await running('odd mode')
    await annotateAt(level, [web], { [hand.paused]: 'true', [hand.pauseMode]: 'release' })
    const paused = await web.until('the pause to hold', isPaused)
    t.equal(conditionOf(paused, 'Paused')?.message, `${nameOf(level, web)} is paused`)
    await web.untilEvent('Warning Paused', /"release"/)

    await web.edit(configMap, { data: { a: 'theirs' } })
    const told = await web.until('it to be told', ({ status }) => (status?.drifted ?? []).length > 0)

    t.match(told.status?.drifted, [{ kind: 'ConfigMap', name: 'settings' }])
    t.match((await web.object(configMap))?.['data'], { a: 'theirs' }, 'as with the mode all')
    await annotateAt(level, [web], resumed)
    await web.untilEvent('Normal DriftCorrected')
    t.match((await web.object(configMap))?.['data'], { a: '1' })
  })
}

t.test('a pause until a time ends by itself, on whatever it stands', async (t) => {
  const cast = await Promise.all(levels.map(async (level) => ({ level, web: await running('timed') })))
  const untilMs = Date.now() + 8_000
  const values = { [hand.paused]: formatTime(untilMs) }
  await Promise.all(cast.map(({ level, web }) => annotateAt(level, [web], values)))
  await Promise.all(cast.map(({ web }) => web.untilEvent('Normal Paused')))
  for (const { web } of cast) {
    web.registry.push()
    web.poll()
  }

  const ended = await Promise.all(cast.map(({ web }) => web.release('r2')))

  for (const { status } of ended) t.ok(Date.parse(status?.current?.appliedAt ?? '') >= untilMs, 'not before its time')
})

t.test('of two pauses the longer one holds, and what is over or "false" holds nothing', async (t) => {
  const web = await running('two')
  await web.annotateNamespace({ [hand.paused]: formatTime(Date.now() - 1_000) })
  await web.annotate({ [hand.paused]: 'false' })
  web.registry.push()
  web.poll()
  await web.release('r2')

  await web.annotateNamespace({ [hand.paused]: formatTime(Date.now() + 3_000) })
  await web.annotate({ [hand.paused]: 'true', [hand.pauseMode]: 'releases' })
  await web.until('the longer one alone to hold', (delivery) =>
    /^the Delivery is paused for releases$/.test(conditionOf(delivery, 'Paused')?.message ?? ''),
  )
  web.registry.push()
  web.poll()
  const held = await web.until('r3 to wait', ({ status }) => status?.candidate?.tag === 'r3')
  t.match(held.status, { current: { tag: 'r2' } })
})

t.test('a pause that comes while a release is prepared lets it not begin', async (t) => {
  const web = await running('prepared')
  const writes = await loop.writesDuring(async () => {
    const { opened, isAsked } = web.registry.holdBundles()
    web.registry.push()
    web.poll()
    await isAsked
    await web.annotate({ [hand.paused]: 'true', [hand.pauseMode]: 'releases' })
    await loop.until(() => loop.hasSeen(web, hand.paused), 'the reconciler to know of it')
    opened()
    const held = await web.until('the pause to hold', isPaused)
    t.notOk(held.status?.rollout)
    t.match(held.status, { candidate: { tag: 'r2' }, highWater: { tag: 'r1' } })
  })

  const ours = writes.filter(({ objectRef, impersonatedUser }) => {
    const isCopy = objectRef?.resource === 'controllerrevisions'
    return objectRef?.namespace === web.namespace && (impersonatedUser !== undefined || isCopy)
  })
  t.same(ours, [])
  await web.annotate(resumed)
  t.match((await web.release('r2')).status, { current: { tag: 'r2' } })
})

t.test('a pause in mid-rollout holds it, reports its health, and gives it its whole time afterwards', async (t) => {
  const web = await loop.deliver('mid-rollout', { rollout: { timeout: '4s' } })
  web.registry.push()
  web.poll()
  await web.untilAwaited('r1')
  await web.annotate({ [hand.paused]: 'true' })
  const held = await web.until('the pause to hold', isPaused)
  t.notOk(held.status?.rollout?.deadline)
  t.equal(conditionOf(held, 'Ready')?.reason, 'Paused')

  await new Promise((resolve) => setTimeout(resolve, 4_200))
  t.match((await web.delivery()).status?.rollout, { phase: 'Waiting' }, 'not ended while it is paused')

  const resumedAtMs = Math.floor(Date.now() / 1_000) * 1_000
  await web.annotate({ [hand.paused]: null })
  const fresh = await web.until('a deadline', ({ status }) => status?.rollout?.deadline !== undefined)
  t.ok(Date.parse(fresh.status?.rollout?.deadline ?? '') >= resumedAtMs + 4_000, 'its whole time')
  await web.rollOut()
  t.match((await web.until('r1 to run', ({ status }) => status?.current?.tag === 'r1')).status, {
    history: [{ tag: 'r1', outcome: 'Ready' }],
  })
})

t.test('nothing ends while it is paused, though all its pods are ready by then', async (t) => {
  const web = await loop.deliver('ready-meanwhile')
  web.registry.push()
  web.poll()
  await web.untilAwaited('r1')
  await web.annotate({ [hand.paused]: 'true' })
  await web.until('the pause to hold', isPaused)

  await web.rollOut()
  const held = await web.reconcileNow()
  t.match(held.status?.rollout, { phase: 'Waiting' })

  await web.annotate({ [hand.paused]: null })
  t.match((await web.until('r1 to run', ({ status }) => status?.current?.tag === 'r1')).status, {
    history: [{ tag: 'r1', outcome: 'Ready' }],
  })
})

t.test('a pause in mid-apply stops before the next object', async (t) => {
  const web = await loop.deliver('mid-apply')
  const many = Array.from({ length: 30 }, (_, n) => settings({ a: '1' }, `settings-${n}`))
  web.registry.push({ documents: [...many, workload(web.namespace)] })
  web.poll()
  await web.untilObject('v1/configmaps/settings-0', (object) => object !== undefined)
  await web.annotate({ [hand.paused]: 'true' })
  await web.until('the pause to hold', isPaused)

  const writes = await loop.writesDuring(() => new Promise((resolve) => setTimeout(resolve, 500)))
  t.same(writesOf(web, writes), [])

  await web.annotate({ [hand.paused]: null })
  t.match((await web.release('r1')).status, { current: { tag: 'r1' } })
})

t.test('a paused object from which another hand takes our label is not written either', async (t) => {
  const web = await running('unlabelled')
  const path = 'v1/configmaps/settings'
  await web.edit(path, { metadata: { annotations: { [hand.paused]: 'true', [hand.pauseReason]: 'under repair' } } })
  await web.until('the pause to hold', isPaused)

  const writes = await loop.writesDuring(async () => {
    await web.edit(path, { metadata: { labels: { [deliveryLabel]: null } }, data: { a: '2' } })
    const said = await web.until('it to be told', (delivery) => conditionOf(delivery, 'Ready')?.reason === 'Paused')
    t.match(said.status?.summary?.held, /under repair/)
  })
  const hit = writes.filter(({ impersonatedUser, objectRef }) => impersonatedUser && objectRef?.name === 'settings')
  t.same(hit, [])

  await web.edit(path, { metadata: { annotations: resumed } })
  await web.annotate({ [hand.reconcileRequestedAt]: 'now' })
  await web.untilObject(path, (object) => (object?.['data'] as { a?: string } | undefined)?.a === '1')
})

t.test('a tag that is moved while it waits is not rolled out afterwards, by another process either', async (t) => {
  const web = await loop.deliver('moved-while-held')
  web.registry.push({ sequence: undefined })
  web.poll()
  await web.release('r1')
  await web.annotate({ [hand.paused]: 'true', [hand.pauseMode]: 'releases' })
  web.registry.push({ sequence: undefined })
  web.poll()
  await web.until('r2 to wait', ({ status }) => status?.candidate?.tag === 'r2')
  web.registry.move('r2')
  const moved = await web.registry.tag('', 'r2', AbortSignal.timeout(1_000))
  if (moved === undefined) throw new Error('there is no r2')
  web.registry.attach(moved)
  web.poll()
  await web.untilEvent('Warning TagMoved')
  await web.until('r2 to wait no more', ({ status }) => status?.candidate === undefined)
  await loop.stop()
  web.registry.asked.length = 0
  await loop.start()
  await loop.until(() => web.registry.asked.includes('scan'), 'the registry to be read again')

  await web.annotate({ [hand.paused]: null, [hand.pauseMode]: null })
  const free = await web.until('the pause to end', (delivery) => !isPaused(delivery))
  t.notOk(free.status?.rollout)
  web.registry.push({ sequence: undefined })
  web.poll()

  t.match((await web.release('r4')).status, { current: { tag: 'r4' }, previous: { tag: 'r1' } })
})

t.test('a pin rolls out an older release, holds what is newer, and its end lets go', async (t) => {
  const web = await running('pinned')
  web.registry.push()
  web.poll()
  await web.release('r2')

  await web.annotate({ [hand.pin]: 'r1' })
  t.match((await web.release('r1')).status, { current: { tag: 'r1' }, highWater: { tag: 'r1' } })
  web.registry.push()
  web.poll()
  const held = await web.until('r3 to wait', ({ status }) => status?.candidate?.tag === 'r3')
  t.match(held.status?.summary, { running: 'r1', pending: 'r3', held: 'pinned to r1' })

  await web.annotate({ [hand.pin]: null })
  t.match((await web.release('r3')).status, { current: { tag: 'r3' }, previous: { tag: 'r1' } })
})

t.test('a pin to what runs lets releases count again that a failed one had put below high water', async (t) => {
  const web = await running('pinned-running')
  // By whoever could push once: no run of CI comes to such a number.
  web.registry.push({ sequence: 1_000_000 })
  web.poll()
  await web.untilAwaited('r2')
  await web.fail()
  await web.goBack()
  web.registry.delete('r2')
  web.registry.push({ sequence: 3 })
  web.poll()
  const shutOut = await web.reconcileNow('before')
  t.match(shutOut.status, { current: { tag: 'r1' }, highWater: { tag: 'r2' } })
  t.notOk(shutOut.status?.rollout)

  await web.annotate({ [hand.pin]: 'r1' })
  const pinned = await web.until('high water to be reset', ({ status }) => status?.highWater?.tag === 'r1')
  t.match(pinned.status, { current: { tag: 'r1' }, quarantine: [{ tag: 'r2' }], summary: { state: 'Ready' } })
  t.notOk(pinned.status?.rollout)
  t.same(writesOf(web, await loop.writesDuring(async () => void (await web.reconcileNow('pinned')))), [
    'deliveries',
    'deliveries/status',
  ])

  await web.annotate({ [hand.pin]: null })
  web.poll()
  t.match((await web.release('r3')).status, { current: { tag: 'r3' }, previous: { tag: 'r1' } })
})

t.test('a pin by digest rolls out just that', async (t) => {
  const web = await loop.deliver('pinned-digest')
  const { digest } = web.registry.push()
  web.registry.push()
  web.poll()
  await web.release('r2')

  await web.annotate({ [hand.pin]: digest })

  t.match((await web.release('r1')).status, { current: { tag: 'r1', digest } })
})

t.test('a pin that names nothing says so, and what runs stays', async (t) => {
  const web = await running('pinned-nothing')
  for (const [pin, said] of [
    ['r99', /has no tag r99; it is awaited; where it will not come, correct or remove/],
    ['4f2a9c1', /has no tag 4f2a9c1; a tag is the whole SHA; it is awaited/],
    [`sha256:${'0'.repeat(64)}`, /has no image sha256:0+; it is awaited/],
  ] as const) {
    await web.annotate({ [hand.pin]: pin })

    const refused = await web.untilReason('PinNotFound')

    t.match(refused.status, { current: { tag: 'r1' } }, pin)
    t.match(conditionOf(refused, 'Ready')?.message, said)
    await web.annotate({ [hand.pin]: null })
    await web.untilReason('Ready')
  }
})

t.test('a pin that can name nothing is refused without a question to the registry', async (t) => {
  const web = await running('pinned-nonsense')
  web.registry.asked.length = 0
  for (const pin of ['sha256:abc', 'r 1', 'r'.repeat(3_000)]) {
    await web.annotate({ [hand.pin]: pin })

    const refused = await web.untilReason('PinNotFound')

    const message = conditionOf(refused, 'Ready')?.message ?? ''
    t.match(message, /is neither a tag nor a digest/, pin.slice(0, 20))
    t.ok(message.length < 600, 'it is told in short')
    t.match(refused.status, { current: { tag: 'r1' } })
    await web.annotate({ [hand.pin]: null })
    await web.untilReason('Ready')
  }
  t.same(web.registry.asked, [])
})

/** A Delivery in which its first push runs. */
async function running(purpose: string, spec: TestSpec = {}): Promise<Tenancy> {
  const web = await loop.deliver(purpose, spec)
  web.registry.push({ documents: [settings({ a: '1' }), workload(web.namespace)] })
  web.poll()
  await web.release('r1')
  return web
}

/** The kinds of what was written, in whatever order: a poll may have its say at any time. */
function writesOf({ namespace }: Tenancy, writes: Awaited<ReturnType<TestLoop['writesDuring']>>): readonly string[] {
  const ours = writes.filter(({ objectRef }) => objectRef?.namespace === namespace)
  const kinds = ours.map(({ objectRef }) => [objectRef?.resource, objectRef?.subresource].filter(Boolean).join('/'))
  return [...new Set(kinds)].sort()
}
