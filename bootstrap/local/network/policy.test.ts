import t from 'tap'
import { type Attempt, type End, isInCidr, judge, type NetworkPolicy, type PodEnd } from './policy.ts'

const namespaces = {
  app: { 'kubernetes.io/metadata.name': 'app' },
  other: { 'kubernetes.io/metadata.name': 'other', team: 'blue' },
}
const server: PodEnd = {
  kind: 'pod',
  namespace: 'app',
  name: 'server-1',
  labels: { app: 'server' },
  ports: { http: 8080 },
}
const client: PodEnd = { kind: 'pod', namespace: 'app', name: 'client-1', labels: { app: 'client' }, ports: {} }
const stranger: PodEnd = { kind: 'pod', namespace: 'other', name: 'x', labels: { app: 'client' }, ports: {} }
const outside: End = { kind: 'outside', ip: '203.0.113.7' }
const metadata: End = { kind: 'outside', ip: '169.254.169.254' }
const node: End = { kind: 'node', ip: '10.0.0.4' }

type Spec = NetworkPolicy['spec']
const ofServer = { podSelector: { matchLabels: { app: 'server' } } }
const ofClient = { podSelector: { matchLabels: { app: 'client' } } }

interface Row extends Partial<Attempt> {
  readonly spec: Spec
  readonly expected: 'allowed' | 'from-node' | 'egress' | 'ingress'
}

/** Unless a row says otherwise, the client of the same namespace calls the server on TCP 8080. */
const rows: Readonly<Record<string, Row>> = {
  'a pod that no policy selects takes everything': { spec: ofClient, expected: 'allowed' },
  'a pod that one selects takes nothing that no rule lets': { spec: ofServer, expected: 'ingress' },
  'of another namespace it selects nothing': {
    spec: ofClient,
    from: outside,
    to: stranger,
    expected: 'allowed',
  },
  'an empty selector selects every pod of the namespace': { spec: { podSelector: {} }, expected: 'ingress' },
  'a rule without peers lets everybody': { spec: { ...ofServer, ingress: [{}] }, from: outside, expected: 'allowed' },
  'egress is free where the policy has no rule and no type of it': {
    spec: { ...ofClient, ingress: [] },
    to: outside,
    expected: 'allowed',
  },
  'egress is restricted where there are rules of it': { spec: { ...ofClient, egress: [] }, expected: 'egress' },
  'egress is restricted where the type says so': {
    spec: { ...ofClient, policyTypes: ['Egress'] },
    to: outside,
    expected: 'egress',
  },
  'ingress is free where the type is egress alone': {
    spec: { ...ofServer, policyTypes: ['Egress'] },
    expected: 'allowed',
  },
  'a pod selector alone is of the policy’s own namespace': {
    spec: { ...ofServer, ingress: [{ from: [ofClient] }] },
    expected: 'allowed',
  },
  'and of no other': { spec: { ...ofServer, ingress: [{ from: [ofClient] }] }, from: stranger, expected: 'ingress' },
  'a namespace selector lets all its pods': {
    spec: { ...ofServer, ingress: [{ from: [{ namespaceSelector: { matchLabels: { team: 'blue' } } }] }] },
    from: stranger,
    expected: 'allowed',
  },
  'both in one peer must match': {
    spec: {
      ...ofServer,
      ingress: [{ from: [{ namespaceSelector: { matchLabels: { team: 'blue' } }, ...ofServer }] }],
    },
    from: stranger,
    expected: 'ingress',
  },
  'of two peers one is enough': {
    spec: {
      ...ofServer,
      ingress: [{ from: [{ namespaceSelector: { matchLabels: { team: 'blue' } } }, ofServer] }],
    },
    from: stranger,
    expected: 'allowed',
  },
  'of two policies one is enough, and each must be asked': {
    spec: { ...ofServer, ingress: [{ from: [{ ipBlock: { cidr: '203.0.113.0/24' } }] }] },
    from: outside,
    expected: 'allowed',
  },
  'an address block matches what is outside': {
    spec: { ...ofServer, ingress: [{ from: [{ ipBlock: { cidr: '203.0.114.0/24' } }] }] },
    from: outside,
    expected: 'ingress',
  },
  'and no pod': { spec: { ...ofClient, egress: [{ to: [{ ipBlock: { cidr: '0.0.0.0/0' } }] }] }, expected: 'egress' },
  'but the node': {
    spec: { ...ofClient, egress: [{ to: [{ ipBlock: { cidr: '0.0.0.0/0' } }] }] },
    to: node,
    expected: 'allowed',
  },
  'and not what is excepted': {
    spec: { ...ofClient, egress: [{ to: [{ ipBlock: { cidr: '0.0.0.0/0', except: ['169.254.169.254/32'] } }] }] },
    to: metadata,
    expected: 'egress',
  },
  'a peer of nothing matches nothing': { spec: { ...ofServer, ingress: [{ from: [{}] }] }, expected: 'ingress' },
  'a port by its number': { spec: { ...ofServer, ingress: [{ ports: [{ port: 8080 }] }] }, expected: 'allowed' },
  'a port by its name at the pod': {
    spec: { ...ofServer, ingress: [{ ports: [{ port: 'http' }] }] },
    expected: 'allowed',
  },
  'another name': { spec: { ...ofServer, ingress: [{ ports: [{ port: 'admin' }] }] }, expected: 'ingress' },
  'another number': { spec: { ...ofServer, ingress: [{ ports: [{ port: 8081 }] }] }, expected: 'ingress' },
  'another protocol': {
    spec: { ...ofServer, ingress: [{ ports: [{ protocol: 'UDP', port: 8080 }] }] },
    expected: 'ingress',
  },
  'the last of a range': {
    spec: { ...ofServer, ingress: [{ ports: [{ port: 8000, endPort: 8080 }] }] },
    expected: 'allowed',
  },
  'after the last of a range': {
    spec: { ...ofServer, ingress: [{ ports: [{ port: 8000, endPort: 8079 }] }] },
    expected: 'ingress',
  },
  'all ports of a protocol': {
    spec: { ...ofServer, ingress: [{ ports: [{ protocol: 'TCP' }] }] },
    expected: 'allowed',
  },
  'peer and port must be of one rule': {
    spec: { ...ofServer, ingress: [{ from: [ofClient], ports: [{ port: 1 }] }, { from: [ofServer] }] },
    expected: 'ingress',
  },
  'the node reaches its pods, whatever a policy says': { spec: ofServer, from: node, expected: 'from-node' },
  'a pod reaches itself': {
    spec: { podSelector: {}, policyTypes: ['Ingress', 'Egress'] },
    from: server,
    expected: 'allowed',
  },
}

