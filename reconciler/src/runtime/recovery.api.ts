import t from 'tap'
import { operatorAnnotations as hand } from '../api/annotations.ts'
import { AppError } from '../core/errors.ts'
import { TestLoop, type Tenancy } from './test-loop.ts'
import { settings, workload } from './test-registry.ts'

t.setTimeout(240_000)

const loop = await TestLoop.open(t)

const deployment = 'apps/v1/deployments/web'
const configMap = 'v1/configmaps/settings'

t.test('what runs is known again after a restore, with its inventory, and nothing of it restarts', async (t) => {
  const web = await running('same')
  const before = await web.object(deployment)
  await restore(web)

  await loop.start()
  const { metadata, status } = await web.release('r1')

  t.match(status, {
    current: { tag: 'r1', sequence: 1 },
    highWater: { tag: 'r1', sequence: 1 },
    inventory: [
      { name: 'settings', hash: /./ },
      { name: 'web', hash: /./ },
    ],
  })
  const after = await web.object(deployment)
  t.same(after?.['spec'], before?.['spec'])
  t.equal(after?.metadata.uid, before?.metadata.uid)
  t.equal(after?.metadata.annotations?.['windlass.dev/owner'], `${web.namespace}/web/${metadata.uid}`)
})

t.test('a newer release follows, and what ran is the one before it', async (t) => {
  const web = await running('newer')
  web.registry.push()
  await restore(web)

  await loop.start()
  await web.release('r1')
  const { status } = await web.release('r2')

  t.match(status, { current: { tag: 'r2' }, previous: { tag: 'r1' } })
})

t.test('what is newest in the registry, but not newer than what runs, is not released', async (t) => {
  const web = await running('late-build')
  web.registry.push({ sequence: 0 })
  await restore(web)

  await loop.start()
  await web.release('r1')
  web.poll()
  await web.reconcileNow()

  t.match((await web.delivery()).status, { current: { tag: 'r1' }, highWater: { tag: 'r1' } })
})

t.test('where a tag was deleted its image is known by its digest', async (t) => {
  const web = await running('untagged')
  web.registry.push({ tag: 'r0', sequence: undefined })
  web.registry.delete('r1')
  await restore(web)

  await loop.start()

  t.match((await web.release('r1')).status, { current: { tag: 'r1' }, highWater: { tag: 'r1', sequence: 1 } })
})

t.test('what the registry has no more gives way to what is newest', async (t) => {
  const web = await running('gone')
  const { digest } = (await web.delivery()).status?.current ?? { digest: '' }
  web.registry.push()
  web.registry.spoil(digest)
  await restore(web)

  await loop.start()
  const { status } = await web.release('r2')

  t.match(status, { current: { tag: 'r2' } })
  t.notOk(status?.previous)
})

t.test('while the registry is down nothing newer is begun, and what runs is taken over afterwards', async (t) => {
  const web = await running('down')
  await restore(web)
  web.registry.failure = new AppError({ kind: 'retryable', reason: 'RegistryUnavailable', message: 'no answer' })

  await loop.start()
  const waiting = await web.untilReason('RegistryUnavailable')
  t.match(waiting.status?.summary?.held, /r1 runs, of which status knows nothing yet/)
  web.registry.failure = undefined

  t.match((await web.release('r1')).status, { current: { tag: 'r1' } })
})

t.test('objects that only carry the label of a Delivery, or another’s mark, are no release of it', async (t) => {
  const web = await running('labelled')
  await web.edit(deployment, { metadata: { annotations: { 'windlass.dev/owner': `${web.namespace}/other/uid` } } })
  await restore(web)

  await loop.start()
  await web.untilReason('OwnedByAnother')

  t.notOk((await web.delivery()).status?.current)
})

t.test('while paused nothing is taken over', async (t) => {
  const web = await running('paused')
  await restore(web, { [hand.paused]: 'true' })

  const writes = await loop.writesDuring(async () => {
    await loop.start()
    await web.until('the pause', ({ status }) => status?.summary?.state === 'Paused')
  })

  t.notOk(writes.some(({ objectRef }) => objectRef?.namespace === web.namespace && objectRef.resource !== 'deliveries'))
  await web.annotate({ [hand.paused]: null })
  t.match((await web.release('r1')).status, { current: { tag: 'r1' } })
})

/** A Delivery in which its first push runs, left by a process that has ended. */
async function running(purpose: string): Promise<Tenancy> {
  await loop.stop()
  await loop.start()
  const web = await loop.deliver(purpose)
  web.registry.push({ documents: [workload(web.namespace), settings({ a: '1' })] })
  web.poll()
  await web.release('r1')
  t.ok(await web.object(configMap))
  await loop.stop()
  return web
}

/** As a backup brings it back: without status, and under another uid. */
async function restore(web: Tenancy, annotations: Readonly<Record<string, string>> = {}): Promise<void> {
  const { apiVersion, kind, metadata, spec } = await web.delivery()
  await web.removeDelivery()
  const path = 'windlass.dev/v1alpha1/deliveries'
  await web.create(path, { apiVersion, kind, metadata: { name: metadata.name, annotations }, spec })
}
