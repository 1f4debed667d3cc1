import t from 'tap'
import { findSupportedKind, supportedKinds } from './kinds.ts'

t.test('group and version are the two halves of apiVersion', (t) => {
  for (const { apiVersion, group, version } of supportedKinds) {
    t.equal(apiVersion, group === '' ? version : `${group}/${version}`)
  }
  t.end()
})

t.test('no kind stands in the table twice', (t) => {
  t.equal(new Set(supportedKinds.map(({ group, kind }) => `${group}/${kind}`)).size, supportedKinds.length)
  t.equal(new Set(supportedKinds.map(({ group, plural }) => `${group}/${plural}`)).size, supportedKinds.length)
  t.end()
})

t.test('a kind is found by its exact version only', (t) => {
  t.equal(findSupportedKind('apps/v1', 'Deployment')?.plural, 'deployments')
  t.equal(findSupportedKind('apps/v1beta1', 'Deployment'), undefined)
  t.equal(findSupportedKind('v1', 'Deployment'), undefined)
  t.end()
})

t.test('a push can neither bring secrets nor loosen rights', (t) => {
  for (const kind of ['Secret', 'Role', 'RoleBinding', 'ClusterRole', 'ClusterRoleBinding', 'Pod', 'Job', 'Delivery']) {
    t.notOk(
      supportedKinds.some((supported) => supported.kind === kind),
      kind,
    )
  }
  t.end()
})
