import t from 'tap'
import { type Entry, judgeRecording, nameOfEnd } from './recording.ts'
import type { NetworkPolicy } from './policy.ts'

const place = { node: ['10.77.0.2', '10.244.0.1'], podCidr: '10.244.0.0/16' }

function pod(name: string, ip: string, createdAtMs: number): Entry {
  return {
    kind: 'pod',
    ip,
    createdAtMs,
    pod: { kind: 'pod', namespace: 'app', name, labels: { app: name }, ports: {} },
  }
}

function connection(from: string, to: string, atMs: number): Entry {
  return { kind: 'connection', atMs, protocol: 'TCP', from, to, port: 80 }
}

const closed: NetworkPolicy = { metadata: { namespace: 'app', name: 'closed' }, spec: { podSelector: {} } }

function verdicts(entries: readonly Entry[]): readonly string[] {
  return judgeRecording(entries, place).connections.map(
    ({ from, to, verdict }) => `${nameOfEnd(from)} > ${nameOfEnd(to)}: ${verdict.kind}`,
  )
}

t.test('a connection is judged by the policies that stood when it was opened', async (t) => {
  const ends = [pod('a', '10.244.0.2', 1), pod('b', '10.244.0.3', 1)]
  const open = connection('10.244.0.2', '10.244.0.3', 10)
  t.same(
    verdicts([
      ...ends,
      open,
      { kind: 'policy', policy: closed, isDeleted: false },
      open,
      { kind: 'policy', policy: closed, isDeleted: true },
      open,
      { kind: 'policy', policy: closed, isDeleted: false },
      { kind: 'policies-anew' },
      open,
    ]),
    ['app/a > app/b: allowed', 'app/a > app/b: denied', 'app/a > app/b: allowed', 'app/a > app/b: allowed'],
  )
})

t.test('a pod that was gone before the API had its address is known by what the network plugin gave it', async (t) => {
  const { ip: _, ...fleeting } = pod('fleeting', '', 100) as Extract<Entry, { kind: 'pod' }>
  const given: Entry = { kind: 'address', ip: '10.244.0.9', namespace: 'app', name: 'fleeting' }
  const open = connection('10.244.0.9', '10.77.0.2', 150)
  t.same(verdicts([open, fleeting, given]), ['app/fleeting > node: allowed'])
  t.match(judgeRecording([open, fleeting], place).unjudged, [/10\.244\.0\.9 to .*no such pod/])
  t.match(judgeRecording([open, given], place).unjudged, [/no such pod/], 'one that the API never had is none')
})

t.test('an address is of the pod that had it then, known of before the connection or after', async (t) => {
  const entries = [
    connection('10.244.0.2', '10.77.0.2', 150),
    pod('young', '10.244.0.2', 200),
    pod('old', '10.244.0.2', 100),
    connection('10.244.0.2', '10.77.0.2', 200),
  ]
  t.same(verdicts(entries), ['app/old > node: allowed', 'app/young > node: allowed'])
})

t.test('what no pod had, and what is missing, is said and not passed over', async (t) => {
  const { connections, unjudged } = judgeRecording(
    [
      pod('late', '10.244.0.2', 100),
      connection('10.244.0.2', '10.77.0.2', 99),
      connection('10.77.0.2', '10.244.9.9', 100),
      { kind: 'lost', why: 'conntrack ended' },
    ],
    place,
  )
  t.same(connections, [])
  t.match(unjudged, [/10\.244\.0\.2 to 10\.77\.0\.2, TCP 80: no such pod/, /10\.244\.9\.9/, 'conntrack ended'])
  t.equal(unjudged.length, 3)
})

t.test('the node is known by each of its addresses, and what is between it and the outside is no pod’s', async (t) => {
  t.same(
    verdicts([
      pod('a', '10.244.0.2', 1),
      { kind: 'policy', policy: closed, isDeleted: false },
      connection('10.244.0.1', '10.244.0.2', 10),
      connection('10.77.0.2', '10.244.0.2', 10),
      connection('10.77.0.1', '10.244.0.2', 10),
      connection('10.77.0.1', '10.77.0.2', 10),
      connection('127.0.0.1', '127.0.0.1', 10),
    ]),
    ['node > app/a: from-node', 'node > app/a: from-node', '10.77.0.1 > app/a: denied'],
  )
})