for (const [sentence, { spec, expected, ...attempt }] of Object.entries(rows)) {
  t.test(sentence, async (t) => {
    const policy: NetworkPolicy = { metadata: { namespace: 'app', name: 'policy' }, spec }
    const closed: NetworkPolicy = { metadata: { namespace: 'app', name: 'closed' }, spec: ofServer }
    const policies = sentence.startsWith('of two policies') ? [closed, policy] : [policy]
    const verdict = judge({ from: client, to: server, protocol: 'TCP', port: 8080, ...attempt }, policies, namespaces)

    t.equal(verdict.kind === 'denied' ? verdict.direction : verdict.kind, expected)
    if (verdict.kind === 'denied') t.same(verdict.by, ['app/policy'])
  })
}

t.test('expressions of selectors', async (t) => {
  const expressions: Readonly<Record<string, readonly [object, boolean]>> = {
    In: [{ operator: 'In', values: ['client'] }, true],
    'In, another': [{ operator: 'In', values: ['server'] }, false],
    NotIn: [{ operator: 'NotIn', values: ['server'] }, true],
    'NotIn, that one': [{ operator: 'NotIn', values: ['client'] }, false],
    Exists: [{ operator: 'Exists' }, true],
    DoesNotExist: [{ operator: 'DoesNotExist' }, false],
  }
  for (const [name, [expression, isLet]] of Object.entries(expressions)) {
    const podSelector = { matchExpressions: [{ key: 'app', operator: '', ...expression }] }
    const spec = { ...ofServer, ingress: [{ from: [{ podSelector }] }] }
    const policies = [{ metadata: { namespace: 'app', name: 'policy' }, spec }]
    const { kind } = judge({ from: client, to: server, protocol: 'TCP', port: 8080 }, policies, namespaces)
    t.equal(kind === 'allowed', isLet, name)
  }
})

t.test('the first and the last address of a block are in it, those beside are not', async (t) => {
  t.ok(isInCidr('10.0.4.0', '10.0.4.0/22'))
  t.ok(isInCidr('10.0.7.255', '10.0.4.0/22'))
  t.notOk(isInCidr('10.0.3.255', '10.0.4.0/22'))
  t.notOk(isInCidr('10.0.8.0', '10.0.4.0/22'))
  t.ok(isInCidr('255.255.255.255', '0.0.0.0/0'))
  t.throws(() => isInCidr('fe80::1', '0.0.0.0/0'), /no IPv4 address/)
})
