import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import t from 'tap'
import { parse, stringify } from 'yaml'
import { contextBackend } from './context.ts'
import { sharedApiServer } from './testing.ts'
import { ensureTools } from './tools.ts'

t.setTimeout(180_000)

interface Kubeconfig {
  readonly clusters: readonly { readonly name: string; readonly cluster: { readonly server: string } }[]
  readonly contexts: readonly { readonly name: string }[]
  readonly users: readonly { readonly name: string }[]
  readonly 'current-context': string
}

/** A kubeconfig whose current context is another than the one under test, and counts who calls it. */
async function setUp(t: Test) {
  const { kubeconfig } = await sharedApiServer(t)
  let calls = 0
  const other = createServer((socket) => {
    calls += 1
    socket.destroy()
  })
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
  t.teardown(() => other.close())
  const real = parse(await readFile(kubeconfig, 'utf8')) as Kubeconfig
  const otherUrl = `https://127.0.0.1:${(other.address() as AddressInfo).port}`
  const dir = await mkdtemp(join(tmpdir(), 'windlass-context-'))
  t.teardown(() => rm(dir, { recursive: true, force: true }))
  const file = join(dir, 'kubeconfig')
  const mixed = {
    ...real,
    clusters: [...real.clusters, { name: 'other', cluster: { server: otherUrl } }],
    users: [...real.users, { name: 'other', user: { token: 'secret-of-other' } }],
    contexts: [...real.contexts, { name: 'other', context: { cluster: 'other', user: 'other' } }],
    'current-context': 'other',
  }
  await writeFile(file, stringify(mixed))
  const before = { KUBECONFIG: process.env['KUBECONFIG'], XDG_STATE_HOME: process.env['XDG_STATE_HOME'] }
  Object.assign(process.env, { KUBECONFIG: file, XDG_STATE_HOME: dir })
  t.teardown(() => {
    for (const [name, value] of Object.entries(before)) {
      if (value === undefined) delete process.env[name]
      else process.env[name] = value
    }
  })
  return { file, mixed, context: real['current-context'], calls: () => calls }
}

t.test('a context is used through a copy that holds no other', async (t) => {
  const { file, mixed, context, calls } = await setUp(t)
  const backend = contextBackend(context)
  t.equal(await backend.find('x'), undefined, 'not there before it is brought up')

  const cluster = await backend.up({ name: 'x' })
  const copy = parse(await readFile(cluster.kubeconfig, 'utf8')) as Kubeconfig
  t.equal(copy['current-context'], context)
  t.same(
    [copy.contexts.length, copy.clusters.length, copy.users.length],
    [1, 1, 1],
    'one context, one cluster and one user',
  )
  t.notMatch(await readFile(cluster.kubeconfig, 'utf8'), 'secret-of-other')
  t.same(parse(await readFile(file, 'utf8')), mixed, 'the user’s own file stays as it is')

  const { kubectl } = await ensureTools(['kubectl'])
  const { stdout } = await cluster.exec(kubectl, ['get', 'namespaces', '-o', 'name'])
  t.match(stdout, 'namespace/kube-system')
  t.match(await backend.find('x'), { name: 'x', backend: 'context', kubeconfig: cluster.kubeconfig })
  t.equal(calls(), 0, 'the cluster of the current context was never called')
})

t.test('down removes the copy and nothing else, and may be called again', async (t) => {
  const { context } = await setUp(t)
  const backend = contextBackend(context)
  const cluster = await backend.up({ name: 'x' })
  const steps: string[] = []
  await backend.down({ name: 'x', onStep: (step) => steps.push(step) })
  t.match(steps.join('\n'), /not made here/)
  t.notOk(existsSync(cluster.stateDir))
  await backend.down({ name: 'x' })
  await t.resolves(backend.up({ name: 'x' }), 'the cluster is still there')
})

t.test('a context that does not exist, or does not answer, is said by name', async (t) => {
  const { context } = await setUp(t)
  await t.rejects(contextBackend('nope').up({ name: 'x' }), {
    message: `the kubeconfig has no context 'nope' (it has: ${context}, other)`,
  })
  await t.rejects(contextBackend('other').up({ name: 'x' }), { message: /^the cluster of context 'other' \(https:/ })
  t.equal(await contextBackend('other').find('x'), undefined)
})
