import t from 'tap'
import { addressesOf, entriesOf } from './watched.ts'

const metadata = {
  name: 'server-1',
  namespace: 'app',
  creationTimestamp: '2026-11-26T06:00:00Z',
  labels: { app: 'server' },
}

t.test('a pod is known with its address, once it has one of its own', async (t) => {
  const spec = { containers: [{ ports: [{ name: 'http', containerPort: 8080 }, { containerPort: 9 }] }, {}] }
  const event = (more: object) => JSON.stringify({ type: 'MODIFIED', object: { metadata, spec, ...more } })

  t.match(entriesOf('pods', event({ status: {} })), [{ kind: 'pod', ip: undefined, pod: { name: 'server-1' } }])
  t.same(entriesOf('pods', event({ status: { podIP: '10.77.0.2' }, spec: { ...spec, hostNetwork: true } })), [])
  t.same(entriesOf('pods', event({ status: { podIP: '10.244.0.7' } })), [
    {
      kind: 'pod',
      ip: '10.244.0.7',
      createdAtMs: Date.UTC(2026, 10, 26, 6),
      pod: { kind: 'pod', namespace: 'app', name: 'server-1', labels: { app: 'server' }, ports: { http: 8080 } },
    },
  ])
})

t.test('a policy goes, the labels of a Namespace stay for what was opened in it', async (t) => {
  const spec = { podSelector: {} }
  const policy = { metadata: { namespace: 'app', name: 'server-1' }, spec }
  t.same(entriesOf('networkpolicies', JSON.stringify({ type: 'ADDED', object: { metadata, spec } })), [
    { kind: 'policy', policy, isDeleted: false },
  ])
  t.same(entriesOf('networkpolicies', JSON.stringify({ type: 'DELETED', object: { metadata, spec } })), [
    { kind: 'policy', policy, isDeleted: true },
  ])
  t.same(entriesOf('namespaces', JSON.stringify({ type: 'ADDED', object: { metadata } })), [
    { kind: 'namespace', name: 'server-1', labels: { app: 'server' } },
  ])
  t.same(entriesOf('namespaces', JSON.stringify({ type: 'DELETED', object: { metadata } })), [])
})

t.test('an attachment tells what address a pod was given', async (t) => {
  const cniArgs = [
    ['IgnoreUnknown', '1'],
    ['K8S_POD_NAMESPACE', 'app'],
    ['K8S_POD_NAME', 'server-1'],
  ]
  const attachment = (address: string) =>
    JSON.stringify({ kind: 'cniCacheV1', cniArgs, result: { ips: [{ address }] } })
  t.same(addressesOf(attachment('10.244.0.7/32')), [
    { kind: 'address', ip: '10.244.0.7', namespace: 'app', name: 'server-1' },
  ])
  t.same(addressesOf(attachment('127.0.0.1/8')), [], 'each has that')
  t.same(addressesOf('{"cniArgs":[],"result":{"ips":[{"address":"10.244.0.7/32"}]}}'), [])
  t.throws(() => addressesOf(attachment('10.244.0.7/32').slice(0, 40)), SyntaxError, 'it is written still')
})
