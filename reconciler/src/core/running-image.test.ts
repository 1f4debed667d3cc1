import t from 'tap'
import type { KubeObject } from '../api/object.ts'
import { allRun, commonImage, imagesOf } from './running-image.ts'

const repository = { registry: 'contoso.azurecr.io', repository: 'shop/web' }
const digest = `sha256:${'a'.repeat(64)}`

function workload(...images: readonly string[]): KubeObject {
  const containers = images.map((image, index) => ({ name: `c${index}`, image }))
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web' },
    spec: { template: { spec: { containers, initContainers: [{ name: 'init', image: 'busybox' }] } } },
  }
}

function pod(...imageIds: readonly string[]): KubeObject {
  const containerStatuses = imageIds.map((imageID, index) => ({ name: `c${index}`, imageID }))
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' }, status: { containerStatuses } }
}

t.test('only containers of that very repository count', (t) => {
  const others = ['nginx', 'example.com/shop/web:1', 'contoso.azurecr.io/shop/other:1', 'Not An Image']
  const found = imagesOf(workload(...others, 'contoso.azurecr.io/shop/web:1'), repository)
  t.match(found, [{ container: 'c4', text: 'contoso.azurecr.io/shop/web:1', reference: { tag: '1' } }])
  t.equal(found.length, 1)
  t.same(imagesOf({ ...workload(), kind: 'ConfigMap' }, repository), [])
  t.end()
})

t.test('workloads have one image in common where all name it alike', (t) => {
  const [a, b] = ['contoso.azurecr.io/shop/web:1', `contoso.azurecr.io/shop/web:1@${digest}`]
  t.same(commonImage([workload(a, 'nginx'), workload(a)], repository), { text: a, tag: '1' })
  t.same(commonImage([workload(b)], repository), { text: b, tag: '1', digest })
  t.equal(commonImage([workload(a), workload(b)], repository), undefined)
  t.equal(commonImage([workload('nginx')], repository), undefined)
  t.equal(commonImage([], repository), undefined)
  t.end()
})

t.test('a release runs where every pod says so of every container', (t) => {
  const ours = workload('contoso.azurecr.io/shop/web:1', 'nginx')
  const right = `contoso.azurecr.io/shop/web@${digest}`
  t.ok(allRun([pod(right, 'nginx@sha256:b'), pod(`docker-pullable://${right}`)], ours, repository, digest))
  t.notOk(allRun([], ours, repository, digest))
  t.notOk(allRun([pod(right), pod('')], ours, repository, digest), 'one has not pulled yet')
  t.notOk(allRun([pod(right), pod(`contoso.azurecr.io/shop/web@sha256:${'b'.repeat(64)}`)], ours, repository, digest))
  t.notOk(allRun([{ ...pod(), status: {} }], ours, repository, digest))
  t.end()
})
