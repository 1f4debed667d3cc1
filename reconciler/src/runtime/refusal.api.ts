import t from 'tap'
import { apiVersion, kind, plural, type Delivery } from '../api/delivery.ts'
import { AppError } from '../core/errors.ts'
import { retryDelayMs } from '../core/retry.ts'
import { mostTags } from '../core/tag-scan.ts'
import { bundleWaitMs } from './preparation.ts'
import { conditionOf, TestLoop, type Tenancy, type TestSpec } from './test-loop.ts'
import { settings, workload } from './test-registry.ts'

t.setTimeout(400_000)

const loop = await TestLoop.open(t)
await loop.start()

t.test('an image without manifests is waited for, and rolled out when they come', async (t) => {
  const web = await loop.deliver('pending')
  const tag = web.registry.push({ hasBundle: false })
  web.poll()
  const pending = await web.untilReason('BundlePending')
  t.match(pending.status, { candidate: { tag: 'r1' }, summary: { pending: 'r1' } })
  t.equal(conditionOf(pending, 'Stalled')?.status, 'False')

  web.registry.attach(tag)

  t.match((await web.release('r1')).status, { current: { tag: 'r1' } })
})

t.test(
  'manifests that do not come in time are missing; meanwhile the older ones are not used in their place',
  async (t) => {
    const web = await running('missing')
    web.registry.push({ hasBundle: false })
    web.poll()
    await web.untilReason('BundlePending')
    await loop.stop()

    await loop.start(2, bundleWaitMs)
    const missing = await web.untilReason('BundleMissing')
    t.equal(conditionOf(missing, 'Stalled')?.status, 'True')
    t.match(missing.status, { current: { tag: 'r1' }, candidate: { tag: 'r2' }, highWater: { tag: 'r1' } })
    t.notOk(missing.status?.rollout)
    web.registry.push()
    web.poll()

    t.match((await web.release('r3')).status, { current: { tag: 'r3' }, previous: { tag: 'r1' } })
    await loop.stop()
    await loop.start(3)
  },
)

t.test('a newer push is not held up by one whose manifests are awaited', async (t) => {
  const web = await running('pending-newer')
  web.registry.push({ hasBundle: false })
  web.poll()
  await web.untilReason('BundlePending')

  web.registry.push()
  web.poll()

  t.match((await web.release('r3')).status, { current: { tag: 'r3' }, previous: { tag: 'r1' } })
})

t.test('two bundles of one revision are refused, and a newer push is not held up by them', async (t) => {
  const web = await loop.deliver('ambiguous')
  const tag = web.registry.push()
  web.registry.attach(tag)
  web.poll()
  const refused = await web.untilReason('BundleAmbiguous')
  t.equal(conditionOf(refused, 'Stalled')?.status, 'True')

  web.registry.push()
  web.poll()

  t.match((await web.release('r2')).status, { current: { tag: 'r2' } })
})

t.test('where the newest is refused none older is tried, also one that was never rolled out', async (t) => {
  const web = await running('refused-newest')
  web.registry.push()
  web.registry.attach(web.registry.push())
  web.poll()
  await web.untilReason('BundleAmbiguous')

  const held = await web.reconcileNow()

  t.match(held.status, { current: { tag: 'r1' }, candidate: { tag: 'r3' }, highWater: { tag: 'r1' } })
  t.notOk(held.status?.rollout)
})

t.test('a refused tag that is deleted is forgotten', async (t) => {
  const web = await running('refused-deleted')
  web.registry.attach(web.registry.push())
  web.poll()
  await web.untilReason('BundleAmbiguous')

  web.registry.delete('r2')
  web.poll()

  const ready = await web.untilReason('Ready')
  t.match(ready.status, { current: { tag: 'r1' } })
  t.notOk(ready.status?.candidate)
})

