import t from 'tap'
import type { ClusterObjects, RoutingTable } from './routing.ts'
import { routingTable } from './routing.ts'
import type { ServiceDraft } from './testing.ts'
import { ingress, ourClass, rule, service, to } from './testing.ts'

function tableOf(objects: Partial<ClusterObjects>): RoutingTable {
  return routingTable({
    ingressClasses: [ourClass],
    services: [service('a', '10.96.0.1'), service('b', '10.96.0.2')],
    ingresses: [],
    ...objects,
  })
}

/** The table as `host match:path → address:port`, in the order in which a request meets it. */
function lines(table: RoutingTable): readonly string[] {
  return table.hosts.flatMap(({ host, routes }) =>
    routes.map(({ match, path, target }) => {
      const where = target.kind === 'service' ? `${target.address}:${target.port}` : target.kind
      return `${host || 'any'} ${match}:${path} → ${where}`
    }),
  )
}

t.test('an Ingress is ours by the controller that its class names, whatever the class is called', async (t) => {
  const table = tableOf({
    ingressClasses: [ourClass, { metadata: { name: 'theirs' }, spec: { controller: 'example.com/other' } }],
    ingresses: [
      ingress({ name: 'ours', rules: [rule('a.test', ['Prefix', '/', to('a')])] }),
      ingress({ name: 'theirs', className: 'theirs', rules: [rule('b.test', ['Prefix', '/', to('a')])] }),
      ingress({ name: 'unknown', className: 'missing', rules: [rule('c.test', ['Prefix', '/', to('a')])] }),
      ingress({ name: 'none', className: null, rules: [rule('d.test', ['Prefix', '/', to('a')])] }),
    ],
  })

  t.same(table.served, [{ namespace: 'shop', name: 'ours' }])
  t.same(lines(table), ['a.test prefix: → 10.96.0.1:80'])
})

t.test('precise hosts come before wildcards, and rules without a host last', async (t) => {
  const table = tableOf({
    ingresses: [
      ingress({
        rules: [
          rule(undefined, ['Prefix', '/', to('a')]),
          rule('*.example.test', ['Prefix', '/', to('a')]),
          rule('www.example.test', ['Prefix', '/', to('b')]),
        ],
      }),
    ],
  })

  t.same(
    table.hosts.map(({ host }) => host),
    ['www.example.test', '*.example.test', ''],
  )
})

t.test('below a host exact paths come before prefixes, and long prefixes before short ones', async (t) => {
  const table = tableOf({
    ingresses: [
      ingress({
        rules: [
          rule(
            'a.test',
            ['Prefix', '/', to('a')],
            ['Prefix', '/foo/', to('a')],
            ['Prefix', '/foo/bar', to('b')],
            ['Exact', '/foo', to('b')],
            ['ImplementationSpecific', '/other', to('a')],
          ),
        ],
      }),
    ],
  })

  t.same(lines(table), [
    'a.test exact:/foo → 10.96.0.2:80',
    'a.test prefix:/foo/bar → 10.96.0.2:80',
    'a.test prefix:/other → 10.96.0.1:80',
    'a.test prefix:/foo → 10.96.0.1:80',
    'a.test prefix: → 10.96.0.1:80',
  ])
})

t.test('of two equal rules the older Ingress keeps the path, and the younger is told', async (t) => {
  const younger = ingress({
    name: 'a-younger',
    createdAt: '2026-01-02T00:00:00Z',
    rules: [rule('a.test', ['Prefix', '/x/', to('b')], ['Prefix', '/y', to('b')])],
  })
  const older = ingress({
    name: 'older',
    createdAt: '2026-01-01T00:00:00Z',
    rules: [rule('a.test', ['Prefix', '/x', to('a')])],
  })

  for (const ingresses of [
    [younger, older],
    [older, younger],
  ]) {
    const table = tableOf({ ingresses })
    t.same(lines(table), ['a.test prefix:/x → 10.96.0.1:80', 'a.test prefix:/y → 10.96.0.2:80'])
    t.same(
      table.problems.map(({ ingress }) => ingress.name),
      ['a-younger'],
    )
    t.match(table.problems[0]?.message, /\/x.*taken by an older rule/)
  }
})

t.test('an age that came as text, as from a watch, counts like one that came as a Date', async (t) => {
  const older = ingress({ name: 'older', rules: [rule('a.test', ['Exact', '/', to('a')])] })
  Object.assign(older.metadata ?? {}, { creationTimestamp: '2025-12-31T23:59:59Z' })
  const younger = ingress({ name: 'a-younger', rules: [rule('a.test', ['Exact', '/', to('b')])] })

  t.same(lines(tableOf({ ingresses: [younger, older] })), ['a.test exact:/ → 10.96.0.1:80'])
})

t.test(
  'Ingresses of one age are ordered by name, so that the table does not depend on the order of a list',
  async (t) => {
    const first = ingress({ name: 'first', rules: [rule('a.test', ['Exact', '/', to('a')])] })
    const second = ingress({ name: 'second', rules: [rule('a.test', ['Exact', '/', to('b')])] })

    t.same(tableOf({ ingresses: [second, first] }), tableOf({ ingresses: [first, second] }))
  },
)

