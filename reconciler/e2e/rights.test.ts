import t from 'tap'
import type { AuditEvent } from '../../bootstrap/local/audit-log.ts'
import { describeAll, isOf, isRefused, rightsOf, usesOf } from './rights.ts'

const account = 'system:serviceaccount:shop:deployer'
const applied: AuditEvent = {
  stage: 'ResponseComplete',
  verb: 'patch',
  requestURI: '/apis/apps/v1/namespaces/shop/deployments/web',
  user: { username: 'system:serviceaccount:windlass-system:windlass' },
  objectRef: { apiGroup: 'apps', resource: 'deployments', namespace: 'shop', name: 'web' },
  responseStatus: { code: 200 },
  requestReceivedTimestamp: '2026-01-01T00:00:00.000000Z',
  stageTimestamp: '2026-01-01T00:00:00.010000Z',
}

t.test('rules give a right for each group, resource, verb and name', async (t) => {
  const rules = [
    { apiGroups: [''], resources: ['pods', 'pods/log'], verbs: ['get', 'list'] },
    { apiGroups: ['coordination.k8s.io'], resources: ['leases'], verbs: ['get'], resourceNames: ['a', 'b'] },
  ]

  t.same(describeAll(rightsOf(rules)), [
    'get coordination.k8s.io/leases a',
    'get coordination.k8s.io/leases b',
    'get pods',
    'get pods/log',
    'list pods',
    'list pods/log',
  ])
})

t.test('an apply that makes the object takes the right to create it as well', async (t) => {
  t.same(describeAll(usesOf(applied, 'tenant')), ['patch apps/deployments web'])
  t.same(describeAll(usesOf({ ...applied, responseStatus: { code: 201 } }, 'tenant')), [
    'create apps/deployments web',
    'patch apps/deployments web',
  ])
})

t.test('a request as somebody takes of the asker the right to act as him, and nothing else', async (t) => {
  const event = { ...applied, impersonatedUser: { username: account } }

  t.same(usesOf(event, 'asker'), [
    { group: '', resource: 'serviceaccounts', verb: 'impersonate', namespace: 'shop', name: 'deployer' },
  ])
  t.same(describeAll(usesOf(event, 'tenant')), ['patch apps/deployments web'])
  t.match(usesOf({ ...applied, impersonatedUser: { username: 'ada' } }, 'asker'), [{ resource: 'users', name: 'ada' }])
})

t.test('a request is refused for want of a right, or to act as somebody, and by no admission', async (t) => {
  const forbidden = { ...applied, responseStatus: { code: 403 } }
  const decided = (decision: string) => ({ ...forbidden, annotations: { 'authorization.k8s.io/decision': decision } })

  t.ok(isRefused(decided('forbid')))
  t.ok(isRefused(forbidden))
  t.notOk(isRefused(decided('allow')))
  t.notOk(isRefused(applied))
})

t.test('what is about no resource takes no right to one', async (t) => {
  const { objectRef: _, ...event } = applied
  t.same(usesOf({ ...event, requestURI: '/version' }, 'asker'), [])
})

t.test('a right that is bound to a name is used by a request for that name alone', async (t) => {
  const [get] = rightsOf([{ apiGroups: [''], resources: ['pods'], verbs: ['get'], resourceNames: ['a'] }])
  const use = { group: '', resource: 'pods', verb: 'get' }
  if (get === undefined) throw new Error('there is no right')

  t.ok(isOf({ ...use, name: 'a' }, get))
  t.notOk(isOf({ ...use, name: 'b' }, get))
  t.notOk(isOf(use, get))
  t.notOk(isOf({ ...use, name: 'a', verb: 'list' }, get))
  t.notOk(isOf({ ...use, name: 'a', resource: 'pods/log' }, get))
  t.notOk(isOf({ ...use, name: 'a', group: 'apps' }, get))
})