const refusedBundles: Record<string, { documents: (path: string) => readonly object[]; reason: string; says: RegExp }> =
  {
    'manifests that use another image': {
      documents: () => [workload('nginx')],
      reason: 'ImageNotInManifests',
      says: /found: nginx/,
    },
    'manifests with a Secret': {
      documents: (path) => [workload(path), { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'key' } }],
      reason: 'KindNotSupported',
      says: /Secret\/key/,
    },
    'manifests for another namespace': {
      documents: (path) => [workload(path), { ...settings({}), metadata: { name: 'settings', namespace: 'default' } }],
      reason: 'BundleInvalid',
      says: /ConfigMap\/settings/,
    },
    'manifests with a Job': {
      documents: (path) => [workload(path), { apiVersion: 'batch/v1', kind: 'Job', metadata: { name: 'migrate' } }],
      reason: 'KindNotSupported',
      says: /Job\/migrate: a Job can't be applied again/,
    },
    'manifests with an object of the whole cluster': {
      documents: (path) => [
        workload(path),
        { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', metadata: { name: 'reader' } },
      ],
      reason: 'KindNotSupported',
      says: /ClusterRole\/reader/,
    },
    'manifests with a Delivery': {
      documents: (path) => [workload(path), { apiVersion, kind, metadata: { name: 'other' } }],
      reason: 'KindNotSupported',
      says: /Delivery\/other/,
    },
    'manifests with an annotation of the operator': {
      documents: (path) => [
        workload(path),
        { ...settings({}), metadata: { name: 'settings', annotations: { 'windlass.dev/paused': 'false' } } },
      ],
      reason: 'BundleInvalid',
      says: /ConfigMap\/settings: windlass\.dev\/paused is the operator's to set/,
    },
    'more objects than a release may hold': {
      documents: (path) => [workload(path), ...Array.from({ length: 200 }, (_, n) => settings({}, `settings-${n}`))],
      reason: 'BundleInvalid',
      says: /holds 201 objects, 200 at most/,
    },
    'manifests that the API server refuses': {
      documents: (path) => [workload(path), settings({ 'not a key!': 'x' })],
      reason: 'ApplyRefused',
      says: /settings/,
    },
  }
for (const [what, { documents, reason, says }] of Object.entries(refusedBundles)) {
  t.test(`${what} are refused before anything is written, and what runs stays`, async (t) => {
    const web = await running('refused')
    const before = await web.object('apps/v1/deployments/web')
    web.registry.push({ documents: documents(web.namespace) })
    web.poll()

    const refused = await web.untilReason(reason)

    t.match(conditionOf(refused, 'Ready')?.message, says)
    t.equal(conditionOf(refused, 'Stalled')?.status, 'True')
    t.match(refused.status, { current: { tag: 'r1' }, candidate: { tag: 'r2' }, highWater: { tag: 'r1' } })
    t.notOk(refused.status?.rollout)
    t.equal((await web.object('apps/v1/deployments/web'))?.metadata.resourceVersion, before?.metadata.resourceVersion)
    await web.untilEvent(`Warning ${reason}`)
  })
}

t.test('a change of what can not be changed refuses the whole release', async (t) => {
  const web = await running('immutable')
  const deployment = workload(web.namespace) as { spec: object }
  const relabelled = {
    ...deployment,
    spec: {
      ...deployment.spec,
      selector: { matchLabels: { app: 'other' } },
      template: {
        metadata: { labels: { app: 'other' } },
        spec: { containers: [{ name: 'web', image: web.namespace }] },
      },
    },
  }
  web.registry.push({ documents: [settings({ a: '1' }), relabelled] })
  web.poll()

  const refused = await web.untilReason('ApplyRefused')

  t.match(conditionOf(refused, 'Ready')?.message, /immutable/)
  t.notOk(await web.object('v1/configmaps/settings'), 'not even what came before it')
})

t.test('a field that another apply manager holds is not forced, and is taken when it is given up', async (t) => {
  const web = await running('conflict', { documents: (path) => [workload(path), settings({ a: '1' })] })
  await loop.applyAs('helm', web, { ...settings({ b: '2' }), metadata: { name: 'settings' } })
  web.registry.push({ documents: [workload(web.namespace), settings({ a: '1', b: '3' })] })
  web.poll()

  const held = await web.untilReason('FieldConflict')

  t.match(conditionOf(held, 'Ready')?.message, /helm/)
  t.equal(conditionOf(held, 'Stalled')?.status, 'False')
  t.match(await web.object('v1/configmaps/settings'), { data: { a: '1', b: '2' } })

  await loop.applyAs('helm', web, settings({}))
  t.match((await web.release('r2')).status, { current: { tag: 'r2' } })
  t.match(await web.object('v1/configmaps/settings'), { data: { a: '1', b: '3' } })
})

t.test("an object that is somebody else's is not taken", async (t) => {
  const web = await loop.deliver('not-ours')
  await web.create('v1/configmaps', { metadata: { name: 'settings' }, data: { theirs: '1' } })
  web.registry.push({ documents: [workload(web.namespace), settings({ a: '1' })] })
  web.poll()

  const held = await web.untilReason('NotOurs')

  t.match(conditionOf(held, 'Ready')?.message, /ConfigMap .*settings/)
  t.notOk(await web.object('apps/v1/deployments/web'))
})

