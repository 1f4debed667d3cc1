/** What is changed of an object on its way into the API server: by policies, webhooks and defaults. */
import t, { type Test } from 'tap'
import type { KubeObject } from '../api/object.ts'
import { installMutation, labelNamespace, startWebhook } from './test-admission.ts'
import { TestLoop, type Tenancy } from './test-loop.ts'
import { settings, workload } from './test-registry.ts'

t.setTimeout(240_000)

const deployment = 'apps/v1/deployments/web'
const configMap = 'v1/configmaps/settings'
const loop = await TestLoop.open(t)
const { cluster } = loop
await loop.start()

// What a release does not say, and what it does say.
await installMutation(cluster, {
  label: 'adds-to-all',
  resources: ['configmaps', 'deployments'],
  mutation: {
    patchType: 'ApplyConfiguration',
    applyConfiguration: {
      expression:
        "Object{metadata: Object.metadata{labels: {'injected': 'yes'}, annotations: {'injected.example/by': 'policy'}}}",
    },
  },
})
await installMutation(cluster, {
  label: 'changes-values',
  resources: ['configmaps'],
  mutation: {
    patchType: 'JSONPatch',
    jsonPatch: { expression: "[JSONPatch{op: 'add', path: '/data/a', value: 'theirs'}]" },
  },
})
await installMutation(cluster, {
  label: 'sets-defaults',
  resources: ['deployments'],
  mutation: {
    patchType: 'ApplyConfiguration',
    applyConfiguration: {
      expression:
        'Object{spec: Object.spec{template: Object.spec.template{spec: Object.spec.template.spec{terminationGracePeriodSeconds: 7}}}}',
    },
  },
})
const all = ['adds-to-all', 'changes-values', 'sets-defaults']

t.test('what a policy adds and changes is no drift, and costs no write', async (t) => {
  const web = await running('mutated', all)
  await isMutated()

  await isAtRest(t, web, async () => {
    await web.reconcileNow('now')
    await web.edit(configMap, { metadata: { annotations: { note: 'theirs' } } })
    await web.reconcileNow('once more')
    await loop.stop()
    await loop.start()
    await web.reconcileNow('after a restart')
  })
  t.notOk((await web.delivery()).status?.drifted)

  web.registry.push({ documents: documentsOf(web, '2') })
  web.poll()
  t.match((await web.release('r2')).status, { current: { tag: 'r2' }, summary: { state: 'Ready' } })
  await isMutated()
  await isAtRest(t, web, async () => {
    await web.reconcileNow('at the end')
  })

  async function isMutated(): Promise<void> {
    const injected = { metadata: { labels: { injected: 'yes' }, annotations: { 'injected.example/by': 'policy' } } }
    t.match(await web.object(deployment), {
      ...injected,
      spec: { template: { spec: { terminationGracePeriodSeconds: 7 } } },
    })
    t.match(await web.object(configMap), { ...injected, data: { a: 'theirs', b: 'ours' } })
  }
})

t.test('another hand is told from a policy, and taken back', async (t) => {
  const web = await running('both', all)

  await web.edit(configMap, { data: { b: 'another' } })
  await web.untilEvent('Normal DriftCorrected')

  t.match(await web.object(configMap), { data: { a: 'theirs', b: 'ours' }, metadata: { labels: { injected: 'yes' } } })
  const { status } = await web.until('no drift to be left', ({ status }) => status?.drifted === undefined)
  t.match(status?.summary, { state: 'Ready' })
})

t.test('a policy that comes later is no drift either, and has its way with the next write', async (t) => {
  const web = await running('later', [])
  await enforce(web, all)
  await web.reconcileNow('now')
  t.notOk((await web.delivery()).status?.drifted)
  t.notOk((await web.object(configMap))?.metadata.labels?.['injected'])

  await web.remove(configMap)
  await web.until(
    'it to be taken back',
    ({ status }) => status?.summary?.state === 'Ready' && status.drifted === undefined,
  )
  await web.untilObject(configMap, (object) => object?.metadata.labels?.['injected'] === 'yes')
  await web.reconcileNow('once more')

  t.notOk((await web.delivery()).status?.drifted)
})

