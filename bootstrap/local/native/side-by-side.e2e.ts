import { existsSync } from 'node:fs'
import t from 'tap'
import { nativeBackend } from './backend.ts'
import { clusterName, hostSettings, kubectl } from './testing.ts'
import { leftovers, tracesOf } from './traces.ts'

t.setTimeout(300_000)

t.test('two clusters come up at once, share nothing, and one goes without the other', async (t) => {
  const backend = nativeBackend()
  const before = await hostSettings()
  const names = [clusterName(t), clusterName(t)] as const
  const [one, two] = await Promise.all([backend.up({ name: names[0] }), backend.up({ name: names[1] })])
  t.not(one.nodeIp, two.nodeIp)

  await kubectl(one, 'create', 'namespace', 'only-in-one')
  t.match(await kubectl(one, 'get', 'namespaces', '-o', 'name'), 'namespace/only-in-one')
  t.notMatch(await kubectl(two, 'get', 'namespaces', '-o', 'name'), 'only-in-one')
  t.match(await kubectl(two, 'get', 'nodes', '-o', 'name'), `node/${two.nodeName}`)

  const traces = await tracesOf(one.name)
  t.equal(traces.namespaces.length, 2, 'it had a network and a mount namespace')
  await backend.down({ name: one.name })
  t.same(await leftovers(one.name, traces), [])
  t.notOk(existsSync(one.stateDir))
  t.match(await kubectl(two, 'get', '--raw', '/readyz'), 'ok')
  t.match(await backend.find(two.name), { name: two.name, nodeIp: two.nodeIp })
  t.equal(await backend.find(one.name), undefined)

  const tracesOfTwo = await tracesOf(two.name)
  await backend.down({ name: two.name })
  t.same(await leftovers(two.name, tracesOfTwo), [])
  t.same(await hostSettings(), before, 'the host is as it was')
})