t.test('what the account may not do is told, with what to grant', async (t) => {
  const rules = [
    { apiGroups: ['apps'], resources: ['deployments'], verbs: ['get', 'patch', 'create'] },
    { apiGroups: ['autoscaling'], resources: ['horizontalpodautoscalers'], verbs: ['list'] },
  ]
  const web = await loop.deliver('forbidden', {}, rules)
  web.registry.push({ documents: [workload(web.namespace), settings({ a: '1' })] })
  web.poll()

  const held = await web.untilReason('Impersonation')

  t.match(conditionOf(held, 'Ready')?.message, /configmaps.*grant it to the account/)
  t.notOk(await web.object('apps/v1/deployments/web'))
})

t.test('a refused release is not asked for again and again, but once more when somebody asks', async (t) => {
  const web = await running('memory')
  web.registry.push({ documents: [workload('nginx')] })
  web.poll()
  await web.untilReason('ImageNotInManifests')
  web.registry.asked.length = 0

  web.poll()
  await loop.until(() => web.registry.asked.includes('scan'), 'the poll')
  await web.annotate({ 'example.org/touched': 'yes' })
  web.poll()
  await loop.until(() => web.registry.asked.filter((what) => what === 'scan').length === 2, 'another poll')
  t.same([...new Set(web.registry.asked)], ['scan'])

  await web.annotate({ 'windlass.dev/reconcile-requested-at': 'now' })
  await loop.until(() => web.registry.asked.some((what) => what.startsWith('bundles')), 'its manifests to be read')
  await web.until('the request to be noted', ({ status }) => status?.lastHandledReconcileRequest === 'now')
  web.registry.asked.length = 0
  await web.annotate({ 'example.org/touched': 'again' })
  web.poll()
  await loop.until(() => web.registry.asked.includes('scan'), 'a poll after it')
  t.same([...new Set(web.registry.asked)], ['scan'], 'the same value asks once')
})

t.test('while the registry is down what runs stays, and status says so', async (t) => {
  const web = await running('registry-down')
  web.registry.failure = new AppError({ kind: 'retryable', reason: 'RegistryUnavailable', message: 'no answer' })
  web.poll()

  const down = await web.untilReason('RegistryUnavailable')
  t.match(down.status, { current: { tag: 'r1' }, summary: { running: 'r1' } })
  t.equal(conditionOf(down, 'Reconciling')?.status, 'True')

  web.registry.failure = undefined
  web.registry.push()
  t.match((await web.release('r2')).status, { current: { tag: 'r2' } })
})

t.test('a moved tag is told, and not deployed', async (t) => {
  const web = await running('moved')
  web.registry.move('r1')
  web.poll()

  await web.untilEvent('Warning TagMoved')

  const { status } = await web.delivery()
  t.match(status, { current: { tag: 'r1' }, summary: { state: 'Ready' } })
  t.notOk(status?.candidate)
})

t.test('a tag that is deleted before its rollout begins is not rolled out', async (t) => {
  const web = await running('deleted')
  await web.annotate({ 'windlass.dev/paused': 'true' })
  await web.until('the pause to hold', (delivery) => conditionOf(delivery, 'Paused')?.status === 'True')
  web.registry.push()
  web.poll()
  await web.until('r2 to wait', ({ status }) => status?.candidate?.tag === 'r2')
  web.registry.delete('r2')

  await web.annotate({ 'windlass.dev/paused': null })
  await web.until('r2 to be gone', ({ status }) => status?.candidate === undefined)

  t.match((await web.delivery()).status, { current: { tag: 'r1' }, highWater: { tag: 'r1' } })
})

t.test('a tag that is listed and not answered is asked for later and later, and holds nothing newer up', async (t) => {
  const web = await running('ghost')
  const tagOf = web.registry.tag.bind(web.registry)
  const askedMs: number[] = []
  web.registry.tag = async (repository, name, signal) => {
    if (name !== 'r2') return tagOf(repository, name, signal)
    askedMs.push(performance.now())
    return undefined
  }
  web.registry.push()
  web.poll()

  const told = await web.untilReason('RegistryInvalidAnswer')
  t.match(conditionOf(told, 'Ready')?.message, /lists what it does not answer.*tag r2 was deleted/)
  t.match(told.status, { current: { tag: 'r1' }, highWater: { tag: 'r1' } })
  await loop.until(() => askedMs.length >= 5, 'the tag to be asked for a fifth time')
  const gapsMs = askedMs.slice(2).map((ms, index) => ms - (askedMs[index + 1] ?? 0))
  for (const [index, gapMs] of gapsMs.entries()) {
    const options = { retryAfterMs: undefined, attempt: index + 1, random: 0 }
    // The two clocks may differ by their rounding.
    t.ok(gapMs + 2 >= (retryDelayMs('retryable', options) ?? Infinity), `wait ${index + 1}: ${gapMs} ms`)
  }

  web.registry.push()
  web.poll()
  t.match((await web.release('r3')).status, { current: { tag: 'r3' } })
})

