import t from 'tap'
import type { AuditEvent } from '../../bootstrap/local/audit-log.ts'
import { countRequests } from './api-requests.ts'

const reconciler = 'system:serviceaccount:windlass-system:windlass'

function request(verb: string, resource: string, more: Partial<AuditEvent> = {}): AuditEvent {
  return {
    stage: 'RequestReceived',
    verb,
    requestURI: `/apis/x/v1/${resource}`,
    user: { username: reconciler },
    objectRef: { resource },
    requestReceivedTimestamp: '2026-01-01T00:00:00.000000Z',
    stageTimestamp: '2026-01-01T00:00:00.000000Z',
    ...more,
  }
}

t.test('renewals and watches are told apart from all else', async (t) => {
  const events = [
    request('update', 'leases'),
    request('get', 'leases'),
    request('watch', 'leases'),
    request('watch', 'deliveries'),
    request('list', 'deliveries'),
  ]
  t.same(countRequests(events, reconciler), {
    apiRequests: 5,
    leaseRequests: 2,
    watchRequests: 2,
    others: ['list /apis/x/v1/deliveries'],
  })
})

t.test('a request is counted once, and only of that user', async (t) => {
  const events = [
    request('get', 'deployments'),
    request('get', 'deployments', { stage: 'ResponseComplete' }),
    request('get', 'deployments', { user: { username: 'system:node:a' } }),
  ]
  t.equal(countRequests(events, reconciler).apiRequests, 1)
})

t.test('what is asked as a tenant counts', async (t) => {
  const asTenant = { impersonatedUser: { username: 'system:serviceaccount:predictor:predictor-deployer' } }
  t.equal(countRequests([request('get', 'deployments', asTenant)], reconciler).others.length, 1)
})