t.test('what a webhook adds and raises, as those of meshes and of AKS do, is no drift', async (t) => {
  const shown = await startWebhook(t, cluster, { label: 'webhook', resources: ['deployments'], patch: inject })
  const web = await loop.deliver('webhook')
  await labelNamespace(cluster, web.namespace, 'webhook', true)
  await loop.until(async () => {
    await probeDeployment(web)
    return shown.includes('Deployment/probe (dry run)')
  }, 'the webhook to be asked')

  const isInjected = async (release: string) => {
    const { containers } = ((await web.object(deployment)) as Injected).spec.template.spec
    t.match(containers, [
      { name: 'web', image: new RegExp(`:${release}@`), resources: { requests: { cpu: '100m' } } },
      { name: 'proxy', image: 'mesh.example/proxy:1' },
    ])
    t.equal(containers.length, 2)
  }
  web.registry.push({ documents: [asking('10m', web)] })
  web.poll()
  await web.release('r1')
  await isInjected('r1')
  web.registry.push({ documents: [asking('10m', web)] })
  web.poll()
  await web.release('r2')
  await isInjected('r2')
  t.ok(shown.includes('Deployment/web (dry run)'), 'it is asked while a release is only tried')

  await isAtRest(t, web, async () => {
    await web.reconcileNow('now')
    await loop.stop()
    await loop.start()
    await web.reconcileNow('after a restart')
  })
  t.notOk((await web.delivery()).status?.drifted)

  await web.edit(
    deployment,
    { spec: { template: { spec: { containers: [{ name: 'web', image: 'theirs' }] } } } },
    'strategic-merge',
  )
  await web.untilEvent('Normal DriftCorrected')
  await isInjected('r2')
})

interface Container {
  readonly name: string
  readonly resources?: { readonly requests?: { readonly cpu?: string } }
}
interface Injected extends KubeObject {
  readonly spec: { readonly template: { readonly spec: { readonly containers: readonly Container[] } } }
}

/** A sidecar where there is none yet, and as much CPU as the platform asks for at least. */
function inject(object: KubeObject): readonly object[] {
  const path = '/spec/template/spec/containers'
  const { containers } = (object as Injected).spec.template.spec
  return [
    ...containers.flatMap(({ resources }, index) =>
      resources?.requests?.cpu === '10m'
        ? [{ op: 'replace', path: `${path}/${index}/resources/requests/cpu`, value: '100m' }]
        : [],
    ),
    ...(containers.some(({ name }) => name === 'proxy')
      ? []
      : [{ op: 'add', path: `${path}/-`, value: { name: 'proxy', image: 'mesh.example/proxy:1' } }]),
  ]
}

/** The Deployment, which asks for that much CPU. */
function asking(cpu: string, { namespace }: Tenancy): object {
  const object = workload(namespace) as Injected
  const { template } = object.spec
  const containers = template.spec.containers.map((one) => ({ ...one, resources: { requests: { cpu } } }))
  return { ...object, spec: { ...object.spec, template: { ...template, spec: { ...template.spec, containers } } } }
}

/** A Delivery in which its first push runs, under these policies. */
async function running(purpose: string, policies: readonly string[]): Promise<Tenancy> {
  const web = await loop.deliver(purpose)
  await enforce(web, policies)
  web.registry.push({ documents: documentsOf(web, '1') })
  web.poll()
  await web.release('r1')
  return web
}

function documentsOf({ namespace }: Tenancy, release: string): readonly object[] {
  return [workload(namespace), settings({ a: 'ours', b: 'ours', release })]
}

/** A policy counts a moment after its label stands. */
async function enforce(web: Tenancy, policies: readonly string[]): Promise<void> {
  for (const label of policies) await labelNamespace(cluster, web.namespace, label, true)
  if (policies.length === 0) return
  await loop.until(async () => {
    const map = await probe(`/api/v1/namespaces/${web.namespace}/configmaps`, settings({ a: 'ours' }, 'probe'))
    const made = await probeDeployment(web)
    const isAdded = [map, made].every(({ metadata }) => metadata.labels?.['injected'] === 'yes')
    return isAdded && JSON.stringify(map['data']).includes('theirs') && JSON.stringify(made['spec']).includes(':7')
  }, 'the policies to be in force')
}

function probeDeployment({ namespace }: Tenancy): Promise<KubeObject> {
  return probe(`/apis/apps/v1/namespaces/${namespace}/deployments`, workload(namespace, 'probe'))
}

/** The object as it would be made. */
function probe(path: string, body: object): Promise<KubeObject> {
  const { admin, signal } = cluster
  return admin.request<KubeObject>({ method: 'POST', path, query: { dryRun: 'All' }, body, what: 'probe', signal })
}

/** Nothing of the tenant is written while the work is done. */
async function isAtRest(t: Test, web: Tenancy, work: () => Promise<void>): Promise<void> {
  const writes = await loop.writesDuring(work)
  t.same(
    writes
      .filter(({ objectRef, impersonatedUser }) => objectRef?.namespace === web.namespace && impersonatedUser)
      .map(({ requestURI }) => requestURI),
    [],
  )
}