const refusedImages: Record<string, { purpose: string; push: (web: Tenancy) => void; reason: string }> = {
  'a push without a sequence after one that has it is not placed, and a later one with it is': {
    purpose: 'unplaced',
    push: ({ registry }) => registry.push({ sequence: undefined }),
    reason: 'SequenceMissing',
  },
  'where the newest is no image that can be run, what runs stays, and the next is taken': {
    purpose: 'no-image',
    push: ({ registry }) => registry.spoil(registry.push().digest),
    reason: 'ImageInvalid',
  },
}

for (const [sentence, { purpose, push, reason }] of Object.entries(refusedImages)) {
  t.test(sentence, async (t) => {
    const web = await running(purpose)
    push(web)
    web.poll()

    const refused = await web.untilReason(reason)
    t.equal(conditionOf(refused, 'Stalled')?.status, 'True')
    t.match(refused.status, { current: { tag: 'r1' }, highWater: { tag: 'r1' } })
    t.notOk(refused.status?.rollout)

    web.registry.push()
    web.poll()
    t.match((await web.release('r3')).status, { current: { tag: 'r3' }, previous: { tag: 'r1' } })
  })
}

t.test('of more tags than are read nothing is decided until a pin, and from there on newer ones count', async (t) => {
  const web = await running('too-many')
  for (let n = 0; n <= mostTags; n += 1) web.registry.push()
  const { latest } = web.registry
  web.poll()

  const stalled = await web.untilReason('TooManyTags')
  t.equal(conditionOf(stalled, 'Stalled')?.status, 'True')
  t.match(stalled.status, { current: { tag: 'r1' }, highWater: { tag: 'r1' } })
  t.notOk(stalled.status?.rollout)

  await web.annotate({ 'windlass.dev/pin': latest })
  await web.release(latest)
  await web.annotate({ 'windlass.dev/pin': null })
  await web.untilReason('Ready')
  web.registry.push()
  web.poll()
  t.match((await web.release()).status, { previous: { tag: latest } })
})

t.test("a Delivery in the reconciler's own Namespace is refused", async (t) => {
  const web = await running('self')
  const { spec } = await web.delivery()
  const { admin, signal } = loop.cluster
  const path = `/apis/${apiVersion}/namespaces/windlass-system/${plural}`
  await loop.cluster.create(path, { apiVersion, kind, metadata: { name: 'self' }, spec })

  const read = () => admin.request<Delivery>({ method: 'GET', path: `${path}/self`, what: 'read it', signal })
  await loop.until(async () => conditionOf(await read(), 'Ready')?.reason === 'SelfManaged', 'it to be refused')

  t.equal(conditionOf(await read(), 'Stalled')?.status, 'True')
})

t.test('an invalid spec stops everything until it is mended', async (t) => {
  const web = await running('invalid')
  await web.editSpec({ image: { tags: '(' } })
  const stalled = await web.untilReason('SpecInvalid')
  t.match(conditionOf(stalled, 'Ready')?.message, /spec\.image\.tags/)
  t.equal(conditionOf(stalled, 'Stalled')?.status, 'True')

  await web.editSpec({ image: { tags: '^r[0-9]+$' } })
  t.match((await web.untilReason('Ready')).status, { current: { tag: 'r1' } })
})

t.test('manifests from a ConfigMap are rolled out with each push', async (t) => {
  const web = await loop.deliver('config-map', { manifests: { configMap: { name: 'web-manifests' } } })
  web.registry.push({ hasBundle: false })
  web.poll()
  await web.untilReason('BundleMissing')

  const manifests = { 'web.yaml': JSON.stringify(workload(web.namespace)) }
  await web.create('v1/configmaps', { metadata: { name: 'web-manifests' }, data: manifests })
  await web.annotate({ 'windlass.dev/reconcile-requested-at': 'now' })

  t.match((await web.release('r1')).status?.current, { bundleDigest: /^sha256:/ })
})

/** A Delivery in which its first push runs. */
async function running(
  purpose: string,
  { spec = {}, documents }: { spec?: TestSpec; documents?: (path: string) => readonly object[] } = {},
): Promise<Tenancy> {
  const web = await loop.deliver(purpose, spec)
  web.registry.push(documents === undefined ? {} : { documents: documents(web.namespace) })
  web.poll()
  await web.release('r1')
  return web
}
