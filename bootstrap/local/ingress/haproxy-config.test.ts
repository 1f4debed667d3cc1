import * as fc from 'fast-check'
import t from 'tap'
import { haproxyConfig } from './haproxy-config.ts'
import type { HostRoutes, PathRoute, RoutingTable, Target } from './routing.ts'

const settings = { httpPort: 8080, adminPort: 8405 }

function tableOf(hosts: readonly HostRoutes[], fallback?: Target): RoutingTable {
  return { hosts, certificates: [], served: [], problems: [], ...(fallback && { fallback }) }
}

function toService(name: string, address = '10.96.0.1', port = 80): Target {
  return { kind: 'service', service: { namespace: 'shop', name }, address, port }
}

function pathRoute(match: PathRoute['match'], path: string, target = toService('a')): PathRoute {
  return { match, path, target }
}

function linesOf(table: RoutingTable, of: RegExp): readonly string[] {
  return haproxyConfig(table, settings)
    .text.split('\n')
    .map((line) => line.trim())
    .filter((line) => of.test(line))
}

t.test('each host is asked for before its paths, and a path that it lacks is not looked for elsewhere', async (t) => {
  const table = tableOf([
    { host: 'www.a.test', routes: [pathRoute('exact', '/x'), pathRoute('prefix', '/y', toService('b'))] },
    { host: '*.a.test', routes: [pathRoute('prefix', '')] },
    { host: '', routes: [pathRoute('prefix', '/z')] },
  ])

  t.same(linesOf(table, /^(acl|use_backend|default_backend)/), [
    'acl host_0 var(txn.host) -m str www.a.test',
    'use_backend shop:a:80 if host_0 { path -m str /x }',
    'use_backend shop:b:80 if host_0 { var(txn.elements) -m beg /y/ }',
    'use_backend not-found if host_0',
    "acl host_1 var(txn.host) -m reg '^[^.]+[.]a[.]test$'",
    'use_backend shop:a:80 if host_1',
    'use_backend shop:a:80 if { var(txn.elements) -m beg /z/ }',
    'use_backend not-found',
    'default_backend not-found',
  ])
})

t.test('what no rule matches goes to the default backend of the host, or else of all', async (t) => {
  const table = tableOf(
    [
      { host: 'a.test', routes: [], fallback: toService('a') },
      { host: 'b.test', routes: [] },
    ],
    toService('all'),
  )

  t.same(linesOf(table, /^(use_backend|default_backend)/), [
    'use_backend shop:a:80 if host_0',
    'use_backend shop:all:80 if host_1',
    'default_backend shop:all:80',
  ])
})

t.test('each Service is one backend, by its address', async (t) => {
  const table = tableOf(
    [
      { host: 'a.test', routes: [pathRoute('exact', '/1'), pathRoute('exact', '/2')] },
      { host: 'b.test', routes: [pathRoute('exact', '/', { kind: 'unavailable' })] },
    ],
    toService('six', 'fd00::6', 8080),
  )

  t.same(linesOf(table, /^(backend|server)/), [
    'backend shop:a:80',
    'server service 10.96.0.1:80',
    'backend shop:six:8080',
    'server service [fd00::6]:8080',
    'backend not-found',
    'backend unavailable',
  ])
})

t.test('TLS is served only where there is a certificate', async (t) => {
  const tls = { port: 8443, certificateList: '/run/tls/x.list' }

  t.notMatch(haproxyConfig(tableOf([]), settings).text, /ssl crt-list/)
  t.match(
    haproxyConfig(tableOf([]), { ...settings, tls }).text,
    'bind :8443 ssl crt-list /run/tls/x.list alpn h2,http/1.1',
  )
})

t.test('the same table gives the same text, and another table another revision', async (t) => {
  const one = tableOf([{ host: 'a.test', routes: [pathRoute('exact', '/1')] }])
  const other = tableOf([{ host: 'a.test', routes: [pathRoute('exact', '/2')] }])

  t.same(haproxyConfig(one, settings), haproxyConfig(structuredClone(one), settings))
  t.not(haproxyConfig(one, settings).revision, haproxyConfig(other, settings).revision)
  t.match(haproxyConfig(one, settings).text, haproxyConfig(one, settings).revision)
})

const paths: Record<string, [path: string, word: string]> = {
  'an ordinary path stays as it is': ['/v1/quote_a-b.c~d', '/v1/quote_a-b.c~d'],
  'a space is percent-encoded': ['/a b', '/a%20b'],
  'text that is not ASCII is encoded as UTF-8': ['/é/価', '/%C3%A9/%E4%BE%A1'],
  'what is encoded already stays so': ['/a%20b', '/a%20b'],
  'a lone percent sign is encoded': ['/100%/x%zz', '/100%25/x%25zz'],
  'a newline is encoded': ['/a\n  use_backend evil', '/a%0A%20%20use_backend%20evil'],
  'quotes, backslash, hash and braces are encoded': ['/"\\#{}', '/%22%5C%23%7B%7D'],
  'what is legal in a path and not in the file is escaped': ["/it's($HOME)", '/it\\x27s\\x28\\x24HOME\\x29'],
}

for (const [sentence, [path, word]] of Object.entries(paths)) {
  t.test(sentence, async (t) => {
    const table = tableOf([{ host: 'a.test', routes: [pathRoute('exact', path)] }])

    t.same(linesOf(table, /^use_backend shop/), [`use_backend shop:a:80 if host_0 { path -m str ${word} }`])
  })
}

t.test('no path can add a line or a word to the configuration', async (t) => {
  const harmless = haproxyConfig(tableOf([{ host: 'a.test', routes: [pathRoute('prefix', '/x')] }]), settings).text
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.constantFrom('exact', 'prefix'), (path, match) => {
      const { text } = haproxyConfig(tableOf([{ host: 'a.test', routes: [pathRoute(match, `/${path}`)] }]), settings)
      const rule = text.split('\n').find((line) => line.startsWith('  use_backend shop'))
      t.equal(text.split('\n').length, harmless.split('\n').length)
      t.match(
        rule,
        /^ {2}use_backend shop:a:80 if host_0 \{ (path -m str|var\(txn\.elements\) -m beg) [\w./~%\\-]+ \}$/,
      )
    }),
  )
})
