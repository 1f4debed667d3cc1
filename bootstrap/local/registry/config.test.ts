import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { ConfigError, parseConfig, readConfigFile } from './config.ts'

const minimal = {
  hosts: { registry: 'registry.windlass.test', blobs: 'blobs.windlass.test', entra: 'login.windlass.test' },
  stateDir: '/var/lib/registry',
  distribution: { url: 'http://127.0.0.1:5000' },
  entra: { tenantId: '11111111-2222-4333-8444-555555555555', issuers: [] },
  identities: [],
}

const workload = {
  name: 'reconciler',
  clientId: 'aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee',
  federated: { issuer: 'https://cluster', subject: 'system:serviceaccount:a:b', audience: 'api://x' },
  permissions: [{ repository: 'team/*', actions: ['pull'] }],
}

t.test('what is left out has its default', async (t) => {
  const config = parseConfig(minimal)
  t.match(config, {
    listen: { host: '127.0.0.1', port: 0 },
    lifetimes: { accessTokenSeconds: 4500 },
    referrers: { api: true, pageSize: 100 },
    attributesMoveUpdateTime: false,
  })
})

t.test('a part of an object may be given and the rest has its defaults', async (t) => {
  t.same(parseConfig({ ...minimal, referrers: { api: false } }).referrers, { api: false, pageSize: 100 })
})

t.test('all that is wrong is told at once, each by its place', async (t) => {
  const input = { ...minimal, hosts: { registry: 'r.test', blobs: 'b.test' }, stateDir: 7, colour: 'blue' }
  t.throws(() => parseConfig(input), ConfigError)
  const problems = problemsOf(input)
  t.ok(problems.some((problem) => problem.startsWith('hosts ') && problem.includes('entra')))
  t.ok(problems.some((problem) => problem.startsWith('stateDir ')))
  t.ok(problems.some((problem) => problem.includes('colour')))
})

const refused: Readonly<Record<string, readonly [object, RegExp]>> = {
  'plain HTTP on an address that others can reach': [{ listen: { host: '0.0.0.0' } }, /tls is needed/],
  'one name for two hosts': [{ hosts: { ...minimal.hosts, blobs: 'registry.windlass.test' } }, /must differ/],
  'an identity of an issuer that is not there': [{ identities: [workload] }, /which entra\.issuers lacks/],
  'two identities of one name': [
    {
      identities: ['a', 'b'].map((username) => ({ name: 'twin', username, password: 'x', permissions: [] })),
    },
    /name twin is there twice/,
  ],
  'an action that ACR does not know': [
    { identities: [{ ...workload, permissions: [{ repository: 'a', actions: ['fly'] }] }] },
    /actions/,
  ],
  'a pattern with more than one star': [
    { identities: [{ ...workload, permissions: [{ repository: '*/a*', actions: ['pull'] }] }] },
    /pattern/,
  ],
}

for (const [name, [change, expected]] of Object.entries(refused)) {
  t.test(`refused: ${name}`, async (t) => {
    t.match(problemsOf({ ...minimal, ...change }).join('\n'), expected)
  })
}

t.test('a file that is not JSON is named', async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'windlass-config-'))
  t.teardown(() => rm(dir, { recursive: true }))
  const file = join(dir, 'registry.json')
  await writeFile(file, '{')
  await t.rejects(readConfigFile(file), { name: 'ConfigError', message: new RegExp(file) })
})

function problemsOf(input: unknown): readonly string[] {
  try {
    parseConfig(input)
    return []
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
}