t.test('a default backend serves what no rule matches: first that of the host, then the oldest of all', async (t) => {
  const table = tableOf({
    ingresses: [
      ingress({ name: 'catch-all', createdAt: '2025-01-01T00:00:00Z', defaultBackend: to('a') }),
      ingress({ name: 'with-own', rules: [rule('a.test', ['Exact', '/x', to('a')])], defaultBackend: to('b') }),
      ingress({ name: 'without', rules: [rule('b.test', ['Exact', '/x', to('a')])] }),
      ingress({ name: 'late', createdAt: '2026-05-01T00:00:00Z', defaultBackend: to('b') }),
    ],
  })

  t.match(table.fallback, { service: { name: 'a' } })
  t.match(table.hosts, [{ host: 'a.test', fallback: { service: { name: 'b' } } }, { host: 'b.test' }])
  t.notOk(table.hosts[1]?.fallback)
  t.same(
    table.problems.map(({ ingress }) => ingress.name),
    ['late'],
  )
})

const ports = [
  { name: 'http', port: 80, protocol: 'TCP' },
  { name: 'dns', port: 53, protocol: 'UDP' },
  { name: 'admin', port: 9000 },
]

const backends: Record<string, { port: number | string; spec?: ServiceDraft; expected: string; problem?: RegExp }> = {
  'a port by number': { port: 80, expected: '10.96.0.9:80' },
  'a port by name': { port: 'admin', expected: '10.96.0.9:9000' },
  'an IPv6 cluster IP': { port: 80, spec: { clusterIP: 'fd00::9' }, expected: 'fd00::9:80' },
  'a port that the Service does not have': { port: 81, expected: 'unavailable', problem: /no TCP port 81/ },
  'a port name that it does not have': { port: 'web', expected: 'unavailable', problem: /no TCP port web/ },
  'a UDP port': { port: 'dns', expected: 'unavailable', problem: /no TCP port dns/ },
  'a headless Service': {
    port: 80,
    spec: { clusterIP: 'None' },
    expected: 'unavailable',
    problem: /has no cluster IP/,
  },
  'an ExternalName Service, even with a cluster IP left over': {
    port: 80,
    spec: { type: 'ExternalName', externalName: 'metadata.internal' },
    expected: 'unavailable',
    problem: /has no cluster IP/,
  },
  'a Service that has no address yet': {
    port: 80,
    spec: { clusterIP: '' },
    expected: 'unavailable',
    problem: /has no cluster IP/,
  },
}

for (const [name, { port, spec, expected, problem }] of Object.entries(backends)) {
  t.test(`backend: ${name}`, async (t) => {
    const table = tableOf({
      services: [service('x', '10.96.0.9', { ports, ...spec })],
      ingresses: [ingress({ rules: [rule('a.test', ['Exact', '/', to('x', port)])] })],
    })

    t.same(lines(table), [`a.test exact:/ → ${expected}`])
    if (problem) t.match(table.problems[0]?.message, problem)
    else t.same(table.problems, [])
  })
}

t.test('a Service of the same name in another namespace is not the backend', async (t) => {
  const table = tableOf({
    services: [service('a', '10.96.0.1', {}, 'other')],
    ingresses: [ingress({ rules: [rule('a.test', ['Exact', '/', to('a')])] })],
  })

  t.same(lines(table), ['a.test exact:/ → unavailable'])
  t.match(table.problems[0]?.message, /Service shop\/a does not exist/)
})

t.test('a backend that is a resource is unavailable', async (t) => {
  const resource = { resource: { apiGroup: 'k8s.example.com', kind: 'StorageBucket', name: 'static' } }
  const table = tableOf({ ingresses: [ingress({ rules: [rule('a.test', ['Exact', '/', resource])] })] })

  t.same(lines(table), ['a.test exact:/ → unavailable'])
})

for (const host of [
  'a b',
  'a.test }\n  use_backend x',
  '*',
  '*.*.test',
  'a..test',
  'A.test',
  '-a.test',
  `${'a'.repeat(64)}.test`,
]) {
  t.test(`a host that is no DNS name is left out: ${JSON.stringify(host)}`, async (t) => {
    const table = tableOf({ ingresses: [ingress({ rules: [rule(host, ['Exact', '/', to('a')])] })] })

    t.same(table.hosts, [])
    t.match(table.problems[0]?.message, /is neither a DNS name nor a wildcard/)
  })
}

t.test('a host without paths is known, so that its requests go to the default backend', async (t) => {
  const table = tableOf({ ingresses: [ingress({ rules: [{ host: 'a.test' }], defaultBackend: to('a') })] })

  t.match(table.hosts, [{ host: 'a.test', routes: [], fallback: { service: { name: 'a' } } }])
})

t.test('certificates are asked for by Secret, with the hosts that are DNS names', async (t) => {
  const table = tableOf({
    ingresses: [ingress({ tls: [{ hosts: ['a.test', 'b\nc'], secretName: 'cert' }, { hosts: ['c.test'] }] })],
  })

  t.same(table.certificates, [{ secret: { namespace: 'shop', name: 'cert' }, hosts: ['a.test'] }])
})
