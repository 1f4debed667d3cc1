import t from 'tap'
import type { KubeObject } from '../api/object.ts'
import { inApplyOrder, render, type RenderOptions } from './render.ts'

const digest = `sha256:${'a'.repeat(64)}`
const options: RenderOptions = {
  owner: { namespace: 'team', name: 'web', uid: 'u-1' },
  repository: { registry: 'contoso.azurecr.io', repository: 'apps/web' },
  tag: 'abc',
  digest,
}
const pinned = `contoso.azurecr.io/apps/web:abc@${digest}`

const matches: Record<string, string> = {
  'the bare repository': 'apps/web',
  'the repository with a tag': 'apps/web:latest',
  'the repository on another host': 'docker.io/apps/web:1',
  'the repository with a digest': `contoso.azurecr.io/apps/web@sha256:${'b'.repeat(64)}`,
}
for (const [what, image] of Object.entries(matches)) {
  t.test(`${what} is pinned`, async (t) => t.same(imagesOf(rendered([deployment([image])])), [pinned]))
}

const strangers: Record<string, string> = {
  'a repository that ends alike': 'other/apps/web',
  'a repository that begins alike': 'apps/web-admin',
  'a text that is no reference': 'Apps Web',
}
for (const [what, image] of Object.entries(strangers)) {
  t.test(`${what} is left alone`, async (t) => {
    t.same(imagesOf(rendered([deployment(['apps/web', image])])), [pinned, image])
  })
}

t.test('init containers are pinned too', async (t) => {
  const object = deployment(['busybox'], ['apps/web:old'])

  t.match(rendered([object]), [{ spec: { template: { spec: { initContainers: [{ name: 'c0', image: pinned }] } } } }])
})

t.test('the pods of a CronJob are pinned where it keeps them', async (t) => {
  const podSpec = { containers: [{ name: 'c', image: 'apps/web' }] }
  const object = manifest('batch/v1', 'CronJob', { spec: { jobTemplate: { spec: { template: { spec: podSpec } } } } })

  const image = { containers: [{ name: 'c', image: pinned }] }
  t.match(rendered([object]), [{ spec: { jobTemplate: { spec: { template: { spec: image } } } } }])
})

t.test('a container without an image is passed on as it is, for the API server to refuse', async (t) => {
  const object = manifest('apps/v1', 'Deployment', {
    spec: { template: { spec: { containers: [{ name: 'c' }, 'odd', { name: 'd', image: 'apps/web' }] } } },
  })

  t.match(rendered([object]), [
    { spec: { template: { spec: { containers: [{ name: 'c' }, 'odd', { image: pinned }] } } } },
  ])
})

t.test('where no container uses the repository it is refused, and what was found is listed', async (t) => {
  const result = render([deployment(['nginx:1', 'apps/web-admin']), deployment(['nginx:1'])], options)

  t.match(result, { kind: 'refused', reason: 'ImageNotInManifests', message: /found: apps\/web-admin, nginx:1$/ })
})

t.test('where there is no container at all it is refused and says so', async (t) => {
  const result = render([manifest('v1', 'ConfigMap', { data: {} })], options)

  t.match(result, { kind: 'refused', message: /no container at all$/ })
})

t.test('every object is put into the namespace and marked with its Delivery', async (t) => {
  const objects = rendered([deployment(['apps/web']), manifest('v1', 'ConfigMap', { data: {} })])

  for (const { metadata } of objects) {
    t.match(metadata, {
      namespace: 'team',
      labels: { 'windlass.dev/delivery': 'web' },
      annotations: { 'windlass.dev/owner': 'team/web/u-1' },
    })
  }
})

t.test('labels and annotations of the manifest stay', async (t) => {
  const object = deployment(['apps/web'])
  const [result] = rendered([
    { ...object, metadata: { name: 'web', labels: { app: 'web' }, annotations: { note: 'x' } } },
  ])

  t.match(result?.metadata, { labels: { app: 'web' }, annotations: { note: 'x' } })
})

t.test('what a server adds is not applied', async (t) => {
  const object = {
    ...deployment(['apps/web']),
    metadata: { name: 'web', uid: 'x', resourceVersion: '1', generation: 3, managedFields: [] },
    status: { replicas: 1 },
  }
  const [result] = rendered([object])

  t.notOk(result && 'status' in result)
  t.same(Object.keys(result?.metadata ?? {}).sort(), ['annotations', 'labels', 'name', 'namespace'])
})

t.test('the documents themselves are not changed', async (t) => {
  const object = deployment(['apps/web'])
  const before = JSON.stringify(object)

  render([object], options)

  t.equal(JSON.stringify(object), before)
})

t.test('what others refer to is written first, and what lets traffic in last', async (t) => {
  const kinds = ['Ingress', 'Deployment', 'PodDisruptionBudget', 'ConfigMap', 'ServiceAccount', 'Service']

  const ordered = inApplyOrder(kinds.map((kind) => manifest('v1', kind, {})))

  t.same(
    ordered.map(({ kind }) => kind),
    ['ServiceAccount', 'ConfigMap', 'Service', 'Deployment', 'PodDisruptionBudget', 'Ingress'],
  )
})

function rendered(documents: readonly KubeObject[]): readonly KubeObject[] {
  const result = render(documents, options)
  if (result.kind === 'refused') throw new Error(result.message)
  return result.objects
}

function imagesOf(objects: readonly KubeObject[]): readonly unknown[] {
  return objects.flatMap((object) => {
    const { template } = object['spec'] as { template: { spec: { containers: { image: unknown }[] } } }
    return template.spec.containers.map(({ image }) => image)
  })
}

function deployment(images: readonly string[], initImages: readonly string[] = []): KubeObject {
  const containers = images.map((image, index) => ({ name: `c${index}`, image }))
  const initContainers = initImages.map((image, index) => ({ name: `c${index}`, image }))
  const podSpec = initImages.length === 0 ? { containers } : { containers, initContainers }
  return manifest('apps/v1', 'Deployment', { spec: { template: { spec: podSpec } } })
}

function manifest(apiVersion: string, kind: string, fields: Record<string, unknown>): KubeObject {
  return { apiVersion, kind, metadata: { name: 'web' }, ...fields }
}
