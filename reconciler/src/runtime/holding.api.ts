import t from 'tap'
import { operatorAnnotations as hand } from '../api/annotations.ts'
import type { Delivery } from '../api/delivery.ts'
import { formatTime } from '../api/time.ts'
import { conditionOf, TestLoop, type Tenancy, type TestSpec } from './test-loop.ts'
import { settings, workload } from './test-registry.ts'

t.setTimeout(240_000)

const loop = await TestLoop.open(t)
await loop.start()

const levels: Record<string, (web: Tenancy, value: string | null) => Promise<void>> = {
  'the Delivery': (web, paused) => web.annotate({ [hand.paused]: paused }),
  'its Namespace': (web, paused) => web.annotateNamespace({ [hand.paused]: paused }),
  "the reconciler's Namespace": (web, paused) => web.annotateNamespace({ [hand.paused]: paused }, 'windlass-system'),
  'one of its objects': (web, paused) =>
    web.edit('apps/v1/deployments/web', { metadata: { annotations: { [hand.paused]: paused } } }),
}
for (const [level, pause] of Object.entries(levels)) {
  t.test(`a pause on ${level} holds a release, and its end lets go what is newest then`, async (t) => {
    const web = await running('paused')
    await pause(web, 'true')
    await web.until('the pause to hold', isPaused)

    const writes = await loop.writesDuring(async () => {
      web.registry.push()
      web.poll()
      const held = await web.until('r2 to wait', ({ status }) => status?.candidate?.tag === 'r2')
      t.match(held.status, { summary: { running: 'r1', pending: 'r2', state: 'Paused' }, current: { tag: 'r1' } })
      t.equal(conditionOf(held, 'Ready')?.status, 'True', 'what runs is as it should be')
    })
    t.same(writesOf(web, writes), ['deliveries/status'])

    web.registry.push()
    web.poll()
    await web.until('r3 to wait', ({ status }) => status?.candidate?.tag === 'r3')
    await pause(web, null)
    t.match((await web.release('r3')).status, { current: { tag: 'r3' }, previous: { tag: 'r1' } })
    await web.untilEvent('Normal NotPaused')
  })
}

t.test('a pause says who, why and until when', async (t) => {
  const web = await running('words')
  await web.annotate({ [hand.paused]: 'true', [hand.pausedBy]: 'ada', [hand.pauseReason]: 'load test' })

  const paused = await web.until('the pause to hold', isPaused)

  t.equal(conditionOf(paused, 'Paused')?.message, 'the Delivery is paused by ada: load test')
  t.equal(paused.status?.summary?.held, 'the Delivery is paused by ada: load test')
})

t.test('a value that means nothing pauses, with a warning', async (t) => {
  const web = await running('odd')
  await web.annotate({ [hand.paused]: 'yes' })

  const paused = await web.until('the pause to hold', isPaused)

  t.equal(conditionOf(paused, 'Paused')?.message, 'the Delivery is paused')
  await web.untilEvent('Warning Paused')
})

t.test('a pause until a time ends by itself', async (t) => {
  const web = await running('timed')
  await web.annotate({ [hand.paused]: formatTime(Date.now() + 4_000) })
  await web.until('the pause to hold', isPaused)
  web.registry.push()
  web.poll()
  await web.until('r2 to wait', ({ status }) => status?.candidate?.tag === 'r2')

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
  await web.rollOut()
  t.match((await web.delivery()).status?.rollout, { phase: 'Waiting' }, 'not ended while it is paused')

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

t.test('with the mode "releases" a rollout under way ends, and the next release waits', async (t) => {
  const web = await loop.deliver('releases')
  web.registry.push()
  web.poll()
  await web.untilAwaited('r1')
  await web.annotate({ [hand.paused]: 'true', [hand.pauseMode]: 'releases' })
  await web.until('the pause to hold', isPaused)
  web.registry.push()
  web.poll()

  t.match((await web.release('r1')).status, { current: { tag: 'r1' }, candidate: { tag: 'r2' } })
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

t.test('while paused drift is shown and not taken back, and taken back afterwards', async (t) => {
  const web = await running('paused-drift')
  await web.annotate({ [hand.paused]: 'true' })
  await web.until('the pause to hold', isPaused)

  await web.edit('apps/v1/deployments/web', { spec: { replicas: 5 } })
  await web.until('the drift to be shown', ({ status }) => status?.drifted?.[0]?.name === 'web')
  t.match(await web.object('apps/v1/deployments/web'), { spec: { replicas: 5 } })

  await web.annotate({ [hand.paused]: null })
  await web.untilObject('apps/v1/deployments/web', (object) => replicasOf(object) === 1)
  await web.until('nothing to be drifted', ({ status }) => status?.drifted === undefined)
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
  for (const pin of ['r99', `sha256:${'0'.repeat(64)}`]) {
    await web.annotate({ [hand.pin]: pin })

    const refused = await web.untilReason('PinNotFound')

    t.match(refused.status, { current: { tag: 'r1' } }, pin)
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

t.test('a pause goes before a pin', async (t) => {
  const web = await running('pause-before-pin')
  web.registry.push()
  web.poll()
  await web.release('r2')
  await web.annotate({ [hand.paused]: 'true', [hand.pin]: 'r1' })
  await web.until('the pause to hold', isPaused)
  t.match((await web.delivery()).status, { current: { tag: 'r2' } })

  await web.annotate({ [hand.paused]: null })
  t.match((await web.release('r1')).status, { current: { tag: 'r1' } })
})

/** A Delivery in which its first push runs. */
async function running(purpose: string, spec: TestSpec = {}): Promise<Tenancy> {
  const web = await loop.deliver(purpose, spec)
  web.registry.push()
  web.poll()
  await web.release('r1')
  return web
}

function isPaused(delivery: Delivery): boolean {
  return conditionOf(delivery, 'Paused')?.status === 'True'
}

function writesOf({ namespace }: Tenancy, writes: Awaited<ReturnType<TestLoop['writesDuring']>>): readonly string[] {
  const ours = writes.filter(({ objectRef }) => objectRef?.namespace === namespace)
  return [
    ...new Set(ours.map(({ objectRef }) => [objectRef?.resource, objectRef?.subresource].filter(Boolean).join('/'))),
  ]
}

function replicasOf(object: { readonly [field: string]: unknown } | undefined): unknown {
  return (object?.['spec'] as { replicas?: unknown } | undefined)?.replicas
}
