import t from 'tap'
import { collectionPath, objectPath } from './paths.ts'

t.test('a path is made of the group, the version and the plural', (t) => {
  const namespace = 'shop'
  t.equal(
    objectPath({ apiVersion: 'v1', kind: 'ConfigMap', namespace, name: 'a' }),
    '/api/v1/namespaces/shop/configmaps/a',
  )
  t.equal(
    objectPath({ apiVersion: 'apps/v1', kind: 'Deployment', namespace, name: 'a' }),
    '/apis/apps/v1/namespaces/shop/deployments/a',
  )
  t.equal(collectionPath({ apiVersion: 'apps/v1', group: 'apps', plural: 'deployments' }), '/apis/apps/v1/deployments')
  t.end()
})

t.test('a name cannot lead out of its path', (t) => {
  const path = objectPath({ apiVersion: 'v1', kind: 'ConfigMap', namespace: 'a/b', name: '../../secrets/x' })
  t.equal(path, '/api/v1/namespaces/a%2Fb/configmaps/..%2F..%2Fsecrets%2Fx')
  t.end()
})

t.test('a kind that no release may hold has no path', (t) => {
  t.throws(() => objectPath({ apiVersion: 'v1', kind: 'Secret', namespace: 'a', name: 'b' }), {
    message: /Secret \(v1\) is not of a kind/,
  })
  t.end()
})
