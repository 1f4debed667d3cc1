import t from 'tap'
import { operatorAnnotations as hand } from '../api/annotations.ts'
import type { KubeObject } from '../api/object.ts'
import { contestWindowMs, mostCorrections } from '../core/contested.ts'
import { conditionOf, TestLoop, type Tenancy } from './test-loop.ts'
import { settings, workload } from './test-registry.ts'

t.setTimeout(240_000)

const loop = await TestLoop.open(t)
await loop.start()

const configMap = 'v1/configmaps/settings'
/** More than the corrections of a test take. */
const marginMs = 5 * 60_000

t.test('what another hand undoes again and again is left after five corrections, and shown', async (t) => {
  const web = await contested('shown')

  const left = await web.untilReason('DriftContested')

  t.match(left.status, {
    summary: { running: 'r1', state: 'DriftContested', held: /ConfigMap\/settings/ },
    drifted: [{ kind: 'ConfigMap', name: 'settings' }],
  })
  t.equal(conditionOf(left, 'Stalled')?.status, 'True')
  await web.untilEvent('Warning DriftContested')
  const writes = await loop.writesDuring(async () => {
    await web.edit(configMap, { data: { a: 'again' } })
    await web.annotateNamespace({ note: 'looked at anew' })
    await web.edit('apps/v1/deployments/web', { spec: { paused: true } })
    await web.untilEvent('Normal DriftCorrected')
  })
  const written = writes.filter(({ objectRef }) => objectRef?.namespace === web.namespace)
  t.same(
    written.filter(({ objectRef }) => objectRef?.resource === 'configmaps').length,
    1,
    'only the other hand wrote it',
  )
})

t.test('a restart begins no new count', async (t) => {
  const web = await contested('restarted')
  await web.untilReason('DriftContested')
  await loop.stop()

  await loop.start(2)
  await web.edit('apps/v1/deployments/web', { metadata: { labels: { 'windlass.dev/delivery': 'web-2' } } })
  await web.untilObject(
    'apps/v1/deployments/web',
    (object) => object?.metadata.labels?.['windlass.dev/delivery'] === 'web',
  )

  t.match((await web.object(configMap))?.['data'], { a: 'theirs' })
  t.equal(conditionOf(await web.delivery(), 'Ready')?.reason, 'DriftContested')
})

t.test('the next release takes it back, and counts anew', async (t) => {
  const web = await contested('released')
  await web.untilReason('DriftContested')

  web.registry.push({ documents: [workload(web.namespace), settings({ a: '2' })] })
  web.poll()
  const { status } = await web.release('r2')

  t.match((await web.object(configMap))?.['data'], { a: '2' })
  t.notOk(status?.inventory?.some(({ corrections }) => corrections !== undefined))
  await change(web, '2')
  await web.untilReason('Ready')
})

t.test('who asks for a reconcile has it taken back once more', async (t) => {
  const web = await contested('asked')
  await web.untilReason('DriftContested')

  await web.annotate({ [hand.reconcileRequestedAt]: 'now' })

  const { status } = await web.untilReason('Ready')
  t.match((await web.object(configMap))?.['data'], { a: '1' })
  t.equal(status?.inventory?.find(({ kind }) => kind === 'ConfigMap')?.corrections?.length, 1, 'counted anew')
})

t.test('what is deleted again and again in mid-rollout is left too', async (t) => {
  const web = await loop.deliver('mid-rollout')
  web.registry.push({ documents: [workload(web.namespace), settings({ a: '1' })] })
  web.poll()
  await web.untilAwaited('r1')
  for (let n = 1; n <= 5; n += 1) await removeOnce(web)

  await web.remove(configMap)
  await web.rollOut()
  const held = await web.until('it to be left', ({ status }) => /ConfigMap\/settings/.test(status?.summary?.held ?? ''))

  t.match(held.status?.rollout, { phase: 'Waiting', revision: { tag: 'r1' } })
  t.notOk(await web.object(configMap))
})

t.test('a fifth correction is the last for as long as the first is less than ten minutes ago', async (t) => {
  const web = await correctedOften('within')
  await loop.stop()
  await loop.start(3, contestWindowMs - marginMs)
  await change(web, '1')

  await web.edit(configMap, { data: { a: 'theirs' } })
  await web.untilReason('DriftContested')

  t.match((await web.object(configMap))?.['data'], { a: 'theirs' })
})

t.test('corrections of ten minutes ago count no more', async (t) => {
  const web = await correctedOften('after')
  await loop.stop()
  await loop.start(4, 2 * contestWindowMs - marginMs)
  await change(web, '1')

  await change(web, '1')

  const { status } = await web.untilReason('Ready')
  t.equal(status?.inventory?.find(({ kind }) => kind === 'ConfigMap')?.corrections?.length, 2)
})

/** A Delivery whose ConfigMap another hand has changed once more than it is taken back. */
async function contested(purpose: string): Promise<Tenancy> {
  const web = await correctedOften(purpose)
  await change(web, '1')
  await web.edit(configMap, { data: { a: 'theirs' } })
  return web
}

/** One whose ConfigMap was taken back as often as may be, but once. */
async function correctedOften(purpose: string): Promise<Tenancy> {
  const web = await loop.deliver(purpose)
  web.registry.push({ documents: [workload(web.namespace), settings({ a: '1' })] })
  web.poll()
  await web.release('r1')
  for (let n = 1; n < mostCorrections; n += 1) await change(web, '1')
  return web
}

/** Changes it, and waits until it was taken back. */
async function change(web: Tenancy, a: string): Promise<void> {
  await web.edit(configMap, { data: { a: 'theirs' } })
  await web.untilObject(configMap, (object) => dataOf(object)?.['a'] === a)
  await web.until('the correction to be noted', ({ status }) => status?.drifted === undefined)
}

async function removeOnce(web: Tenancy): Promise<void> {
  const uid = (await web.object(configMap))?.metadata.uid
  await web.remove(configMap)
  await web.untilObject(configMap, (object) => object !== undefined && object.metadata.uid !== uid)
  const made = (await web.object(configMap))?.metadata.uid
  await web.until('it to be noted', ({ status }) => status?.inventory?.some((entry) => entry.uid === made) ?? false)
}

function dataOf(object: KubeObject | undefined): Readonly<Record<string, string>> | undefined {
  return object?.['data'] as Readonly<Record<string, string>> | undefined
}
